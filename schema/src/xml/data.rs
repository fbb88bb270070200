//! What data messages of every version share.

use std::borrow::Cow;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use crate::data::WriteError;
use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// A message in the making.
pub(crate) type Out<'a> = Writer<&'a mut Vec<u8>>;

/// How a header names the structure of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By the parts of its identity, as 2.1.
    Ref,
    /// By its URN, as 3.0.
    Urn,
}

/// Writes `<name>text</name>`.
pub(crate) fn text(out: &mut Out<'_>, name: &str, text: &str) -> io::Result<()> {
    out.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
}

/// Opens a message's header and writes what every message says of itself.
pub(crate) fn begin_header(out: &mut Out<'_>, header: &MessageHeader) -> io::Result<()> {
    start(out, "mes:Header", &[])?;
    text(out, "mes:ID", &header.id)?;
    text(out, "mes:Test", "false")?;
    text(out, "mes:Prepared", &header.prepared_text())?;
    start(out, "mes:Sender", &[("id", &header.sender_id)])?;
    text(out, "com:Name", &header.sender_name)?;
    end(out, "mes:Sender")
}

/// Writes the header of a data message.
pub(crate) fn header(
    out: &mut Out<'_>,
    header: &MessageHeader,
    schema: &DatasetSchema,
    naming: Naming,
    namespace: Option<&str>,
    at_observation: &str,
) -> io::Result<()> {
    begin_header(out, header)?;
    let id = schema.dataflow.id.as_str();
    let mut structure = vec![("structureID", id)];
    structure.extend(namespace.map(|namespace| ("namespace", namespace)));
    structure.push(("dimensionAtObservation", at_observation));
    start(out, "mes:Structure", &structure)?;
    match naming {
        Naming::Urn => text(out, "com:StructureUsage", &schema.dataflow.urn("datastructure.Dataflow"))?,
        Naming::Ref => {
            start(out, "com:StructureUsage", &[])?;
            let dataflow = &schema.dataflow;
            let parts = [
                ("agencyID", dataflow.agency.as_str()),
                ("id", id),
                ("version", dataflow.version.as_str()),
                ("class", "Dataflow"),
            ];
            out.write_event(Event::Empty(BytesStart::new("Ref").with_attributes(parts)))?;
            end(out, "com:StructureUsage")?;
        }
    }
    end(out, "mes:Structure")?;
    for release in &header.releases {
        text(out, "mes:Source", &release.href)?;
    }
    end(out, "mes:Header")
}

/// Opens an element.
pub(crate) fn start(out: &mut Out<'_>, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    out.write_event(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())))
}

/// Closes an element.
pub(crate) fn end(out: &mut Out<'_>, name: &str) -> io::Result<()> {
    out.write_event(Event::End(BytesEnd::new(name)))
}

/// Writes an element without content.
pub(crate) fn empty(out: &mut Out<'_>, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    out.write_event(Event::Empty(BytesStart::new(name).with_attributes(attributes.iter().copied())))
}

/// Text without the characters XML 1.0 has no way to write; a peer's text may hold them, and one would spoil the message.
pub(crate) fn allowed(text: &str) -> Cow<'_, str> {
    let refused =
        |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(refused) { Cow::Owned(text.replace(refused, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

pub(crate) fn failed(error: io::Error) -> WriteError {
    WriteError::Write(error.to_string())
}
