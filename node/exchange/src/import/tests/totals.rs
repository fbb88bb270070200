//! The source files of the example mappings: what is staged sums to what the file itself sums to.

use std::collections::HashMap;

use super::*;

type Fields = HashMap<String, String>;

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
    let bench = Bench::new();
    for (mapping, file, columns, counts) in cases {
        let text = std::fs::read_to_string(root().join(format!("examples/mappings/{mapping}.toml"))).unwrap();
        let file = data.join(file);
        let given = bench.check(&text, Some(&file));
        let given = given.unwrap_or_else(|wrong| panic!("{mapping} on {}: {wrong}", file.display()));
        let first = &given.findings.problems[..given.findings.problems.len().min(3)];
        assert_eq!(given.findings.errors(), 0, "{mapping} on {}: {first:#?}", file.display());
        let total = given.total;
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
