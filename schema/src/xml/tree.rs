//! A bounded tree of an XML message: what structure messages need, and no more. Document types are refused, so that no entity is
//! ever expanded; names are local, as every version of SDMX-ML uses other namespaces for the same elements.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::reading::resolve;

/// Largest message, in bytes. A hundred times the shared structures.
const MAX_BYTES: usize = 32 << 20;
/// Most elements: codes with names in six languages, of lists as large as any in use.
const MAX_ELEMENTS: usize = 1_000_000;
/// Deepest nesting: hierarchies go deepest, and none in use is half as deep.
const MAX_DEPTH: usize = 64;

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Too long.
    #[error("{0} bytes of XML, more than {MAX_BYTES}")]
    TooLong(usize),
    /// Too many elements, or too deep.
    #[error("more than {MAX_ELEMENTS} elements, or nested deeper than {MAX_DEPTH}")]
    TooLarge,
    /// A document type.
    #[error("the message has a document type, which SDMX-ML does not use")]
    DocumentType,
    /// Not XML.
    #[error("not XML: {0}")]
    Malformed(String),
}

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Local name.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// Its text, without that of elements in it.
    pub(crate) text: String,
    /// Elements in it.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// An attribute, by local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first child of the name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The children of the name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// Its text without the white space around it.
    pub(crate) fn trimmed(&self) -> &str {
        self.text.trim()
    }

    /// The text of the first child of the name.
    pub(crate) fn text_of(&self, child: &str) -> Option<&str> {
        self.child(child).map(Element::trimmed)
    }
}

fn malformed(error: impl std::fmt::Display) -> TreeError {
    TreeError::Malformed(error.to_string().chars().take(300).collect())
}

fn element(start: &BytesStart<'_>) -> Result<Element, TreeError> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let value = quick_xml::escape::unescape(&attribute.value).map_err(malformed)?.into_owned();
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }
    Ok(Element { name: start.local_name().as_ref().to_owned(), attributes, ..Element::default() })
}

/// Reads a message; the root element.
pub(crate) fn read(bytes: &[u8]) -> Result<Element, TreeError> {
    if bytes.len() > MAX_BYTES {
        return Err(TreeError::TooLong(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(malformed)?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    root(&mut reader).map_err(|error| match error {
        TreeError::Malformed(why) => {
            // Where it is known what is wrong, the reader has gone on behind it.
            let at = Some(reader.error_position()).filter(|at| *at > 0).unwrap_or_else(|| reader.buffer_position());
            let before = text.as_bytes().iter().take(usize::try_from(at).unwrap_or(usize::MAX));
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            TreeError::Malformed(format!("line {line}: {why}"))
        }
        other => other,
    })
}

fn root(reader: &mut Reader<&[u8]>) -> Result<Element, TreeError> {
    // The outermost holds the root.
    let mut open = vec![Element::default()];
    let mut elements = 0_usize;
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(start) => {
                elements += 1;
                if elements > MAX_ELEMENTS || open.len() > MAX_DEPTH {
                    return Err(TreeError::TooLarge);
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err(TreeError::TooLarge);
                }
                let child = element(&start)?;
                if let Some(parent) = open.last_mut() {
                    parent.children.push(child);
                }
            }
            Event::End(_) => {
                if let (Some(child), Some(parent)) = (open.pop(), open.last_mut()) {
                    parent.children.push(child);
                }
            }
            event @ (Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)) => {
                let text = resolve(&event).map_err(malformed)?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::DocType(_) => return Err(TreeError::DocumentType),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    let mut outermost = open.pop().filter(|_| open.is_empty()).ok_or_else(|| malformed("it ends within an element"))?;
    outermost.children.pop().ok_or_else(|| malformed("it has no element"))
}
