//! What is wrong with a file is told of its place, whatever the format: a cell that is no code, period or number, and a byte that is
//! another.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _, Write as _};

use chancery_schema::data::DataFormat;
use chancery_schema::validate::{ProblemKind, Severity};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use zip::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::written::{Table, Written, ids, of_table, tables};
use super::*;

/// Runs so many cases, or those that `PROPTEST_CASES` asks for: rare mistakes need thousands.
fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
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
            // A message's figures are numbers already, and so are those of a column of numbers.
            if component == "OBS_VALUE" && matches!(format, Written::Sdmx(..) | Written::Postgres) {
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

/// Another byte somewhere in `bytes`, and where; none if it is the same.
fn damage(bytes: &mut [u8], at: prop::sample::Index, byte: u8) -> Option<usize> {
    let at = at.index(bytes.len());
    (std::mem::replace(&mut bytes[at], byte) != byte).then_some(at)
}

/// A byte that marks something in one of the formats, or any other.
fn any_byte() -> BoxedStrategy<u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"\",;\n\r<>{}[]:0 ".to_vec())].boxed()
}

/// A message on several lines, as people send them too.
fn spread(format: Written, bytes: Vec<u8>) -> Vec<u8> {
    if !format.is_marked_up() {
        return bytes;
    }
    let text = String::from_utf8(bytes).unwrap();
    text.replace("><", ">\n<").replace("},", "},\n").replace("],", "],\n").into_bytes()
}

fn line_of(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}

/// A file that cannot be read is told of the place, as far as its format has places.
fn check_place(format: Written, line: u64, told: &str) -> Result<(), TestCaseError> {
    // A heading or a component that is not there any more is named.
    if told.contains("the mapping does not fit") {
        return Ok(());
    }
    let place = told.split_once(" line ").map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    let place = place.and_then(|digits| digits.parse::<u64>().ok());
    let any = |words: &[&str]| words.iter().any(|word| told.contains(word));
    let said = match format {
        Written::Sdmx(DataFormat::Csv1 | DataFormat::Csv2, _) | Written::Text(..) => {
            place.is_some_and(|place| place.abs_diff(line) <= 1) || any(&["headings"])
        }
        // A message's structure can stand behind its figures, and is told where they need it.
        Written::Sdmx(DataFormat::Json1 | DataFormat::Json2, _) => place.is_some() || any(&["no structure", "no SDMX"]),
        Written::Sdmx(..) => place.is_some_and(|place| place + 1 >= line) || any(&["no SDMX"]),
        Written::Xlsx | Written::Ods => any(&[
            "` in it is damaged",
            "sheet `",
            "damaged archive",
            "as a workbook",
            "before its first sheet",
            "its sheet `",
            "none of its sheets",
            "it names no sheets",
        ]),
        Written::Parquet => any(&["row group ", "its footer is damaged", "row "]),
        Written::Sqlite | Written::Postgres => true,
    };
    prop_assert!(said, "no place for line {} in: {}", line, told);
    Ok(())
}

/// A damaged text: what is told is told of the line, and no other row is lost or changed.
fn check_lines(
    before: &[u8],
    at: usize,
    table: &Table,
    rows: &[Vec<String>],
    given: &Given,
) -> Result<(), TestCaseError> {
    let line = line_of(before, at);
    let errors = given.findings.problems.iter().filter(|p| p.kind.severity() == Severity::Error);
    // A line end that is gone, or new, makes one line of two, or two of one; without its headings every line is wrong.
    let near = |row: u64| row.abs_diff(line) <= 1;
    for problem in errors.clone().filter(|_| line > 1) {
        let same = problem.kind == ProblemKind::DuplicateKey && problem.expected.contains(&format!("line {line} "));
        prop_assert!(near(problem.row) || same, "line {} is damaged, and not {:?}", line, problem);
    }
    if errors.count() == 0 { check_rows(table, rows) } else { Ok(()) }
}

/// Nothing is told: no more than the damaged row can be another.
fn check_rows(table: &Table, rows: &[Vec<String>]) -> Result<(), TestCaseError> {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (table.rows.iter().collect(), rows.iter().collect());
    let (lost, new) = (before.difference(&after).count(), after.difference(&before).count());
    prop_assert!(rows.len() == table.rows.len() && lost <= 1 && new <= 1, "{} lost, {} new", lost, new);
    Ok(())
}

#[test]
fn a_damaged_byte_loses_no_row_unseen() {
    let (bench, mut failures) = (Bench::new(), Vec::new());
    let formats = Written::all().into_iter().filter(|format| !matches!(format, Written::Sqlite | Written::Postgres));
    for (number, format) in formats.enumerate() {
        let path = bench.path(&format!("file{number}"));
        let damaged = (tables(ids(&bench), words(), 2..12), any::<prop::sample::Index>(), any_byte());
        let tested = runner(24).run(&damaged, |(table, at, byte)| {
            format.write(&bench, &table, &path);
            let before = spread(format, std::fs::read(&path).unwrap());
            let mut bytes = before.clone();
            let Some(at) = damage(&mut bytes, at, byte) else { return Ok(()) };
            std::fs::write(&path, bytes).unwrap();
            match format.check(&bench, &table, &path) {
                Err(told) => check_place(format, line_of(&before, at), &told),
                Ok(given) => {
                    let rows = of_table(&bench, &table, &given);
                    let text = matches!(format, Written::Text(_, _, "utf-8" | "windows-1252"))
                        || matches!(format, Written::Sdmx(..)) && format.has_lines();
                    if text {
                        check_lines(&before, at, &table, &rows, &given)?;
                    } else if given.findings.errors() == 0 {
                        prop_assert_eq!(rows.len(), table.rows.len(), "{:?}", given.findings);
                    }
                    Ok(())
                }
            }
        });
        failures.extend(tested.err().map(|failure| format!("{format:?}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Damages a part of an archive that is whole again afterwards, as a program writes it that has got something wrong.
fn damage_part(path: &Path, part: &str, at: prop::sample::Index, byte: u8) -> bool {
    let mut archive = ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let (mut out, mut damaged) = (ZipWriter::new(Cursor::new(Vec::new())), false);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let (name, mut bytes) = (entry.name().unwrap().into_owned(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        damaged |= name == part && damage(&mut bytes, at, byte).is_some();
        out.start_file(name, SimpleFileOptions::default()).unwrap();
        out.write_all(&bytes).unwrap();
    }
    std::fs::write(path, out.finish().unwrap().into_inner()).unwrap();
    damaged
}

#[test]
fn a_damaged_sheet_of_a_whole_archive_loses_no_row_unseen() {
    let (bench, mut failures) = (Bench::new(), Vec::new());
    for (format, part) in [(Written::Xlsx, "xl/worksheets/sheet1.xml"), (Written::Ods, "content.xml")] {
        let path = bench.path(part.rsplit('/').next().unwrap());
        let damaged = (tables(ids(&bench), words(), 2..12), any::<prop::sample::Index>(), any_byte());
        let tested = runner(48).run(&damaged, |(table, at, byte)| {
            format.write(&bench, &table, &path);
            if !damage_part(&path, part, at, byte) {
                return Ok(());
            }
            match format.check(&bench, &table, &path) {
                Err(told) => check_place(format, 0, &told),
                Ok(given) if given.findings.errors() == 0 => check_rows(&table, &of_table(&bench, &table, &given)),
                Ok(_) => Ok(()),
            }
        });
        failures.extend(tested.err().map(|failure| format!("{format:?}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
