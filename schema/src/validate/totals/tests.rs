//! Totals of sexes, ages and regions, and a plain computation beside the streaming one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Field, Schema};
use proptest::prelude::*;

use super::super::MAX_PROBLEMS;
use super::super::rules::Rules;
use super::*;

type Row = ([&'static str; 4], Option<f64>);

fn schema() -> (DatasetSchema, Structures) {
    let structures = crate::shared::structures().unwrap();
    let reference = structures.find_dataflow("MIGRANT_STOCK").unwrap();
    (structures.dataset_schema(&reference).unwrap(), structures)
}

/// Figures of origin, sex, age and year, sorted, in batches of `size` rows.
fn batches(schema: &DatasetSchema, rows: &[Row], size: usize) -> Vec<RecordBatch> {
    let mut rows: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    rows.sort_by_key(|(_, row)| row.0);
    let mut fields: Vec<Field> =
        schema.arrow_schema().fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    fields.push(Field::new(ROW, DataType::Int64, false));
    let fields = Arc::new(Schema::new(fields));
    let batch = |rows: &[(usize, &Row)]| {
        let column = |field: &Arc<Field>| -> ArrayRef {
            let place = ["ORIGIN", "SEX", "AGE", "TIME_PERIOD"].iter().position(|id| id == field.name());
            match (place, field.name().as_str()) {
                (Some(place), _) => Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, row)| row.0[place]))),
                (None, "OBS_VALUE") => Arc::new(rows.iter().map(|(_, row)| row.1).collect::<Float64Array>()),
                (None, ROW) => Arc::new(rows.iter().map(|(line, _)| *line as i64 + 2).collect::<Int64Array>()),
                _ => Arc::new(StringArray::from(vec!["A"; rows.len()])),
            }
        };
        RecordBatch::try_new(Arc::clone(&fields), fields.fields().iter().map(column).collect()).unwrap()
    };
    rows.chunks(size).map(batch).collect()
}

fn found(rows: &[Row], size: usize) -> Vec<(u64, String, String)> {
    let (schema, structures) = schema();
    let rules = Rules::built_in().unwrap().totals;
    let mut totals = Totals::new(&schema, &structures, &rules, |_| None, "n", MAX_PROBLEMS).unwrap();
    for batch in batches(&schema, rows, size) {
        totals.look(&batch).unwrap();
    }
    let (problems, slices) = totals.finish();
    assert!(slices.is_none());
    let mut found: Vec<_> =
        problems.into_kept().into_iter().map(|p| (p.row, p.component.clone(), p.kind.name().to_owned())).collect();
    found.sort();
    found
}

