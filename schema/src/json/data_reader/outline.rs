//! What the positions of a message mean: its structures, which can stand behind its figures.

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;

use super::{Fields, wrong};
use crate::rows::{Bounded, SourceError};

/// Most values of one component, and most components: more than any message of figures has.
const MAX_VALUES: usize = 1_000_000;

/// What the positions of a message mean.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an SDMX-JSON data message")]
pub struct Outline {
    #[serde(default)]
    pub(super) structures: Vec<Structure>,
    /// 1.0 has one.
    pub(super) structure: Option<Structure>,
    /// 1.0 as it was before `data` enclosed it, and 2.0.
    data: Option<Box<Outline>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "the structure of a message")]
pub(super) struct Structure {
    pub(super) links: Vec<Link>,
    pub(super) dimensions: Levels,
    pub(super) attributes: Levels,
    pub(super) measures: Levels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a link")]
pub(super) struct Link {
    pub(super) urn: String,
    pub(super) rel: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "components by level")]
pub(super) struct Levels {
    pub(super) data_set: Vec<Component>,
    dimension_group: Vec<Component>,
    pub(super) series: Vec<Component>,
    pub(super) observation: Vec<Component>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a component")]
pub(super) struct Component {
    pub(super) id: String,
    #[serde(deserialize_with = "texts")]
    values: Vec<String>,
}

/// The values' ids, or what stands for one.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the values of a component")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Vec<String>, A::Error> {
            let mut out = Vec::new();
            while let Some(value) = values.next_element::<Value>()? {
                if out.len() == MAX_VALUES {
                    return Err(A::Error::custom(format!("a component has more than {MAX_VALUES} values")));
                }
                let part = |key: &str| value.get(key).and_then(text);
                let known = part("id").or_else(|| part("value")).or_else(|| part("name")).or_else(|| text(&value));
                let none = || A::Error::custom(format!("the value `{value}` has neither `id`, `value` nor `name`"));
                out.push(known.or_else(|| value.is_null().then(String::new)).ok_or_else(none)?);
            }
            Ok(out)
        }
    }
    deserializer.deserialize_seq(Texts)
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Array(values) => values.first().and_then(text),
        Value::Null | Value::Object(_) => None,
    }
}

impl Outline {
    /// Reads what the positions mean.
    pub fn read(input: impl Read) -> Result<Self, SourceError> {
        let outline: Self =
            serde_json::from_reader(BufReader::new(Bounded::json(input))).map_err(|error| wrong(&error, 0))?;
        let inner = outline.data.map_or(Self { data: None, ..outline }, |data| *data);
        if inner.structures.is_empty() && inner.structure.is_none() {
            return Err(SourceError::Format("it is no SDMX-JSON data message: it has no structure".to_owned()));
        }
        Ok(inner)
    }

    pub(super) fn structure(&self, index: usize) -> Option<&Structure> {
        self.structures.get(index).or(self.structure.as_ref().filter(|_| index == 0))
    }
}

/// Dimensions that have one value in the whole data set.
pub(super) fn fixed(dimensions: &[Component], fields: &mut Fields) {
    for dimension in dimensions {
        fields.extend(dimension.values.first().map(|value| (dimension.id.clone(), value.clone())));
    }
}

/// The values at the positions of a key such as `0:3:1`.
pub(super) fn positions(dimensions: &[Component], key: &str, fields: &mut Fields) -> Result<(), String> {
    let parts: Vec<&str> = key.split(':').collect();
    if parts.len() != dimensions.len() {
        return Err(format!(
            "the key `{key}` has {} parts, and there are {} dimensions",
            parts.len(),
            dimensions.len()
        ));
    }
    for (part, dimension) in parts.iter().zip(dimensions) {
        let value = part.parse::<usize>().ok().and_then(|position| dimension.values.get(position));
        let value = value.ok_or_else(|| format!("the key `{key}`: `{}` has no value `{part}`", dimension.id))?;
        fields.push((dimension.id.clone(), value.clone()));
    }
    Ok(())
}

/// Attributes' values: positions where they are listed, texts otherwise.
pub(super) fn attributes(components: &[Component], values: &[Value], fields: &mut Fields) -> Result<(), String> {
    if let Some(lost) = values.iter().skip(components.len()).find(|value| !value.is_null()) {
        return Err(format!(
            "`{lost}` stands behind the {} attributes that the structure has: it would be lost",
            components.len()
        ));
    }
    for (component, value) in components.iter().zip(values) {
        let listed = value.as_u64().filter(|_| !component.values.is_empty());
        let value = match listed {
            Some(position) => {
                let value = usize::try_from(position).ok().and_then(|position| component.values.get(position));
                Some(value.ok_or_else(|| format!("`{}` has no value {position}", component.id))?.clone())
            }
            None => text(value),
        };
        fields.extend(value.map(|value| (component.id.clone(), value)));
    }
    Ok(())
}
