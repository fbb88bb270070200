//! SDMX-JSON 2.1 structure messages (sdmx-twg/sdmx-json, structure-message 2.1.0). What there is of figures has an artefact of its own
//! here, and constraints say no longer which kind they are.

use serde_json::{Map, Value, json};

use crate::json::v2_0::structure::meta;
use crate::message::MessageHeader;
use crate::structure::{ConstraintRole, Structures};

/// Address of the message's JSON schema, whose path clients look for in the first 350 characters.
pub const SCHEMA: &str = "https://json.sdmx.org/2.1/sdmx-json-structure-schema.json";

/// Writes a structure message, `meta` first.
pub fn write(structures: &Structures, header: &MessageHeader) -> serde_json::Result<Vec<u8>> {
    let mut data = serde_json::to_value(structures)?;
    if let Some(data) = data.as_object_mut() {
        constraints(structures, data);
    }
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"meta\":");
    out.extend(meta(SCHEMA, header)?);
    out.extend_from_slice(b",\"data\":");
    serde_json::to_writer(&mut out, &data)?;
    out.push(b'}');
    Ok(out)
}

/// Parts constraints of what is allowed from what there is, which has no identity but numbers of its own.
fn constraints(structures: &Structures, data: &mut Map<String, Value>) {
    let Some(Value::Array(all)) = data.remove("dataConstraints") else { return };
    let (mut allowed, mut available) = (Vec::new(), Vec::new());
    for (mut written, constraint) in all.into_iter().zip(&structures.data_constraints) {
        if constraint.role != Some(ConstraintRole::Actual) {
            written.as_object_mut().map(|fields| fields.remove("role"));
            allowed.push(written);
            continue;
        }
        let count = |id: &str| {
            let found = constraint.maintainable.annotations.iter().find(|a| a.id == id);
            found.and_then(|a| a.title.parse::<u64>().ok())
        };
        let mut entry = json!({ "constraintAttachment": attachment(written.get("constraintAttachment")) });
        let more = [
            ("cubeRegion", written.get("cubeRegions").and_then(|regions| regions.get(0)).cloned()),
            ("seriesCount", count("series_count").map(Value::from)),
            ("obsCount", count("obs_count").map(Value::from)),
        ];
        for (name, value) in more {
            value.and_then(|value| entry.as_object_mut()?.insert(name.to_owned(), value));
        }
        available.push(entry);
    }
    for (name, list) in [("dataConstraints", allowed), ("availabilityConstraints", available)] {
        if !list.is_empty() {
            data.insert(name.to_owned(), Value::Array(list));
        }
    }
}

/// One dataflow or data structure, not lists of them.
fn attachment(written: Option<&Value>) -> Value {
    let one = |list: &str, name: &str| {
        let urn = written?.get(list)?.get(0)?;
        Some(json!({ name: urn }))
    };
    one("dataflows", "dataflow").or_else(|| one("dataStructures", "dataStructure")).unwrap_or_else(|| json!({}))
}
