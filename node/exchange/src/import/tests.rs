//! Whole files through their mappings: what is staged sums to what the file itself sums to.

use std::collections::HashMap;
use std::path::PathBuf;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;

use chancery_schema::data::{DataFormat, WriteOptions, writer};
use chancery_schema::message::MessageHeader;

use super::check::Checked;
use super::*;
use crate::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};

type Fields = HashMap<String, String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A node without a forum.
async fn node(dir: &Path) -> Node {
    let member = MemberConfig { id: "GTM".to_owned(), name: "A".to_owned(), role: "member-state".to_owned() };
    let config = NodeConfig {
        member,
        http: HttpConfig::default(),
        network: NetworkConfig::default(),
        database: DatabaseConfig::default(),
        query: QueryLimits::default(),
    };
    Node::open(dir, config).await.unwrap()
}

/// The total of what a file and a mapping give after all checks, or what is wrong.
fn staged(mapping: &str, file: &Path) -> std::result::Result<f64, String> {
    let mapping = Mapping::parse(mapping).map_err(|errors| all_of("the mapping", &errors).to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let node = node(dir.path()).await;
        let schema = node.dataset_schema(&mapping.dataflow).unwrap();
        let checked = node.check_file(Some(file), mapping, &schema, &Checks::default(), Progress::default()).await;
        let Checked { staged, findings, .. } = checked.map_err(|error| error.to_string())?;
        if findings.errors() > 0 {
            let first = &findings.problems[..findings.problems.len().min(3)];
            return Err(format!("{} errors, such as {first:#?}", findings.errors()));
        }
        let batches = chancery_query::artefact::read(&staged).unwrap().map(|batch| batch.unwrap());
        let total = |batch: &RecordBatch| {
            batch.column(schema.measure_index()).as_primitive::<Float64Type>().iter().flatten().sum::<f64>()
        };
        Ok(batches.map(|batch| total(&batch)).sum())
    })
}

/// The total of a file's columns over the rows that count, read without any of our code.
fn own_total(file: &Path, columns: &[&str], counts: fn(&Fields) -> bool) -> f64 {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let rows = reader.deserialize::<Fields>().map(|row| row.unwrap()).filter(counts);
    rows.flat_map(|row| {
        columns
            .iter()
            .map(move |c| if *c == "1" { 1.0 } else { row[*c].parse::<f64>().unwrap_or(0.0).max(0.0) })
            .collect::<Vec<_>>()
    })
    .sum()
}

const ALL: fn(&Fields) -> bool = |_| true;
const SINGLE: fn(&Fields) -> bool = |row| row["is_aggregate"] == "0";
const POPULATION: [&str; 9] =
    ["refugees", "asylum_seekers", "returned_refugees", "idps", "returned_idps", "stateless", "ooc", "oip", "hst"];
const SOLUTIONS: [&str; 4] = ["returned_refugees", "resettlement", "naturalisation", "returned_idps"];
const DEMOGRAPHICS: [&str; 15] = [
    "f_0_4", "f_5_11", "f_12_17", "f_18_59", "f_60", "f_other", "f_total", "m_0_4", "m_5_11", "m_12_17", "m_18_59",
    "m_60", "m_other", "m_total", "total",
];

/// Mapping, file, the file's columns of figures, the rows that count.
type Case = (&'static str, &'static str, &'static [&'static str], fn(&Fields) -> bool);

fn check(cases: &[Case]) {
    let data = root().join("../shared/data");
    if !data.is_dir() {
        println!("skipped: the source files are not beside the repository");
        return;
    }
    for (mapping, file, columns, counts) in cases {
        let text = std::fs::read_to_string(root().join(format!("examples/mappings/{mapping}.toml"))).unwrap();
        let file = data.join(file);
        let total = staged(&text, &file).unwrap_or_else(|wrong| panic!("{mapping} on {}: {wrong}", file.display()));
        let own = own_total(&file, columns, *counts);
        assert!(
            (total - own).abs() <= own.abs() * 1e-12,
            "{mapping} on {}: {total}, the file itself has {own}",
            file.display()
        );
    }
}

