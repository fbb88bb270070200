//! SDMX-JSON 2.0 structure messages (sdmx-twg/sdmx-json, structure-message 2.0.0).

use serde::Deserialize;
use serde_json::json;

use crate::message::MessageHeader;
use crate::structure::Structures;

/// Address of the message's JSON schema; clients look for it in the first 350 characters.
pub const SCHEMA: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/structure-message/tools/schemas/2.0.0/sdmx-json-structure-schema.json";
/// Largest message read. A hundred times the shared structures; short codes take ten times as much memory as text.
const MAX_BYTES: usize = 16 << 20;

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Too long.
    #[error("{0} bytes of structures, more than {MAX_BYTES}")]
    TooLong(usize),
    /// Not a structure message.
    #[error("not an SDMX-JSON 2.0 structure message: {0}")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Message {
    data: Structures,
}

/// Reads a structure message.
pub fn read(bytes: &[u8]) -> Result<Structures, ReadError> {
    if bytes.len() > MAX_BYTES {
        return Err(ReadError::TooLong(bytes.len()));
    }
    Ok(serde_json::from_slice::<Message>(bytes)?.data)
}

/// Writes a structure message, `meta` first.
pub fn write(structures: &Structures, header: &MessageHeader) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"meta\":");
    out.extend(meta(SCHEMA, header)?);
    out.extend_from_slice(b",\"data\":");
    serde_json::to_writer(&mut out, structures)?;
    out.push(b'}');
    Ok(out)
}

/// A message's `meta`, its schema's address first.
pub(crate) fn meta(schema: &str, header: &MessageHeader) -> serde_json::Result<Vec<u8>> {
    let mut out = format!("{{\"schema\":{},", json!(schema)).into_bytes();
    let rest = json!({
        "id": header.id,
        "test": false,
        "prepared": header.prepared_text(),
        "sender": { "id": header.sender_id, "name": header.sender_name, "names": { "en": header.sender_name } },
    });
    out.extend_from_slice(rest.to_string().get(1..).unwrap_or("}").as_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_equal_and_name_their_schema_early() {
        let structures = crate::shared::structures().unwrap();
        let header = MessageHeader {
            id: "T".into(),
            prepared: chrono::DateTime::UNIX_EPOCH,
            sender_id: "RCP".into(),
            sender_name: "RCP".into(),
            releases: Vec::new(),
        };
        let bytes = write(&structures, &header).unwrap();
        assert_eq!(read(&bytes).unwrap(), structures);
        assert!(String::from_utf8_lossy(&bytes[..350]).contains("2.0.0/sdmx-json-structure-schema.json"));
    }

    #[test]
    fn hostile_messages_are_errors() {
        let deep = format!("{{\"data\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for bad in ["", "{}", "[]", "{\"data\":{\"codelists\":7}}", deep.as_str()] {
            assert!(read(bad.as_bytes()).is_err());
        }
    }
}
