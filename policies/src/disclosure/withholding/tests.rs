//! What minimum frequency withholds, and that subtraction does not undo it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::*;
use crate::disclosure::cell_key::{SECRET_BYTES, Secret};
use crate::disclosure::{profile_text, protection};

/// Sex, age and figure.
type Row<'a> = (&'a str, &'a str, Option<f64>);

const PLAIN: &str = "name = \"t\"\ndescription = \"\"\nminimum_frequency = 3\n";

fn table(dataflow: &str, rows: &[Row<'_>]) -> (DatasetSchema, RecordBatch) {
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow(dataflow).unwrap()).unwrap();
    let columns = schema.components().map(|c| -> ArrayRef {
        let constant = |text: &str| Arc::new(StringArray::from(vec![text; rows.len()])) as ArrayRef;
        match c.id.as_str() {
            "SEX" => Arc::new(rows.iter().map(|(sex, ..)| Some(*sex)).collect::<StringArray>()),
            "AGE" => Arc::new(rows.iter().map(|(_, age, _)| Some(*age)).collect::<StringArray>()),
            "OBS_VALUE" => Arc::new(rows.iter().map(|(.., value)| *value).collect::<Float64Array>()),
            "TIME_PERIOD" => constant("2024-01"),
            "UNIT_MEASURE" => constant("PS"),
            "OBS_STATUS" => constant("A"),
            "CONF_STATUS" => constant("F"),
            "COMMENT" => constant("two women"),
            _ => constant("_T"),
        }
    });
    let columns = columns.collect();
    let batch = RecordBatch::try_new(schema.arrow_schema(), columns).unwrap();
    (schema, batch)
}

/// Suppression draws nothing.
fn secret() -> Secret {
    Secret::new([0; SECRET_BYTES])
}

struct Protected {
    values: Vec<Option<f64>>,
    marks: Vec<String>,
    comments: Vec<bool>,
    report: Report,
}

fn protect(dataflow: &str, profile: &str, rows: &[Row<'_>]) -> Protected {
    protect_beside(dataflow, profile, rows, &[]).unwrap()
}

/// Protects beside other figures: their name, whose they are, rows.
fn protect_beside(
    dataflow: &str,
    profile: &str,
    rows: &[Row<'_>],
    others: &[(&str, Beside, &[Row<'_>])],
) -> Result<Protected, ProtectionError> {
    let (schema, batch) = table(dataflow, rows);
    let mut protection = protection(&Profile::parse(profile).unwrap(), &schema, &structures(), &secret())?;
    for (name, kind, rows) in others {
        protection.beside(name, *kind, &table(dataflow, rows).1)?;
    }
    protection.observe(&batch)?;
    protection.decide()?;
    let out = protection.apply(&batch).unwrap();
    let text = |id: &str| out.column_by_name(id).unwrap().as_string::<i32>().clone();
    Ok(Protected {
        values: out.column_by_name("OBS_VALUE").unwrap().as_primitive::<Float64Type>().iter().collect(),
        marks: text("CONF_STATUS").iter().map(|m| m.unwrap_or("").to_owned()).collect(),
        comments: text("COMMENT").iter().map(|c| c.is_some()).collect(),
        report: protection.report(),
    })
}

fn by_sex<'a>(figures: &[(&'a str, f64)]) -> Vec<Row<'a>> {
    figures.iter().map(|(sex, value)| (*sex, "_T", Some(*value))).collect()
}

#[test]
fn small_counts_go_and_cannot_be_found_by_subtraction() {
    let rows = by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]);
    let out = protect("RETURNS", profile_text("RETURNS"), &rows);
    assert_eq!(out.values, [None, None, Some(42.0)]);
    assert_eq!(out.marks, ["C", "C", "F"]);
    assert_eq!(out.comments, [false, false, true]);
    let report = out.report;
    assert_eq!((report.suppressed_primary, report.suppressed_secondary, report.published), (1, 1, 1));
}

