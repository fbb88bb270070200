//! SDMX-ML 3.0.

pub mod metadata;
pub mod structure;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Namespace of messages.
pub(crate) const MESSAGE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message";
/// Namespace of structures.
pub(crate) const STRUCTURE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/structure";
/// Namespace of common types.
pub(crate) const COMMON: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/common";

/// Writes the XML declaration.
pub(crate) fn declaration<W: std::io::Write>(out: &mut Writer<W>) -> std::io::Result<()> {
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
}

/// Writes `<name>text</name>`.
pub(crate) fn text<W: std::io::Write>(out: &mut Writer<W>, name: &str, text: &str) -> std::io::Result<()> {
    out.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
}
