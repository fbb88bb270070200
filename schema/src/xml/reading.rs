//! What readers of XML share: attributes, texts, and the refusal of what no message needs.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::rows::SourceError;

/// An element's attribute by its whole name, with its prefix.
pub fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, SourceError> {
    let wrong = |why: String| SourceError::Format(format!("the element `{}`: {why}", start.name().as_ref()));
    match start.try_get_attribute(name).map_err(|e| wrong(e.to_string()))? {
        None => Ok(None),
        Some(attribute) => {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| wrong(e.to_string()))?;
            Ok(Some(value.into_owned()))
        }
    }
}

/// The text of a text, a section of it, or a reference; empty for other events. Only the references that XML itself has and
/// those to characters stand for anything: a message's own entities are refused.
pub fn resolve<'a>(event: &'a Event<'_>) -> Result<Cow<'a, str>, SourceError> {
    match event {
        Event::Text(text) => Ok(text.xml10_content()),
        Event::CData(text) => Ok(text.xml10_content()),
        Event::GeneralRef(reference) => {
            let wrong = |name: &str| SourceError::Format(format!("the entity `&{name};` stands for nothing here"));
            match reference.resolve_char_ref() {
                Ok(Some(character)) => Ok(Cow::Owned(character.to_string())),
                Ok(None) => {
                    let name = reference.xml10_content();
                    quick_xml::escape::resolve_xml_entity(&name).map(Cow::Borrowed).ok_or_else(|| wrong(&name))
                }
                Err(_) => Err(wrong(&reference.xml10_content())),
            }
        }
        _ => Ok(Cow::Borrowed("")),
    }
}