#[test]
fn totals_are_compared_with_their_widest_parts() {
    let row = |origin, sex, age, value: i32| ([origin, sex, age, "2020"], (value >= 0).then(|| f64::from(value)));
    let is = |rows: &[Row], expected: &[(u64, &str, &str)]| {
        let expected: Vec<_> = expected.iter().map(|(l, c, k)| (*l, (*c).to_owned(), (*k).to_owned())).collect();
        assert_eq!(found(rows, 3), expected, "{rows:?}");
    };
    let sexes = |total, men, women| {
        vec![row("MEX", "_T", "_T", total), row("MEX", "M", "_T", men), row("MEX", "F", "_T", women)]
    };
    is(&sexes(10, 4, 6), &[]);
    is(&sexes(10, 5, 6), &[(2, "SEX", "parts-exceed-total")]);
    is(&sexes(12, 5, 6), &[(2, "SEX", "residual-missing")]);
    is(&sexes(20, 5, 6), &[(2, "SEX", "residual-missing")]);
    // A part that is withheld may be the rest; "of which" women are no breakdown.
    is(&sexes(20, 5, -1), &[]);
    is(&sexes(4, 5, -1), &[(2, "SEX", "parts-exceed-total")]);
    is(&sexes(20, 5, 6)[..2], &[]);
    let ages = |codes: &[(&'static str, i32)]| codes.iter().map(|(c, v)| row("MEX", "_T", c, *v)).collect::<Vec<_>>();
    is(&ages(&[("_T", 100), ("Y_LT18", 60), ("Y_GE18", 40), ("Y0T4", 30), ("Y5T11", 20), ("Y12T17", 10)]), &[]);
    is(
        &ages(&[("_T", 100), ("Y_LT18", 60), ("Y_GE18", 40), ("Y0T4", 50), ("Y5T11", 20), ("Y12T17", 10)]),
        &[(3, "AGE", "parts-exceed-total")],
    );
    // Bands that overlap are not added up.
    is(&ages(&[("_T", 100), ("Y_LT18", 60), ("Y15T24", 70)]), &[]);
    is(&ages(&[("Y_LT18", 10), ("Y_LT18_UNA", 7), ("Y_LT18_ACC", 8)]), &[(2, "AGE", "parts-exceed-total")]);
    // A region is no part beside its countries, and `_T` holds both the regions and what no region has.
    is(
        &[
            row("_T", "_T", "_T", 100),
            row("013", "_T", "_T", 60),
            row("MEX", "_T", "_T", 25),
            row("GTM", "_T", "_T", 35),
            row("USA", "_T", "_T", 40),
        ],
        &[],
    );
    is(
        &[
            row("_T", "_T", "_T", 100),
            row("013", "_T", "_T", 50),
            row("MEX", "_T", "_T", 25),
            row("GTM", "_T", "_T", 35),
            row("_U", "_T", "_T", 50),
        ],
        &[(3, "ORIGIN", "parts-exceed-total")],
    );
}

#[test]
fn what_is_too_large_for_memory_is_looked_at_in_slices() {
    let (schema, structures) = schema();
    let rules = Rules::built_in().unwrap().totals;
    let rows = [
        (["MEX", "_T", "_T", "2020"], Some(3.0)),
        (["GTM", "_T", "_T", "2020"], Some(4.0)),
        (["_T", "_T", "_T", "2020"], Some(5.0)),
        (["_T", "_T", "_T", "2021"], Some(5.0)),
    ];
    let mut totals = Totals::new(&schema, &structures, &rules, |_| None, "n", MAX_PROBLEMS).unwrap();
    totals.axes.retain(|axis| axis.id == "ORIGIN");
    totals.axes[0].too_large = true;
    let (problems, slices) = totals.finish();
    assert_eq!(problems.warnings(), 0);
    let passes: Vec<Totals> = slices.unwrap().passes(3 * MAX_OPEN as u64, MAX_PROBLEMS).collect();
    assert_eq!(passes.len(), 7);
    let mut warnings = 0;
    for mut pass in passes {
        for batch in batches(&schema, &rows, 2) {
            pass.look(&batch).unwrap();
        }
        warnings += pass.finish().0.warnings();
    }
    assert_eq!(warnings, 1);
}

/// Sums of men, women and unknown beside each total, in as many words.
fn plain(rows: &[Row]) -> Vec<u64> {
    let mut groups: BTreeMap<[&str; 3], Vec<_>> = BTreeMap::new();
    for (line, ([origin, sex, age, year], value)) in (2..).zip(rows) {
        groups.entry([origin, age, year]).or_default().push((line, sex, *value));
    }
    let mut broken = Vec::new();
    for cells in groups.values() {
        let parts: Vec<_> = cells.iter().filter(|(_, sex, _)| **sex != "_T").collect();
        let Some((line, _, Some(total))) = cells.iter().find(|(_, sex, _)| **sex == "_T") else { continue };
        let sum: f64 = parts.iter().filter_map(|(.., value)| *value).sum();
        let complete = parts.iter().all(|(.., value)| value.is_some()) && parts.len() > 1;
        if !parts.is_empty() && (sum > *total || complete && sum < *total) {
            broken.push(*line);
        }
    }
    broken.sort_unstable();
    broken
}

proptest! {
    #[test]
    fn the_rule_on_totals_agrees_with_a_plain_computation(
        cells in prop::collection::btree_map((0..3usize, 0..4usize, 0..2usize), prop::option::weighted(0.9, 0..20u8), 0..24),
        size in 1..9usize,
    ) {
        let rows: Vec<Row> = cells
            .into_iter()
            .map(|((origin, sex, year), value)| {
                (
                    [["MEX", "GTM", "HND"][origin], ["F", "M", "_U", "_T"][sex], "_T", ["2020", "2021"][year]],
                    value.map(f64::from),
                )
            })
            .collect();
        let lines: Vec<u64> = found(&rows, size).into_iter().filter(|(_, id, _)| id == "SEX").map(|(line, ..)| line).collect();
        prop_assert_eq!(lines, plain(&rows));
    }
}
