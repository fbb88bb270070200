//! Sorting on disk.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use chancery_query::SORTED_ROWS;
use futures::StreamExt as _;

use crate::support::{Row, batch, engine, schema};

const ROWS: usize = 400_000;

/// Keys that never repeat, in no order.
fn shuffled() -> Vec<Row> {
    let row = |i: usize| {
        let mixed = i * 7_919 % ROWS;
        let mut key: Vec<String> = ["A", "GTM", "MEX", "GTM", "_T", "_T", "_T"].map(str::to_owned).to_vec();
        key.push(format!("{mixed:06}"));
        Row { key, value: Some(mixed as f64), release: String::new() }
    };
    (0..ROWS).map(row).collect()
}

#[tokio::test]
async fn rows_larger_than_the_memory_are_sorted_through_the_spill_folder() {
    let (dir, schema) = (tempfile::tempdir().unwrap(), schema());
    let columns = schema.arrow_schema();
    let batches: Vec<_> = shuffled().chunks(8_192).map(|part| batch(&schema, part)).collect();
    let batches: Vec<_> = batches.into_iter().map(|b| b.with_schema(columns.clone()).unwrap()).collect();
    // The rows take a multiple of this.
    let engine = engine(dir.path(), 48 << 20);
    let mut sorted = engine.sort(columns, futures::stream::iter(batches), "TIME_PERIOD").await.unwrap();
    let (mut next, mut spilled) = (0usize, 0u64);
    while let Some(batch) = sorted.next().await {
        let batch = batch.unwrap();
        spilled = spilled.max(used(dir.path()));
        for text in batch.column_by_name("TIME_PERIOD").unwrap().as_string::<i32>() {
            assert_eq!(text.unwrap(), format!("{next:06}"));
            next += 1;
        }
    }
    assert_eq!(next, ROWS);
    assert!(spilled > 1 << 20, "nothing was spilled: the test's memory limit is too high");
    drop(sorted);
    drop(engine);
    assert_eq!(used(dir.path()), 0, "spilled files are left behind");
}

/// What fills the memory while a part is spilled depends on how much there is.
#[tokio::test]
async fn large_batches_are_sorted_with_any_memory() {
    let columns = Arc::new(Schema::new(vec![Field::new("KEY", DataType::Binary, false)]));
    let key = |i: u64| (i * 7_919 % 400_009).to_be_bytes().repeat(2);
    let batch = |first: u64| {
        let keys: ArrayRef = Arc::new(BinaryArray::from_iter_values((first..first + 65_536).map(key)));
        RecordBatch::try_new(Arc::clone(&columns), vec![keys]).unwrap()
    };
    for mib in 12..=20 {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path(), mib << 20);
        let batches = futures::stream::iter((0..12).map(|part| batch(part * 65_536)).collect::<Vec<_>>());
        let mut sorted = engine.sort(Arc::clone(&columns), batches, "KEY").await.unwrap();
        let (mut last, mut rows) = (Vec::new(), 0);
        while let Some(batch) = sorted.next().await {
            let batch = batch.unwrap_or_else(|failure| panic!("with {mib} MiB: {failure}"));
            assert!(batch.num_rows() <= SORTED_ROWS);
            rows += batch.num_rows();
            for key in batch.column(0).as_binary::<i32>().iter().flatten() {
                assert!(last.as_slice() <= key);
                last.clear();
                last.extend_from_slice(key);
            }
        }
        assert_eq!(rows, 12 * 65_536);
    }
}

/// Bytes under a folder.
fn used(dir: &std::path::Path) -> u64 {
    let size = |entry: std::fs::DirEntry| {
        let data = entry.metadata().unwrap();
        if data.is_dir() { used(&entry.path()) } else { data.len() }
    };
    std::fs::read_dir(dir).unwrap().map(|entry| size(entry.unwrap())).sum()
}