#[test]
fn what_is_always_told_protects_no_other() {
    let figures = [("Y0T14", 2.0), ("Y15T64", 40.0), ("Y_GE65", 50.0), ("_T", 92.0)];
    let rows: Vec<Row<'_>> = figures.iter().map(|(age, value)| ("_T", *age, Some(*value))).collect();
    let told = |ages: &[&str]| {
        let rule =
            |age: &&str| format!("[[always_told]]\ncodes = {{ AGE = \"{age}\", SEX = \"_T\" }}\nreason = \"a law\"\n");
        let rules: String = ages.iter().map(rule).collect();
        protect_beside("RETURNS", &format!("{PLAIN}insiders = \"ignored\"\n{rules}"), &rows, &[])
    };
    assert_eq!(told(&[]).unwrap().values, [None, None, Some(50.0), Some(92.0)]);
    let other = told(&["Y15T64"]).unwrap();
    assert_eq!(other.values, [None, Some(40.0), None, Some(92.0)]);
    assert!(other.report.rules.iter().any(|rule| rule.contains("AGE Y15T64, SEX _T is never withheld")));
    // A figure that is sensitive itself is never told for that.
    assert_eq!(told(&["Y0T14"]).unwrap().values, [None, None, Some(50.0), Some(92.0)]);
    let Err(refused) = told(&["Y15T64", "Y_GE65", "_T"]) else { panic!("published") };
    assert!(
        refused.to_string().contains("Y0T14") && matches!(refused, ProtectionError::Unsafe { count: 1, .. }),
        "{refused}"
    );
    let wrong =
        |rule: &str| protect_beside("RETURNS", &format!("{PLAIN}[[always_told]]\nreason = \"\"\n{rule}"), &rows, &[]);
    assert!(wrong("codes = { HEIGHT = \"_T\" }\n").is_err_and(|e| e.to_string().contains("HEIGHT")));
    assert!(Profile::parse(&format!("{PLAIN}[[always_told]]\nreason = \"\"\ncodes = {{}}\n")).is_err());
}

#[test]
fn the_report_says_how_far_above_the_least_the_loss_is() {
    let rows = by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]);
    for search in ["", "search = \"quick\"", "search = \"thorough\""] {
        let report = protect("RETURNS", &format!("{PLAIN}insiders = \"ignored\"\n{search}\n"), &rows).report;
        assert_eq!((report.suppressed_secondary, report.above_least_percent.as_deref()), (1, Some("0")), "{search}");
    }
    // Nothing is lost to protect others: nothing is said.
    let report = protect("RETURNS", PLAIN, &by_sex(&[("F", 20.0), ("M", 40.0), ("_T", 60.0)])).report;
    assert_eq!(report.above_least_percent, None);
    assert!(Profile::parse(&format!("{PLAIN}search = \"deep\"\n")).is_err());
}

#[test]
fn a_total_outside_the_protected_dimensions_still_gives_parts_away() {
    let profile = format!("{PLAIN}protected_dimensions = [\"SEX\", \"AGE\"]\n");
    let out = protect("TRANSITS", &profile, &by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]));
    assert_eq!(out.marks, ["C", "C", "F"]);
    let out = protect("TRANSITS", &profile, &by_sex(&[("_T", 2.0)]));
    assert_eq!(out.values, [Some(2.0)], "the total itself is not concerned");
}

#[test]
fn who_is_alone_finds_nobody_else_and_zeros_stay() {
    let rows = by_sex(&[("F", 2.0), ("M", 1.0), ("_T", 3.0), ("_U", 0.0)]);
    let out = protect("RETURNS", profile_text("RETURNS"), &rows);
    // Who is the one man would find the women, so the total goes.
    assert_eq!(out.values, [None, None, None, Some(0.0)]);
    let out =
        protect("RETURNS", "name = \"t\"\ndescription = \"\"\nminimum_frequency = 3\ninsiders = \"ignored\"", &rows);
    assert_eq!(out.values, [None, None, Some(3.0), Some(0.0)]);
    assert_eq!(out.report.suppressed_secondary, 0);
}

