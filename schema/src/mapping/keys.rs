//! Words of a mapping file that mean nothing: all of them, with the nearest that means something.

use toml::{Table, Value};

use super::MappingError;
use super::error::did_you_mean;

const TOP: &[&str] =
    &["dataflow", "source", "options", "unpivot", "split", "combine", "components", "where", "aggregate"];
const SOURCE: &[&str] = &["format", "sheet", "headings", "database", "query"];
const OPTIONS: &[&str] = &["delimiter", "quote", "encoding", "decimal", "thousands", "missing", "marks", "unmapped"];
const UNPIVOT: &[&str] = &["columns", "pattern", "into", "value", "keep_empty"];
const SPLIT: &[&str] = &["column", "at", "into", "pattern"];
const COMBINE: &[&str] = &["into", "with"];
const COMPONENT: &[&str] = &["column", "value", "map", "patterns", "names", "system", "default", "format", "period"];
const PATTERN: &[&str] = &["matches", "code"];
const FILTER: &[&str] = &["column", "in", "not_in", "matches"];
const AGGREGATE: &[&str] = &["over"];

/// Every unknown key.
pub(super) fn unknown(table: &Table) -> Vec<MappingError> {
    let mut errors = Vec::new();
    check("the mapping file", table, TOP, &mut errors);
    for (place, known) in [
        ("source", SOURCE),
        ("options", OPTIONS),
        ("unpivot", UNPIVOT),
        ("split", SPLIT),
        ("combine", COMBINE),
        ("where", FILTER),
        ("aggregate", AGGREGATE),
    ] {
        for inner in tables(table.get(place)) {
            check(place, inner, known, &mut errors);
        }
    }
    for (component, mapping) in tables(table.get("components")).flat_map(|components| components.iter()) {
        for mapping in tables(Some(mapping)) {
            check(&format!("components.{component}"), mapping, COMPONENT, &mut errors);
            for pattern in tables(mapping.get("patterns")) {
                check(&format!("components.{component}.patterns"), pattern, PATTERN, &mut errors);
            }
        }
    }
    errors
}

/// The table, or the tables of the array.
fn tables(value: Option<&Value>) -> impl Iterator<Item = &Table> {
    let many = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    value.and_then(Value::as_table).into_iter().chain(many.iter().filter_map(Value::as_table))
}

fn check(place: &str, table: &Table, known: &[&str], errors: &mut Vec<MappingError>) {
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        errors.push(MappingError::Key {
            place: place.to_owned(),
            key: key.clone(),
            known: known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "),
            nearest: did_you_mean(key, known.iter().copied()),
        });
    }
}
