//! Names, descriptions and annotations: what people read of an artefact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Texts by language tag.
pub type Texts = BTreeMap<String, String>;

/// Name and description: the best match and all languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// English, or the best there is.
    #[serde(default)]
    pub name: String,
    /// By language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: Texts,
    /// English, or the best there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// By language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub descriptions: Texts,
}

impl Names {
    /// From texts by language, the English one as the best match, else the first.
    pub fn of(names: Texts, descriptions: Texts) -> Self {
        let best = |texts: &Texts| texts.get("en").or_else(|| texts.values().next()).cloned();
        Self { name: best(&names).unwrap_or_default(), description: best(&descriptions), names, descriptions }
    }
}

/// An annotation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotation {
    /// Id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Type.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// A value that is not for reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