#[test]
fn figures_of_states_sum_to_what_their_files_say() {
    check(&[
        ("guatemala_returns", "returns_and_transits/guatemala.csv", &["n"], ALL),
        ("honduras_returns", "returns_and_transits/honduras.csv", &["n"], ALL),
        ("mexico_returns", "returns_and_transits/mexico_exp.csv", &["n"], ALL),
        ("darien_nationalities", "returns_and_transits/darien_nat.csv", &["n"], ALL),
        ("darien_sex_and_age", "returns_and_transits/darien_dmg.csv", &["n"], ALL),
        ("honduras_nationalities", "returns_and_transits/honduras_nat.csv", &["n"], ALL),
        ("honduras_sex_and_age", "returns_and_transits/honduras_dmg.csv", &["n"], ALL),
        ("mexico_nationalities", "returns_and_transits/mexico_nat.csv", &["n"], ALL),
        ("mexico_sex_and_age", "returns_and_transits/mexico_dmg.csv", &["n"], ALL),
        ("usa_encounters", "returns_and_transits/usa_swb_encounters.csv", &["n"], ALL),
        ("corridor_four_reporters", "rcm/corridor_PAN_HND_MEX_USA_monthly.csv", &["persons_or_events"], ALL),
        ("mirror_returns_received", "rcm/mirror_returns_MEX_GTM_monthly.csv", &["reported_by_GTM"], ALL),
        ("mirror_returns_sent", "rcm/mirror_returns_MEX_GTM_monthly.csv", &["reported_by_MEX"], ALL),
        ("untc_parties", "treaties/untc_status_2015.csv", &["1"], |row| {
            row["iso3"] != "EU" && !row["party_since"].is_empty()
        }),
        ("untc_signatures", "treaties/untc_status_2015.csv", &["1"], |row| {
            row["iso3"] != "EU" && !row["signed"].is_empty()
        }),
        ("ohchr_parties", "treaties/ohchr_core_status_2022.csv", &["1"], |row| row["state_party"] == "1"),
        ("ilo_ratifications", "treaties/ilo_ratifications_partial.csv", &["1"], ALL),
    ]);
}

#[test]
fn figures_of_organisations_sum_to_what_their_files_say() {
    check(&[
        ("idmc_flows", "displacement/idmc_flows.csv", &["n"], ALL),
        ("idmc_stocks", "displacement/idmc_stocks.csv", &["n"], ALL),
        ("iom_missing_migrants", "displacement/iom_missing_migrants.csv", &["dead", "surv"], ALL),
        (
            "eurostat_mirror_flows_origin",
            "eurostat/mirror_flows_2010_2019.csv",
            &["emigration_reported_by_origin"],
            ALL,
        ),
        (
            "eurostat_mirror_flows_destination",
            "eurostat/mirror_flows_2010_2019.csv",
            &["immigration_reported_by_destination"],
            ALL,
        ),
        (
            "eurostat_mirror_flows_origin",
            "budapest/eurostat_mirror_2010_2019.csv",
            &["emigration_reported_by_origin"],
            ALL,
        ),
        (
            "eurostat_mirror_flows_destination",
            "budapest/eurostat_mirror_2010_2019.csv",
            &["immigration_reported_by_destination"],
            ALL,
        ),
        ("eurostat_first_permits", "eurostat/first_permits_issued.csv", &["OBS_VALUE"], |row| {
            !row["geo"].starts_with("European Union")
        }),
        ("wb_population", "population/wb_population_1960_2024.csv", &["Value"], is_country),
        ("wb_bilateral_remittances", "remittances/wb_bilateral_remittances_2017.csv", &["usd_millions"], SINGLE),
        ("wb_bilateral_remittances", "rcm/wb_bilateral_remittances_2017_rcm.csv", &["usd_millions"], SINGLE),
        ("wb_bilateral_migrant_stock", "remittances/wb_bilateral_migrant_stock_2017.csv", &["migrants"], SINGLE),
        ("wb_remittances_received", "remittances/wb_remittances_in_out.csv", &["v"], |row| row["var"] == "remin"),
        ("wb_remittances_sent", "remittances/wb_remittances_in_out.csv", &["v"], |row| row["var"] == "remout"),
    ]);
}

/// Whether another list of countries has the code; the World Bank's for the Channel Islands is its own.
fn is_country(row: &Fields) -> bool {
    static CODES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
        let mut list = csv::Reader::from_path(root().join("../shared/data/codes/iom_countrynames.csv")).unwrap();
        list.deserialize::<Fields>().map(|row| row.unwrap()["iso3"].clone()).collect()
    });
    row["Country Code"] == "CHI" || CODES.contains(&row["Country Code"])
}

