//! That rounded releases add up and show no small count, whatever adds up in them.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, StringArray};
use arrow::datatypes::Float64Type;
use proptest::prelude::*;

use super::*;
use crate::disclosure::cell_key::SECRET_BYTES;
use crate::disclosure::protection;

/// Sex, age, month, figure.
type Row = (&'static str, &'static str, &'static str, Option<f64>);

const SEXES: [&str; 2] = ["F", "M"];
const AGES: [&str; 3] = ["Y0T14", "Y15T64", "Y_GE65"];

fn release(rules: &str, rows: &[Row]) -> Result<(Vec<Option<f64>>, Report), ProtectionError> {
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let text = |of: &dyn Fn(&Row) -> &'static str| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(of(r))).collect::<StringArray>())
    };
    let columns = schema.components().map(|c| match c.id.as_str() {
        "SEX" => text(&|row| row.0),
        "AGE" => text(&|row| row.1),
        "TIME_PERIOD" => text(&|row| row.2),
        "OBS_VALUE" => Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>()),
        "UNIT_MEASURE" => text(&|_| "PS"),
        "COMMENT" => text(&|_| "two women"),
        _ => text(&|_| "_T"),
    });
    let batch = RecordBatch::try_new(schema.arrow_schema(), columns.collect()).unwrap();
    let profile =
        format!("name = \"t\"\ndescription = \"\"\n[perturbation]\nmethod = \"controlled-rounding\"\n{rules}");
    let (profile, secret) = (Profile::parse(&profile).unwrap(), Secret::new([1; SECRET_BYTES]));
    let mut protection = protection(&profile, &schema, &structures, &secret)?;
    protection.observe(&batch)?;
    protection.decide()?;
    let out = protection.apply(&batch)?;
    assert_eq!(out.column_by_name("COMMENT").unwrap().null_count(), rows.iter().filter(|row| row.3.is_some()).count());
    let values = out.column_by_name("OBS_VALUE").unwrap().as_primitive::<Float64Type>();
    Ok((values.iter().collect(), protection.report()))
}

/// Sexes by ages, with all totals.
fn crossed(month: &'static str, counts: [[u32; 3]; 2]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (s, sex) in SEXES.iter().chain(&["_T"]).enumerate() {
        for (a, age) in AGES.iter().chain(&["_T"]).enumerate() {
            let within = |i: usize, j: usize| (s == 2 || s == i) && (a == 3 || a == j);
            let parts = (0..2).flat_map(|i| (0..3).map(move |j| (i, j))).filter(|(i, j)| within(*i, *j));
            rows.push((*sex, *age, month, Some(f64::from(parts.map(|(i, j)| counts[i][j]).sum::<u32>()))));
        }
    }
    rows
}

fn check_adds_up(rows: &[Row], values: &[Option<f64>]) {
    let sum = |keep: &dyn Fn(&Row) -> bool| {
        rows.iter().zip(values).filter(|(row, _)| keep(row)).filter_map(|(_, v)| *v).sum::<f64>()
    };
    for (sex, age, month, _) in rows {
        let found = sum(&|row| (row.0, row.1, row.2) == (*sex, *age, *month));
        if *sex == "_T" {
            assert_eq!(found, sum(&|row| row.0 != "_T" && (row.1, row.2) == (*age, *month)), "{sex} {age}");
        }
        if *age == "_T" {
            assert_eq!(found, sum(&|row| row.1 != "_T" && (row.0, row.2) == (*sex, *month)), "{sex} {age}");
        }
    }
}

proptest! {
    #[test]
    fn sums_hold_and_no_small_count_is_left(
        first in prop::array::uniform2(prop::array::uniform3(0u32..9)), second in prop::array::uniform2(prop::array::uniform3(0u32..300)), base in 2u64..6, all: bool,
    ) {
        let rows = [crossed("2024-01", first), crossed("2024-02", second)].concat();
        let rules = format!("base = {base}\nwhich = \"{}\"\n", if all { "all" } else { "small" });
        let (values, report) = release(&rules, &rows).unwrap();
        check_adds_up(&rows, &values);
        for value in values.iter().flatten() {
            prop_assert!(*value == 0.0 || *value >= base as f64, "{value}");
            prop_assert!(!all || *value % base as f64 == 0.0, "{value}");
        }
        for (row, value) in rows.iter().zip(&values).filter(|(row, _)| row.0 != "_T" && row.1 != "_T") {
            prop_assert!((row.3.unwrap() - value.unwrap()).abs() < base as f64);
        }
        prop_assert!(report.loss.contains("all sums hold") && report.perturbed == 24, "{}", report.loss);
        // The same figures are rounded alike.
        prop_assert_eq!(values, release(&rules, &rows).unwrap().0);
    }
}

#[test]
fn what_a_total_lacks_is_no_small_count_either() {
    // One person of no sex.
    let rows: [Row; 3] =
        [("F", "_T", "2024-01", Some(40.0)), ("M", "_T", "2024-01", Some(50.0)), ("_T", "_T", "2024-01", Some(91.0))];
    let (values, _) = release("base = 3\n", &rows).unwrap();
    let [women, men, total] = values[..] else { panic!() };
    let lacks = total.unwrap() - women.unwrap() - men.unwrap();
    assert!((women, men) == (Some(40.0), Some(50.0)) && (lacks == 0.0 || lacks == 3.0), "{values:?}");
}

#[test]
fn totals_that_add_up_from_different_figures_are_told() {
    // By sex and by age, but not both at once: the total is the sum of one of them.
    let month = "2024-01";
    let rows: Vec<Row> = [
        ("F", "_T", 4),
        ("M", "_T", 7),
        ("_T", "Y0T14", 1),
        ("_T", "Y15T64", 5),
        ("_T", "Y_GE65", 5),
        ("_T", "_T", 11),
    ]
    .iter()
    .map(|(sex, age, value)| (*sex, *age, month, Some(f64::from(*value))))
    .collect();
    let (values, report) = release("base = 5\nwhich = \"all\"\n", &rows).unwrap();
    assert_eq!(values[5], [2, 3, 4].iter().map(|i| values[*i]).sum(), "{values:?}");
    let holds = values[5] == [0, 1].iter().map(|i| values[*i]).sum();
    assert_eq!(report.loss.contains("all sums hold"), holds, "{}", report.loss);
    assert_eq!(report.loss.contains("one sum does not hold"), !holds, "{}", report.loss);
}

#[test]
fn what_cannot_be_rounded_is_refused() {
    let rows = crossed("2024-01", [[1, 2, 3], [4, 5, 6]]);
    assert!(release("base = 1\n", &rows).is_err_and(|e| e.to_string().contains("`base` is 1")));
    let half: [Row; 1] = [("F", "_T", "2024-01", Some(0.5))];
    assert_eq!(release("base = 3\n", &half).err(), Some(ProtectionError::NoCount("OBS_VALUE".to_owned())));
    assert_eq!(release("base = 3\n", &[("F", "_T", "2024-01", None)]).unwrap().0, [None]);
    assert!(release("base = 3\n", &[]).unwrap().0.is_empty());
    let profile = "name = \"t\"\ndescription = \"\"\nprotected_dimensions = [\"SEX\"]\n[perturbation]\nmethod = \"controlled-rounding\"\nbase = 3\n";
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let secret = Secret::new([1; SECRET_BYTES]);
    let refused = protection(&Profile::parse(profile).unwrap(), &schema, &structures, &secret).err().unwrap();
    assert!(refused.to_string().contains("`protected_dimensions`"));
}
