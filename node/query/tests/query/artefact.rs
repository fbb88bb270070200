//! What a peer may send as an artefact, and what is refused.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use chancery_query::artefact::{ArtefactError, ArtefactWriter, Limits, inspect, read};
use chancery_schema::DatasetSchema;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

use crate::support::{DIMENSIONS, Row, artefact, batch, schema};

fn row(time: &str, value: Option<f64>) -> Row {
    let mut key: Vec<String> = ["A", "GTM", "MEX", "GTM", "_T", "_T", "_T"].map(str::to_owned).to_vec();
    key.push(time.to_owned());
    Row { key, value, release: String::new() }
}

/// A file with any columns, as somebody else's program would write it.
fn file(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The batch with one column replaced.
fn with(schema: &DatasetSchema, batch: &RecordBatch, index: usize, column: ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns[index] = column;
    RecordBatch::try_new(schema.arrow_schema(), columns).unwrap()
}

fn refused(path: &Path, schema: &DatasetSchema) -> String {
    inspect(path, schema, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn the_facts_of_a_sound_artefact_are_told_and_its_bytes_depend_on_its_rows_alone() {
    let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
    let rows = [row("2020", Some(1.0)), row("2021", None), row("2022", Some(0.0))];
    let (first, second) = (dir.path().join("1.parquet"), dir.path().join("2.parquet"));
    artefact(&first, &schema, &rows);
    artefact(&second, &schema, &rows);
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    let facts = inspect(&first, &schema, &Limits::default()).unwrap();
    assert_eq!((facts.rows, facts.first_period.as_str(), facts.last_period.as_str()), (3, "2020", "2022"));
}

#[test]
fn what_breaks_the_schema_is_refused_with_its_row() {
    let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
    let path = dir.path().join("bad.parquet");
    let good = batch(&schema, &[row("2020", Some(1.0)), row("2021", Some(2.0))]);
    let texts = |a: &str, b: Option<&str>| Arc::new(StringArray::from(vec![Some(a), b])) as ArrayRef;
    let cases: [(usize, ArrayRef, &str); 6] = [
        (1, texts("GTM", Some("AUS1")), "row 2, `REF_AREA`"),
        (DIMENSIONS, texts("2020", Some("2020-13")), "row 2, `TIME_PERIOD`"),
        (DIMENSIONS, texts("2020", Some("2021-01")), "row 2, `TIME_PERIOD`"),
        (DIMENSIONS, texts("2020", Some("2020")), "there twice"),
        (DIMENSIONS, texts("2021", Some("2020")), "not in order"),
        (DIMENSIONS + 1, Arc::new(Float64Array::from(vec![1.0, f64::INFINITY])), "row 2, `OBS_VALUE`"),
    ];
    for (index, column, expected) in cases {
        file(&path, &with(&schema, &good, index, column));
        let refusal = refused(&path, &schema);
        assert!(refusal.contains(expected), "{expected}: {refusal}");
    }
    let mandatory = schema.components().position(|c| c.id == "OBS_STATUS").unwrap();
    file(&path, &with(&schema, &good, mandatory, texts("A", None)));
    assert!(refused(&path, &schema).contains("`OBS_STATUS`"));
    file(&path, &good.project(&[0, 1, 2]).unwrap());
    assert!(refused(&path, &schema).starts_with("the columns are not those"));
}

#[test]
fn a_file_that_would_fill_the_memory_is_refused_before_it_is_read() {
    let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
    let path = dir.path().join("bomb.parquet");
    // A few kilobytes that become many: one text, repeated.
    let rows: Vec<Row> = (0..20_000).map(|i| row(&format!("{i:05}"), Some(0.0))).collect();
    let good = batch(&schema, &rows);
    let comment = schema.components().position(|c| c.id == "COMMENT").unwrap();
    let long = "x".repeat(2_000);
    let column = Arc::new(StringArray::from_iter_values((0..rows.len()).map(|i| format!("{long}{i}"))));
    file(&path, &with(&schema, &good, comment, column));
    let limits = Limits { group_bytes: 16 << 20, ..Limits::default() };
    let refusal = inspect(&path, &schema, &limits).unwrap_err();
    assert!(matches!(refusal, ArtefactError::TooLarge(_)), "{refusal}");
    let limits = Limits { rows: 19_999, ..Limits::default() };
    assert!(matches!(inspect(&path, &schema, &limits), Err(ArtefactError::TooLarge(_))));
}

#[test]
fn statistics_that_would_hide_figures_are_refused() {
    let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
    let path = dir.path().join("false.parquet");
    artefact(&path, &schema, &[row("2020", Some(1.0)), row("2021", Some(2.0))]);
    let bytes = std::fs::read(&path).unwrap();
    // Only the footer and the page index say `2021` as the greatest period; the data say it once, as the dictionary's second text.
    let found: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, w)| w == b"2021").map(|(at, _)| at).collect();
    assert!(found.len() > 1, "{found:?}");
    for at in found {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(b"2020");
        std::fs::write(&path, &bytes).unwrap();
        let inspected = inspect(&path, &schema, &Limits::default());
        assert!(inspected.is_err(), "at {at}: {inspected:?}");
    }
}

#[test]
fn a_writer_takes_rows_in_order_only() {
    let schema = schema();
    let mut writer = ArtefactWriter::new(Vec::new(), &schema).unwrap();
    writer.write(&batch(&schema, &[row("2021", Some(1.0))])).unwrap();
    let refusal = writer.write(&batch(&schema, &[row("2020", Some(1.0))])).unwrap_err();
    assert!(refusal.to_string().contains("not in order"), "{refusal}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_damaged_file_is_refused_or_read_and_never_breaks_the_reader(
        at in 0.0f64..1.0, byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
        let path = dir.path().join("damaged.parquet");
        artefact(&path, &schema, &[row("2020", Some(1.0)), row("2021", None)]);
        let mut bytes = std::fs::read(&path).unwrap();
        let index = ((bytes.len() as f64) * at) as usize;
        if cut { bytes.truncate(index) } else { bytes[index] = byte }
        std::fs::write(&path, &bytes).unwrap();
        let inspected = inspect(&path, &schema, &Limits::default());
        if cut {
            prop_assert!(inspected.is_err());
        }
        if let (Ok(_), Ok(batches)) = (inspected, read(&path)) {
            let rows: usize = batches.map_while(Result::ok).map(|batch| batch.num_rows()).sum();
            prop_assert!(rows <= 2);
        }
    }
}