#[test]
fn figures_of_unhcr_sum_to_what_its_files_say() {
    check(&[
        ("unhcr_population", "unhcr/population.csv", &POPULATION, ALL),
        ("unhcr_population", "rcm/unhcr_population_rcm.csv", &POPULATION, ALL),
        ("unhcr_asylum_applications", "rcm/unhcr_asylum_applications_rcm.csv", &["applied"], ALL),
        ("unhcr_solutions", "unhcr/solutions.csv", &SOLUTIONS, ALL),
        ("unhcr_demographics", "unhcr/demographics_2025.csv", &DEMOGRAPHICS, ALL),
        ("unhcr_idps_idmc", "unhcr/idps_idmc.csv", &["total"], ALL),
    ]);
}

#[test]
fn asylum_applications_sum_to_what_their_file_says() {
    check(&[("unhcr_asylum_applications", "unhcr/asylum_applications.csv", &["applied"], ALL)]);
}

#[test]
fn migrant_stocks_sum_to_what_their_files_say() {
    check(&[
        ("undesa_stocks", "undesa/undesa_stocks_2020.csv", &["n"], ALL),
        ("undesa_stocks", "undesa/undesa_stocks_2024.csv", &["n"], ALL),
        ("undesa_stocks", "budapest/undesa_stock_2024.csv", &["n"], ALL),
        ("undesa_stocks_two_revisions", "rcm/undesa_stock_two_revisions_rcm.csv", &["n"], |row| {
            row["revision"] == "2024"
        }),
    ]);
}

/// Observations in a message of each kind, and the mapping of components to themselves.
const COUNTS: [(&str, &str, f64); 2] = [("2020", "F", 12.0), ("2021", "M", 30.0)];

fn message(format: DataFormat, dir: &Path) -> PathBuf {
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let columns = schema.components().map(|component| -> arrow::array::ArrayRef {
        if component.id == "OBS_VALUE" {
            return std::sync::Arc::new(arrow::array::Float64Array::from(COUNTS.map(|(.., value)| value).to_vec()));
        }
        let text = |(time, sex, _): &(&'static str, &'static str, f64)| match component.id.as_str() {
            "FREQ" => Some("A"),
            "REF_AREA" | "DESTINATION" => Some("GTM"),
            "ORIGIN" => Some("MEX"),
            "SEX" => Some(*sex),
            "TIME_PERIOD" => Some(*time),
            "SOURCE" => Some("Register, \"A\" & <B>"),
            "OBS_STATUS" => Some("A"),
            _ if !component.mandatory => None,
            _ => {
                let codes = component.codes.as_ref()?;
                let total = codes.contains("_T").then_some("_T");
                total.or_else(|| codes.contains("F").then_some("F")).or(match component.id.as_str() {
                    "UNIT_MEASURE" => Some("PS"),
                    "COUNTED" => Some("PERSONS"),
                    "BASIS" => Some("CITIZENSHIP"),
                    "DURATION" => Some("_U"),
                    "SOURCE_KIND" => Some("REGISTER"),
                    _ => None,
                })
            }
        };
        std::sync::Arc::new(COUNTS.iter().map(text).collect::<arrow::array::StringArray>())
    });
    let batch = RecordBatch::try_new(schema.arrow_schema(), columns.collect()).unwrap();
    let header = MessageHeader {
        id: "TEST".to_owned(),
        prepared: chrono::Utc::now(),
        sender_id: "GTM".to_owned(),
        sender_name: "A".to_owned(),
        releases: Vec::new(),
    };
    let mut writer = writer(format, &schema, header, WriteOptions::default());
    let mut bytes = Vec::new();
    writer.write(&batch, &mut bytes).unwrap();
    writer.finish(&mut bytes).unwrap();
    let path = dir.join("message");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn messages_of_every_format_are_imported() {
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let given = |id: &str| !["UNIT_MULT", "DECIMALS", "REF_DATE", "DEFINITION", "COMMENT"].contains(&id);
    let components =
        schema.components().filter(|c| given(&c.id)).map(|c| format!("{0} = {{ column = \"{0}\" }}\n", c.id));
    let mapping = format!("dataflow = \"RCP:RETURNS(1.0.0)\"\n[components]\n{}", components.collect::<String>());
    let dir = tempfile::tempdir().unwrap();
    for format in DataFormat::ALL {
        let path = message(format, dir.path());
        assert_eq!(staged(&mapping, &path), Ok(42.0), "{format:?}");
        // A message that was cut off is none.
        if !matches!(format, DataFormat::Csv1 | DataFormat::Csv2) {
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
            assert!(staged(&mapping, &path).is_err(), "{format:?}");
        }
    }
}
