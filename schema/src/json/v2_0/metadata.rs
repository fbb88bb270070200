//! SDMX-JSON reference metadata messages, 2.0 and 2.1 (sdmx-twg/sdmx-json, metadata-message), which differ in the schema's address alone.

use serde_json::{Map, Value as Json, json};

use super::structure::meta;
use crate::message::MessageHeader;
use crate::metadata::{MetadataSet, ReportedAttribute, Value};

/// Address of the 2.0 message's JSON schema.
const SCHEMA_2_0: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/metadata-message/tools/schemas/2.0.0/sdmx-json-metadata-schema.json";
/// Address of the 2.1 message's JSON schema.
const SCHEMA_2_1: &str = "https://json.sdmx.org/2.1/sdmx-json-metadata-schema.json";

/// Writes a metadata message, `meta` first.
pub fn write(sets: &[MetadataSet], header: &MessageHeader, newer: bool) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"meta\":");
    out.extend(meta(if newer { SCHEMA_2_1 } else { SCHEMA_2_0 }, header)?);
    out.extend_from_slice(b",\"data\":{\"metadataSets\":");
    serde_json::to_writer(&mut out, &sets.iter().map(set).collect::<Vec<_>>())?;
    out.extend_from_slice(b"}}");
    Ok(out)
}

fn set(set: &MetadataSet) -> Json {
    let mut value = json!({
        "id": set.id, "agencyID": set.provider, "version": set.version,
        "links": [
            // No URN of itself: the official schema's pattern of URNs leaves metadata sets out.
            { "rel": "via", "href": set.href, "type": "application/json", "title": "signed record" },
        ],
        "metadataflow": set.metadataflow.urn("metadatastructure.Metadataflow"),
        "targets": [set.target],
    });
    let names = serde_json::to_value(&set.names).unwrap_or_default();
    if let (Some(value), Json::Object(names)) = (value.as_object_mut(), names) {
        value.extend(names);
        if set.attributes.is_empty() {
            value.insert("isExternalReference".to_owned(), json!(true));
        } else {
            value.insert("attributes".to_owned(), set.attributes.iter().map(attribute).collect());
        }
    }
    value
}

fn attribute(a: &ReportedAttribute) -> Json {
    let mut value = Map::from_iter([("id".to_owned(), json!(a.id))]);
    match &a.value {
        Some(Value::Text(text)) => value.insert("value".to_owned(), json!(text)),
        Some(Value::Texts(texts)) => value.insert("value".to_owned(), json!(texts)),
        None => None,
    };
    if !a.attributes.is_empty() {
        value.insert("attributes".to_owned(), a.attributes.iter().map(attribute).collect());
    }
    Json::Object(value)
}
