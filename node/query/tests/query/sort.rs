//! Sorting on disk.

use arrow::array::AsArray;
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

/// Bytes under a folder.
fn used(dir: &std::path::Path) -> u64 {
    let size = |entry: std::fs::DirEntry| {
        let data = entry.metadata().unwrap();
        if data.is_dir() { used(&entry.path()) } else { data.len() }
    };
    std::fs::read_dir(dir).unwrap().map(|entry| size(entry.unwrap())).sum()
}
