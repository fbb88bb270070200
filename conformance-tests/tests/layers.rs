//! Which crate may use which: the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[test]
fn crates_depend_up_the_table_only() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("chancery-schema", [].as_slice()),
        ("chancery-policies", &["schema"]),
        ("chancery-ledger", &["schema"]),
        ("chancery-store", &["ledger"]),
        ("chancery-query", &["schema"]),
        ("chancery-network", &["ledger"]),
        ("chancery-exchange", &["schema", "policies", "ledger", "store", "query", "network"]),
        ("chancery-gateway", &["exchange", "schema"]),
        ("chancery", &["schema", "policies", "ledger", "store", "query", "network", "exchange", "gateway"]),
        ("chancery-conformance", &["schema", "ledger"]),
    ]);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let may = allowed.get(name).unwrap_or_else(|| panic!("`{name}` is not in the table of ARCHITECTURE.md"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let normal = dependency["kind"].is_null();
            if let Some(short) = used.strip_prefix("chancery-").filter(|_| normal) {
                assert!(may.contains(&short), "`{name}` may not use `{used}`");
            }
        }
        seen.insert(name.to_owned());
    }
    assert_eq!(seen.len(), allowed.len(), "the table names crates that are not there");
}