#[test]
fn a_total_that_is_no_sum_of_the_parts_gives_nothing_away() {
    let out = protect("RETURNS", PLAIN, &by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 90.0)]));
    assert_eq!(out.values, [None, Some(40.0), Some(90.0)]);
}

#[test]
fn ages_are_subtracted_as_they_overlap() {
    // Two are withheld among all parts, but adults are everybody less children.
    let rows = [
        ("_T", "Y0T4", Some(1.0)),
        ("_T", "Y5T11", Some(20.0)),
        ("_T", "Y12T17", Some(30.0)),
        ("_T", "Y_GE18", Some(2.0)),
        ("_T", "Y_LT18", Some(51.0)),
        ("_T", "_T", Some(53.0)),
    ];
    let out = protect("RETURNS", PLAIN, &rows);
    assert_eq!(out.marks, ["C", "C", "F", "C", "C", "F"]);
}

#[test]
fn missing_stays_missing_and_rounding_is_counted() {
    let profile = "name = \"r\"\ndescription = \"\"\nrounding_base = 5\n";
    let rows = [("F", "_T", None), ("M", "_T", Some(12.0)), ("_T", "_T", Some(15.0))];
    let out = protect("RETURNS", profile, &rows);
    assert_eq!(out.values, [None, Some(10.0), Some(15.0)]);
    assert_eq!((out.report.missing, out.report.rounded, out.report.published), (1, 1, 2));
}

#[test]
fn exempt_units_are_left_alone() {
    let rows = by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]);
    let out = protect("RETURNS", &format!("{PLAIN}exempt_units = [\"PS\"]\n"), &rows);
    assert_eq!(out.marks, ["F", "F", "F"]);
}

#[test]
fn longer_second_passes_are_refused() {
    let (schema, batch) = table("RETURNS", &by_sex(&[("F", 2.0), ("_T", 42.0)]));
    let profile = Profile::parse(PLAIN).unwrap();
    let mut protection = crate::disclosure::protection(&profile, &schema, &structures(), &secret()).unwrap();
    protection.observe(&batch).unwrap();
    protection.decide().unwrap();
    protection.apply(&batch).unwrap();
    assert_eq!(protection.apply(&batch), Err(ProtectionError::Changed));
}

#[test]
fn every_built_in_profile_is_readable() {
    let structures = structures();
    for dataflow in &structures.dataflows {
        let schema = structures.dataset_schema(&dataflow.maintainable.reference()).unwrap();
        let profile = Profile::parse(profile_text(&dataflow.maintainable.id)).unwrap();
        assert!(!profile.source.is_empty(), "{}", profile.name);
        protection(&profile, &schema, &structures, &secret()).unwrap();
    }
    assert!(Profile::parse("name = \"x\"\ndescription = \"\"\nminimum_frequenzy = 3").is_err());
}

/// Written out by hand, not through the atoms: what anybody can add up.
const SEX_SUMS: &[(&str, &[&str])] = &[("_T", &["F", "M"])];
const AGE_SUMS: &[(&str, &[&str])] = &[
    ("_T", &["Y_LT18", "Y_GE18"]),
    ("_T", &["Y0T4", "Y5T11", "Y12T17", "Y_GE18"]),
    ("_T", &["Y_LT18", "Y18T59", "Y_GE60"]),
    ("_T", &["Y0T4", "Y5T11", "Y12T17", "Y18T59", "Y_GE60"]),
    ("Y_LT18", &["Y0T4", "Y5T11", "Y12T17"]),
    ("Y_GE18", &["Y18T59", "Y_GE60"]),
];
const BANDS: [&str; 5] = ["Y0T4", "Y5T11", "Y12T17", "Y18T59", "Y_GE60"];

type Figures = BTreeMap<(&'static str, &'static str), f64>;

