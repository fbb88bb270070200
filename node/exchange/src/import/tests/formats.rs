//! Any observations, written in any format, are read back as they were.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::written::{Table, Written, ids, of_table, tables, words};
use super::*;

/// What the format cannot carry is left out of the table.
fn fitting(format: Written, mut table: Table) -> Table {
    if format == Written::Text(';', ',', "windows-1252") {
        for text in table.rows.iter_mut().flatten() {
            *text = text.chars().filter(|c| !encoding_rs::WINDOWS_1252.encode(&c.to_string()).2).collect();
            text.truncate(text.trim_end().len());
            *text = text.trim_start().to_owned();
        }
        let source = table.position("SOURCE");
        for row in table.rows.iter_mut().filter(|row| row[source].is_empty()) {
            row[source] = "IGM".to_owned();
        }
    }
    table
}

#[test]
fn any_observations_are_read_back_from_any_format() {
    let (bench, mut failures) = (Bench::new(), Vec::new());
    for (number, format) in Written::all().into_iter().enumerate() {
        let mut runner = TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() });
        let path = bench.path(&format!("file{number}"));
        let tested = runner.run(&tables(ids(&bench), words(), 1..30), |table| {
            let table = fitting(format, table);
            format.write(&bench, &table, &path);
            let given = format.check(&bench, &table, &path).map_err(TestCaseError::fail)?;
            let errors = given.findings.errors();
            prop_assert_eq!(errors, 0, "{:?}", given.findings.problems);
            prop_assert_eq!(of_table(&bench, &table, &given), table.rows);
            Ok(())
        });
        failures.extend(tested.err().map(|failure| format!("{format:?}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_message_that_was_cut_off_is_none() {
    let bench = Bench::new();
    let mut runner = TestRunner::deterministic();
    let table = tables(ids(&bench), words(), 3..9).new_tree(&mut runner).unwrap().current();
    let path = bench.path("cut");
    for format in Written::all().into_iter().filter(|format| format.is_marked_up()) {
        format.write(&bench, &table, &path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        assert!(format.check(&bench, &table, &path).is_err(), "{format:?}");
    }
}
