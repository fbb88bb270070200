//! What is wrong with a file is told of its place, whatever the format: a cell that is no code, period or number, and a byte that is
//! another.

use std::collections::BTreeSet;

use chancery_schema::validate::{ProblemKind, Severity};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::written::{Table, Written, ids, of_table, tables};
use super::*;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Texts of one line, so that a row is a line.
fn words() -> BoxedStrategy<String> {
    "[a-zA-Z, \"ñé;]{0,12}".prop_map(|text| text.trim().to_owned()).boxed()
}

/// Where a format has the row.
fn place(format: Written, row: usize) -> u64 {
    row as u64 + if format.has_lines() { 2 } else { 1 }
}

#[test]
fn a_wrong_cell_is_told_of_its_row_and_column() {
    let (bench, mut failures) = (Bench::new(), Vec::new());
    let components = ["ORIGIN", "SEX", "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS", "COUNTED", "UNIT_MEASURE"];
    let wrong = prop::sample::select(vec!["??", "Méxicoo", "13x", "<5", "2020-13"]);
    for (number, format) in Written::all().into_iter().enumerate() {
        let path = bench.path(&format!("file{number}"));
        let tables = tables(ids(&bench), words(), 1..20);
        let places = (tables, any::<prop::sample::Index>(), prop::sample::select(components.to_vec()), wrong.clone());
        let tested = runner(16).run(&places, |(mut table, row, component, wrong)| {
            // A message's figures are numbers already.
            if component == "OBS_VALUE" && matches!(format, Written::Sdmx(..)) {
                return Ok(());
            }
            let (row, column) = (row.index(table.rows.len()), table.position(component));
            wrong.clone_into(&mut table.rows[row][column]);
            format.write(&bench, &table, &path);
            let given = format.check(&bench, &table, &path).map_err(TestCaseError::fail)?;
            let told = given.findings.problems.iter().filter(|p| p.kind.severity() == Severity::Error);
            let told: Vec<_> =
                told.map(|p| (p.row, p.column.as_str(), p.component.as_str(), p.value.as_str())).collect();
            let here = (place(format, row), component, component, wrong);
            prop_assert!(told.contains(&here), "no {:?} in {:?}", here, told);
            prop_assert!(told.iter().all(|(row, ..)| *row == here.0), "{:?} beside {:?}", told, here);
            Ok(())
        });
        failures.extend(tested.err().map(|failure| format!("{format:?}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Another byte somewhere in the file: the file, and where.
fn damage(path: &Path, at: prop::sample::Index, byte: u8) -> Option<usize> {
    let mut bytes = std::fs::read(path).unwrap();
    let at = at.index(bytes.len());
    if std::mem::replace(&mut bytes[at], byte) == byte {
        return None;
    }
    std::fs::write(path, bytes).unwrap();
    Some(at)
}

/// A damaged text: what is told is told of the line, and no other row is lost or changed.
fn check_lines(
    before: &[u8],
    at: usize,
    table: &Table,
    rows: &[Vec<String>],
    given: &Given,
) -> Result<(), TestCaseError> {
    let line = before[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    let errors = given.findings.problems.iter().filter(|p| p.kind.severity() == Severity::Error);
    // A line end that is gone, or new, makes one line of two, or two of one; without its headings every line is wrong.
    let near = |row: u64| row.abs_diff(line) <= 1;
    for problem in errors.clone().filter(|_| line > 1) {
        let same = problem.kind == ProblemKind::DuplicateKey && problem.expected.contains(&format!("line {line} "));
        prop_assert!(near(problem.row) || same, "line {} is damaged, and not {:?}", line, problem);
    }
    if errors.count() == 0 {
        let (before, after): (BTreeSet<_>, BTreeSet<_>) = (table.rows.iter().collect(), rows.iter().collect());
        let (lost, new) = (before.difference(&after).count(), after.difference(&before).count());
        prop_assert!(rows.len() == table.rows.len() && lost <= 1 && new <= 1, "{} lost, {} new", lost, new);
    }
    Ok(())
}

#[test]
fn a_damaged_byte_loses_no_row_unseen() {
    let (bench, mut failures) = (Bench::new(), Vec::new());
    let formats = Written::all().into_iter().filter(|format| *format != Written::Sqlite);
    for (number, format) in formats.enumerate() {
        let path = bench.path(&format!("file{number}"));
        let bytes = prop_oneof![any::<u8>(), prop::sample::select(b"\",;\n\r<>{}[]:0 ".to_vec())];
        let damaged = (tables(ids(&bench), words(), 2..12), any::<prop::sample::Index>(), bytes);
        let tested = runner(24).run(&damaged, |(table, at, byte)| {
            format.write(&bench, &table, &path);
            let before = std::fs::read(&path).unwrap();
            let Some(at) = damage(&path, at, byte) else { return Ok(()) };
            let told = match format.check(&bench, &table, &path) {
                Err(told) => told,
                Ok(given) => {
                    let rows = of_table(&bench, &table, &given);
                    let text = matches!(format, Written::Text(_, _, "utf-8" | "windows-1252"))
                        || matches!(format, Written::Sdmx(..)) && format.has_lines();
                    if text {
                        check_lines(&before, at, &table, &rows, &given)?;
                    } else if given.findings.errors() == 0 {
                        prop_assert_eq!(rows.len(), table.rows.len(), "{:?}", given.findings);
                    }
                    return Ok(());
                }
            };
            // Whatever cannot be read says what of it; but the decoder of Parquet asserts on some damaged pages, which cuts the import off.
            prop_assert!(!told.contains("cut off") || matches!(format, Written::Parquet), "{}", told);
            Ok(())
        });
        failures.extend(tested.err().map(|failure| format!("{format:?}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
