//! What the benchmarks measure is right, and sums are those of the figures. Nothing here depends on how fast the machine is.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::process::Command;

use chancery_conformance::{TestForum, get, get_json, program};
use serde_json::Value;
use tempfile::TempDir;

fn bench(folder: &TempDir, args: &[&str]) -> Value {
    let done = Command::new(program().unwrap())
        .current_dir(folder.path())
        .args(["--json", "bench"])
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn benchmarks_measure_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let query = bench(&folder, &["query", "--areas", "4"]);
    assert_eq!((query["observations"].as_u64(), query["series"].as_u64()), (Some(4 * 4 * 270), Some(4 * 4 * 15)));
    let sizes = bench(&folder, &["query", "--sizes", "2000,5000"]);
    assert_eq!(sizes.as_array().map(Vec::len), Some(2), "{sizes}");
    let http = bench(
        &folder,
        &["http", "--areas", "4", "--file", "http.parquet", "--seconds", "1", "--connections", "4", "--rate", "40"],
    );
    assert_eq!(http["failures"], 0, "{http}");
    assert!(http["answers"].as_u64().unwrap() > 0 && http["observations"].as_u64().unwrap() > 0, "{http}");
    let log = bench(&folder, &["log", "--seconds", "1"]);
    let batches: Vec<u64> = log.as_array().unwrap().iter().filter_map(|row| row["batch"].as_u64()).collect();
    assert_eq!(batches, [1, 16, 64, 256, 1_024]);
    assert!(!folder.path().join("bench-log").exists());
    // Each decision is compared with Cedar's own; a difference would have failed it.
    let decisions = bench(&folder, &["decisions"]);
    assert_eq!(decisions.as_array().and_then(|rows| rows.last()?["policies"].as_u64()), Some(1_000));
}

#[test]
fn sums_are_those_of_the_figures() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    gtm.publish("Returns", &[("2023-11", 40), ("2023-12", 7), ("2024-01", 25)]).unwrap();
    let figures = gtm.run(&["query", "RETURNS", "--format", "csv"]).unwrap().ok().unwrap();
    let heads: Vec<&str> = figures.lines().next().unwrap().split(',').collect();
    let column = heads.iter().position(|head| *head == "OBS_VALUE").unwrap();
    let wanted: f64 = figures.lines().skip(1).filter_map(|line| line.split(',').nth(column)?.parse::<f64>().ok()).sum();
    let told = gtm.json(&["query", "RETURNS", "--sum-by", "ORIGIN,TIME_PERIOD"]).unwrap();
    let sum = |sums: &Value| sums["sums"].as_array().unwrap().iter().filter_map(|row| row["sum"].as_f64()).sum::<f64>();
    assert!(wanted > 0.0);
    assert_eq!(sum(&told), wanted, "{told}");
    let serving = gtm.serve().unwrap();
    let served = get_json(&format!("{}/api/v1/sums?dataflow=RETURNS&by=ORIGIN,TIME_PERIOD", serving.url)).unwrap();
    assert_eq!(served, told);
    let one = get_json(&format!("{}/api/v1/sums?dataflow=RETURNS&by=ORIGIN&TIME_PERIOD=2024-01", serving.url)).unwrap();
    assert_eq!(one["sums"].as_array().map(Vec::len), Some(1), "{one}");
    for (asked, says) in [
        ("dataflow=RETURNS&by=OBS_VALUE", "not by `OBS_VALUE`"),
        ("dataflow=RETURNS&by=NOTHING", "not by `NOTHING`"),
        ("dataflow=RETURNS", "`by` is missing"),
        ("by=SEX", "`dataflow` is missing"),
        ("dataflow=RETURNS&by=SEX&NOTHING=1", "NOTHING"),
    ] {
        let (status, text) = get(&format!("{}/api/v1/sums?{asked}", serving.url)).unwrap();
        assert!(status == 400 && text.contains(says), "{asked}: {status} {text}");
    }
    // What another process publishes is in the very next answer, however often was asked before.
    let address = format!("{}/api/v1/sums?dataflow=RETURNS&by=TIME_PERIOD", serving.url);
    for figure in [300, 600, 900] {
        let before = get_json(&address).unwrap();
        gtm.publish("Returns, revised", &[("2024-01", figure)]).unwrap();
        let after = get_json(&address).unwrap();
        assert_ne!(after, before);
        assert_eq!(after, gtm.json(&["query", "RETURNS", "--sum-by", "TIME_PERIOD"]).unwrap());
    }
}