fn full_table(people: &[[u8; 5]; 2]) -> Figures {
    let mut figures = Figures::new();
    for (sex, bands) in ["F", "M"].into_iter().zip(people) {
        for (band, n) in BANDS.into_iter().zip(bands) {
            let group = if BANDS[..3].contains(&band) { "Y_LT18" } else { "Y_GE18" };
            for key in [sex, "_T"].into_iter().flat_map(|s| [band, group, "_T"].map(|a| (s, a))) {
                *figures.entry(key).or_default() += f64::from(*n);
            }
        }
    }
    figures
}

/// Adds up and subtracts until nothing more is found.
fn attack(mut known: Figures) -> Figures {
    loop {
        let mut found = None;
        let sexes = ["F", "M", "_T"]
            .into_iter()
            .flat_map(|s| AGE_SUMS.iter().map(move |(t, p)| ((s, *t), p.iter().map(|a| (s, *a)).collect::<Vec<_>>())));
        let ages = BANDS
            .into_iter()
            .chain(["Y_LT18", "Y_GE18", "_T"])
            .flat_map(|a| SEX_SUMS.iter().map(move |(t, p)| ((*t, a), p.iter().map(|s| (*s, a)).collect::<Vec<_>>())));
        for (total, parts) in sexes.chain(ages) {
            let open: Vec<_> = parts.iter().chain([&total]).filter(|k| !known.contains_key(*k)).collect();
            if let [unknown] = open[..] {
                let sum: f64 = parts.iter().filter_map(|k| known.get(k)).sum();
                let value = if *unknown == total { sum } else { known.get(&total).unwrap() - sum };
                found = Some((*unknown, value));
            }
        }
        match found {
            Some((key, value)) => known.insert(key, value),
            None => return known,
        };
    }
}

#[test]
fn what_was_published_before_cannot_hide_anything() {
    let rows = by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]);
    assert_eq!(protect("RETURNS", PLAIN, &rows).values, [None, None, Some(42.0)]);
    // An earlier release told of the men: withholding them now would hide nothing.
    let before = [("F", "_T", None), ("M", "_T", Some(40.0)), ("_T", "_T", None)];
    let out = protect_beside("RETURNS", PLAIN, &rows, &[("release 1", Beside::Release, &before)]).unwrap();
    assert_eq!(out.values, [None, Some(40.0), None]);
    assert_eq!(out.report.audit.unwrap().beside, ["release 1"]);
    // So does another member's figure.
    let mirror = [("M", "_T", Some(40.0))];
    let out = protect_beside("RETURNS", PLAIN, &rows, &[("MEX", Beside::Mirror, &mirror)]).unwrap();
    assert_eq!(out.values, [None, Some(40.0), None]);
    // One that differs tells nothing, unless figures that are near count as known.
    let mirror = [("M", "_T", Some(41.0))];
    let near = format!("{PLAIN}mirror_tolerance = 5\n");
    let out = protect_beside("RETURNS", PLAIN, &rows, &[("MEX", Beside::Mirror, &mirror)]).unwrap();
    assert_eq!(out.values, [None, None, Some(42.0)]);
    let out = protect_beside("RETURNS", &near, &rows, &[("MEX", Beside::Mirror, &mirror)]).unwrap();
    assert_eq!(out.values, [None, Some(40.0), None]);
}

