//! SDMX error messages: what a service says when it has no figures to give (SDMX web services guidelines, section 5).

use std::io;

use quick_xml::Writer;
use serde_json::json;

use crate::message::MessageHeader;
use crate::xml::data::{end, start, text};
use crate::xml::specific::{V2_1, V3_0};
use crate::xml::v3_0::declaration;

/// An error, by the standard's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMessage {
    /// 100 no results, 110 unauthorised, 130 too large, 140 syntax, 150 semantics, 500 internal, 501 not implemented, 503 unavailable.
    pub code: u16,
    /// What is wrong and what to do.
    pub detail: String,
}

impl ErrorMessage {
    /// The code's words.
    pub fn title(&self) -> &'static str {
        match self.code {
            100 => "No results found",
            110 => "Unauthorized",
            130 => "Response too large due to client request",
            140 => "Syntax error",
            150 => "Semantic error",
            501 => "Not implemented",
            503 => "Service unavailable",
            _ => "Internal server error",
        }
    }

    /// As SDMX-JSON 2.0, which 1.0 reads as well.
    pub fn json(&self, header: &MessageHeader) -> String {
        json!({
            "meta": {
                "id": header.id, "test": false, "prepared": header.prepared_text(),
                "sender": { "id": header.sender_id, "name": header.sender_name },
            },
            "errors": [{ "code": self.code, "title": self.title(), "detail": self.detail }],
        })
        .to_string()
    }

    /// As SDMX-ML, 2.1 or 3.0.
    pub fn xml(&self, three: bool) -> io::Result<Vec<u8>> {
        let version = if three { V3_0 } else { V2_1 };
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        declaration(&mut out)?;
        start(&mut out, "mes:Error", &[("xmlns:mes", version.message), ("xmlns:com", version.common)])?;
        start(&mut out, "mes:ErrorMessage", &[("code", &self.code.to_string())])?;
        text(&mut out, "com:Text", self.title())?;
        text(&mut out, "com:Text", &self.detail)?;
        end(&mut out, "mes:ErrorMessage")?;
        end(&mut out, "mes:Error")?;
        Ok(bytes)
    }
}
