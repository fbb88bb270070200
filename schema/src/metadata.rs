//! Reference metadata: what a provider reports of its figures, checked against a metadata structure. Signed by `ledger`, sent by the
//! writers in `json` and `xml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::language::Languages;
use crate::structure::{MetadataAttribute, MetadataStructure, Names, Reference, Representation, Structures, Texts};

#[cfg(test)]
mod tests;

/// Longest text of an attribute whose format gives no length, in characters.
const MAX_CHARS: usize = 4_000;
/// Most languages of one text.
const MAX_LANGUAGES: usize = 20;
/// Longest language tag.
const MAX_TAG: usize = 35;
/// Most attributes of one set: no metadata structure in use has as many.
const MAX_ATTRIBUTES: usize = 200;

/// Values by the id of the attribute; those that only hold others together have none.
pub type Reported = BTreeMap<String, Value>;

/// A reported value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// The same in every language.
    Text(String),
    /// Texts by language.
    Texts(Texts),
}

impl Value {
    /// The text in the best language, else the English one, else the first.
    pub fn text(&self, languages: &Languages) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Texts(texts) => {
                let best = languages.lookup(texts).or_else(|| texts.get("en").map(String::as_str));
                best.or_else(|| texts.values().next().map(String::as_str)).unwrap_or_default()
            }
        }
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Texts(texts) => texts.values().map(String::as_str).collect(),
        }
    }
}

/// An attribute as it is reported, with those in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedAttribute {
    /// Id.
    pub id: String,
    /// Names of its concept.
    pub names: Names,
    /// Its value; none if it only holds others together.
    pub value: Option<Value>,
    /// Attributes in it.
    pub attributes: Vec<ReportedAttribute>,
}

/// A metadata set: what one provider reports of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataSet {
    /// Who reports: in SDMX the set's agency.
    pub provider: String,
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Names.
    pub names: Names,
    /// The metadataflow it is reported under.
    pub metadataflow: Reference,
    /// URN of what it is about.
    pub target: String,
    /// Address of its signed record.
    pub href: String,
    /// What it says; nothing in a stub.
    pub attributes: Vec<ReportedAttribute>,
}

impl MetadataSet {
    /// Its URN.
    pub fn urn(&self) -> String {
        let Self { provider, id, version, .. } = self;
        format!("{}metadatastructure.MetadataSet={provider}:{id}({version})", crate::structure::URN_PREFIX)
    }
}

/// Everything that is wrong with what is reported; nothing if it fits the structure.
pub fn problems(structure: &MetadataStructure, reported: &Reported) -> Vec<String> {
    let known = structure.all_attributes();
    let mut found = Vec::new();
    if reported.len() > MAX_ATTRIBUTES {
        found.push(format!("{} attributes, more than {MAX_ATTRIBUTES}", reported.len()));
        return found;
    }
    for (id, value) in reported {
        match known.iter().find(|a| a.id == *id) {
            None => {
                let ids = known.iter().filter(|a| !a.is_presentational()).map(|a| a.id.as_str()).collect::<Vec<_>>();
                found.push(format!("`{}` is no attribute; there are {}", shown(id), ids.join(", ")));
            }
            Some(a) if a.is_presentational() => {
                found.push(format!("`{id}` has no value of its own: it holds others together"));
            }
            Some(a) => value_problems(a, value, &mut found),
        }
    }
    let missing = known.iter().filter(|a| !a.is_presentational() && a.min_occurs > 0 && !reported.contains_key(&a.id));
    found.extend(missing.map(|a| format!("`{}` is missing: it is mandatory", a.id)));
    found
}

fn value_problems(attribute: &MetadataAttribute, value: &Value, found: &mut Vec<String>) {
    let id = &attribute.id;
    match (attribute.is_multi_lingual(), value) {
        (true, Value::Text(_)) => found.push(format!("`{id}` is a text by language: write `{id}.en = \"...\"`")),
        (false, Value::Texts(_)) => found.push(format!("`{id}` has one value in all languages")),
        (true, Value::Texts(texts)) => {
            let wrong = texts.keys().find(|tag| !is_language(tag));
            found.extend(wrong.map(|tag| format!("`{}` of `{id}` is no language tag such as `en`", shown(tag))));
            if texts.is_empty() || texts.len() > MAX_LANGUAGES {
                found.push(format!("`{id}` has {} languages, expected 1 to {MAX_LANGUAGES}", texts.len()));
            }
        }
        (false, Value::Text(_)) => {}
    }
    let (length, is_address) = match &attribute.local_representation {
        Some(Representation::Format(format)) => {
            (format.max_length.map_or(MAX_CHARS, |length| length as usize), format.data_type == "URI")
        }
        _ => (MAX_CHARS, false),
    };
    for text in value.texts() {
        let chars = text.chars().count();
        if text.trim().is_empty() || chars > length {
            found.push(format!("`{id}` has {chars} characters, expected 1 to {length} that are not only spaces"));
        }
        if !is_readable(text) {
            found.push(format!("`{id}` holds control or text-direction characters"));
        }
        if is_address && !text.starts_with("https://") && !text.starts_with("http://") {
            found.push(format!("`{id}` is no address that begins with `https://`"));
        }
    }
}

/// Whether a text is fit to show: no control character but a line's end, none that turns the direction of reading.
fn is_readable(text: &str) -> bool {
    let directional = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| (c.is_control() && c != '\n') || directional(c))
}

/// Whether a text could be a language tag (RFC 5646).
fn is_language(tag: &str) -> bool {
    let parts = tag.split('-');
    let formed = parts.clone().all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    let letters = parts.take(1).all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
    tag.len() <= MAX_TAG && formed && letters
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// What is reported, in the order and nesting of its structure; attributes without any value in them are left out.
pub fn nest(all: &Structures, structure: &MetadataStructure, reported: &Reported) -> Vec<ReportedAttribute> {
    fn down(all: &Structures, attributes: &[MetadataAttribute], reported: &Reported) -> Vec<ReportedAttribute> {
        let each = attributes.iter().map(|a| {
            let names = all.concept(&a.concept_identity).map(|c| c.item.names.clone());
            ReportedAttribute {
                id: a.id.clone(),
                names: names.unwrap_or_else(|| Names { name: a.id.clone(), ..Names::default() }),
                value: reported.get(&a.id).filter(|_| !a.is_presentational()).cloned(),
                attributes: down(all, &a.metadata_attributes, reported),
            }
        });
        each.filter(|a| a.value.is_some() || !a.attributes.is_empty()).collect()
    }
    down(all, structure.attributes(), reported)
}

/// Every language of the values, in order.
pub fn languages_of(attributes: &[ReportedAttribute]) -> Vec<&str> {
    fn down<'a>(attributes: &'a [ReportedAttribute], found: &mut std::collections::BTreeSet<&'a str>) {
        for attribute in attributes {
            if let Some(Value::Texts(texts)) = &attribute.value {
                found.extend(texts.keys().map(String::as_str));
            }
            down(&attribute.attributes, found);
        }
    }
    let mut found = std::collections::BTreeSet::new();
    down(attributes, &mut found);
    found.into_iter().collect()
}