#[test]
fn a_revision_that_uncovers_what_was_withheld_is_refused_with_names() {
    let rows = by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]);
    let first = [("F", "_T", None), ("M", "_T", None), ("_T", "_T", Some(42.0))];
    let second = [("F", "_T", None), ("M", "_T", Some(40.0)), ("_T", "_T", None)];
    let others: [(&str, Beside, &[Row<'_>]); 2] =
        [("release 1", Beside::Release, &first), ("release 2", Beside::Release, &second)];
    let error = protect_beside("RETURNS", PLAIN, &rows, &others).err().unwrap().to_string();
    for expected in
        ["1 withheld figures", "exactly", "published by release 1", "published by release 2", ".F._T.2024-01"]
    {
        assert!(error.contains(expected), "{error}");
    }
    assert!(!error.contains("40") && !error.contains("42"), "{error}");
    // A figure that is gone from the table is still protected.
    let men = by_sex(&[("M", 40.0)]);
    let out = protect_beside("RETURNS", PLAIN, &men, &[("release 1", Beside::Release, &first)]).unwrap();
    assert_eq!(out.values, [None]);
}

#[test]
fn the_same_figures_get_the_same_pattern_again() {
    let rows = by_sex(&[("F", 2.0), ("M", 40.0), ("_O", 41.0), ("_T", 83.0)]);
    // Left alone it would be the men.
    assert_eq!(protect("RETURNS", PLAIN, &rows).marks, ["C", "C", "F", "F"]);
    let before = [("F", "_T", None), ("M", "_T", Some(39.0)), ("_O", "_T", None), ("_T", "_T", Some(82.0))];
    let out = protect_beside("RETURNS", PLAIN, &rows, &[("release 1", Beside::Release, &before)]).unwrap();
    assert_eq!(out.marks, ["C", "F", "C", "F"]);
}

#[test]
fn what_is_never_told_goes_with_what_would_give_it_away() {
    let profile = format!("{PLAIN}[[never_told]]\ndimension = \"SEX\"\ncodes = [\"F\"]\nreason = \"a test\"");
    let out = protect("RETURNS", &profile, &by_sex(&[("F", 400.0), ("M", 700.0), ("_T", 1100.0)]));
    assert_eq!(out.marks, ["C", "C", "F"]);
    assert!(out.report.rules.iter().any(|rule| rule.contains("a test")));
}

#[test]
fn all_of_a_group_in_one_category_is_hidden_among_zeros() {
    let profile = format!("{PLAIN}[group_disclosure]\ndimensions = [\"SEX\"]");
    let out = protect("RETURNS", &profile, &by_sex(&[("F", 50.0), ("M", 0.0), ("_T", 50.0)]));
    assert!(out.values[0].is_none() && (out.values[1].is_none() || out.values[2].is_none()), "{:?}", out.values);
}

#[test]
fn rules_on_contributions_need_them() {
    let profile = format!("{PLAIN}[p_percent]\np = 10");
    let error = protect_beside("RETURNS", &profile, &by_sex(&[("F", 50.0)]), &[]).err().unwrap().to_string();
    assert!(error.contains("--respondents") && error.contains(".F._T.2024-01"), "{error}");
}

#[test]
fn what_is_lost_is_told_from_published_figures_alone() {
    let out = protect("RETURNS", PLAIN, &by_sex(&[("F", 2.0), ("M", 40.0), ("_T", 42.0)]));
    let lost = &out.report.lost["SEX"];
    assert_eq!((lost.cells_percent.as_str(), lost.value_percent.as_deref()), ("100.0", Some("100.0")));
    let audit = out.report.audit.unwrap();
    assert_eq!((audit.tables, audit.sensitive, audit.narrowest.as_deref()), (1, 1, Some("10")));
}

proptest! {
    #[test]
    fn subtraction_finds_no_suppressed_count(
        people in proptest::array::uniform2(proptest::array::uniform5(prop_oneof![0u8..6, 0u8..100])),
    ) {
        let figures = full_table(&people);
        let rows: Vec<Row<'_>> = figures.iter().map(|((s, a), v)| (*s, *a, Some(*v))).collect();
        let out = protect("RETURNS", PLAIN, &rows);
        let keys = figures.keys().copied();
        let known: Figures = keys.clone().zip(&out.values).filter_map(|(k, v)| v.map(|v| (k, v))).collect();
        let found = attack(known);
        for (key, value) in &figures {
            let (key, small) = (*key, (1.0..3.0).contains(value));
            prop_assert!(!small || !found.contains_key(&key), "{key:?} is found: {figures:?} {:?}", out.marks);
        }
    }
}

fn structures() -> chancery_schema::structure::Structures {
    chancery_schema::shared::structures().unwrap()
}
