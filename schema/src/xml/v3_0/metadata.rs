//! SDMX-ML 3.0 generic metadata messages.

use std::io::Result;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{COMMON, MESSAGE, declaration};
use crate::message::MessageHeader;
use crate::metadata::{MetadataSet, ReportedAttribute, Value};
use crate::structure::Texts;
use crate::xml::data::{Out, allowed, begin_header, empty, end, start, text};

/// Namespace of generic metadata.
const GENERIC: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/metadata/generic";

/// Writes a metadata message.
pub fn write(sets: &[MetadataSet], header: &MessageHeader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let out = &mut Writer::new(&mut bytes);
    declaration(out)?;
    start(out, "mes:GenericMetadata", &[("xmlns:mes", MESSAGE), ("xmlns:gen", GENERIC), ("xmlns:com", COMMON)])?;
    begin_header(out, header)?;
    let mut flows: Vec<_> = sets.iter().map(|set| &set.metadataflow).collect();
    flows.sort();
    flows.dedup();
    for flow in flows {
        start(out, "mes:Structure", &[("structureID", &flow.id)])?;
        text(out, "com:StructureUsage", &flow.urn("metadatastructure.Metadataflow"))?;
        end(out, "mes:Structure")?;
    }
    end(out, "mes:Header")?;
    sets.iter().try_for_each(|set| metadata_set(out, set))?;
    end(out, "mes:GenericMetadata")?;
    Ok(bytes)
}

fn metadata_set(out: &mut Out<'_>, set: &MetadataSet) -> Result<()> {
    let urn = set.urn();
    let mut attributes =
        vec![("id", set.id.as_str()), ("agencyID", &set.provider), ("version", &set.version), ("urn", &urn)];
    attributes.extend(set.attributes.is_empty().then_some(("isExternalReference", "true")));
    start(out, "mes:MetadataSet", &attributes)?;
    empty(out, "com:Link", &[("rel", "via"), ("url", &set.href), ("type", "application/json")])?;
    let alone = Texts::from([("en".to_owned(), set.names.name.clone())]);
    texts(out, "com:Name", if set.names.names.is_empty() { &alone } else { &set.names.names })?;
    // A stub says who and what alone.
    if !set.attributes.is_empty() {
        text(out, "gen:Metadataflow", &set.metadataflow.urn("metadatastructure.Metadataflow"))?;
        text(out, "gen:Target", &set.target)?;
        set.attributes.iter().try_for_each(|a| attribute(out, a))?;
    }
    end(out, "mes:MetadataSet")
}

fn attribute(out: &mut Out<'_>, a: &ReportedAttribute) -> Result<()> {
    start(out, "gen:Attribute", &[("id", &a.id)])?;
    match &a.value {
        Some(Value::Text(value)) => text(out, "gen:Value", &allowed(value))?,
        Some(Value::Texts(all)) => texts(out, "com:Text", all)?,
        None => {}
    }
    a.attributes.iter().try_for_each(|a| attribute(out, a))?;
    end(out, "gen:Attribute")
}

fn texts(out: &mut Out<'_>, element: &str, all: &Texts) -> Result<()> {
    all.iter().try_for_each(|(language, value)| {
        let element = out.create_element(element).with_attribute(("xml:lang", language.as_str()));
        element.write_text_content(BytesText::new(&allowed(value))).map(|_| ())
    })
}
