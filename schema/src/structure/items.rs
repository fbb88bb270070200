//! Schemes and lists, and their items.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Annotation, Maintainable, Names, Representation};

/// Annotation type of the last day an item is valid.
pub const VALID_TO: &str = "VALID_TO";
/// Annotation type of the codes that took an item's place, separated by spaces.
pub const SUCCESSOR: &str = "SUCCESSOR";

/// An item of a scheme or list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Id.
    pub id: String,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// Id of the item above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Names.
    #[serde(flatten)]
    pub names: Names,
}

impl Item {
    /// The title of its annotation of `kind`, such as [`VALID_TO`].
    pub fn annotation(&self, kind: &str) -> Option<&str> {
        self.annotations.iter().find(|a| a.kind == kind).map(|a| a.title.as_str())
    }
}

/// A code list's codes, in order, found by id. Cheap to copy: a copy that is changed is a new list.
#[derive(Debug, Clone, Default)]
pub struct Codes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    items: Vec<Item>,
    index: HashMap<String, usize>,
}

impl From<Vec<Item>> for Codes {
    /// Of two items with one id the first is found.
    fn from(items: Vec<Item>) -> Self {
        let mut index = HashMap::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            index.entry(item.id.clone()).or_insert(position);
        }
        Self(Arc::new(Inner { items, index }))
    }
}

impl Codes {
    /// The code `id`.
    pub fn by_id(&self, id: &str) -> Option<&Item> {
        self.0.index.get(id).and_then(|at| self.0.items.get(*at))
    }

    /// Keeps some.
    pub fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        *self = self.iter().filter(|item| keep(item)).cloned().collect::<Vec<_>>().into();
    }

    pub(crate) fn each_names_mut(&mut self, change: &mut impl FnMut(&mut Names)) {
        let mut items = self.to_vec();
        items.iter_mut().for_each(|item| change(&mut item.names));
        *self = items.into();
    }
}

impl Deref for Codes {
    type Target = [Item];

    fn deref(&self) -> &[Item] {
        &self.0.items
    }
}

impl PartialEq for Codes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.items == other.0.items
    }
}

impl Eq for Codes {}

impl Serialize for Codes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.items.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Codes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into())
    }
}

/// A code list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Codelist {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Whether codes were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_partial: Option<bool>,
    /// Codes.
    #[serde(default, skip_serializing_if = "<[Item]>::is_empty")]
    pub codes: Codes,
}

/// A concept: what a component means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Concept {
    /// Id, names.
    #[serde(flatten)]
    pub item: Item,
    /// What values it takes where a data structure does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_representation: Option<Representation>,
}

/// A concept scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConceptScheme {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Whether concepts were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_partial: Option<bool>,
    /// Concepts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concepts: Vec<Concept>,
}

/// An agency scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgencyScheme {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Agencies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agencies: Vec<Item>,
}

/// A category scheme. Categories within categories are not held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CategoryScheme {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Whether categories were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_partial: Option<bool>,
    /// Categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Item>,
}

/// Files an artefact under a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Categorisation {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// URN of the artefact.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// URN of the category.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
}

/// A tree of codes, with levels and validity: what a code list's one parent for each code cannot say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hierarchy {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Whether every code is at a level.
    #[serde(default)]
    pub has_formal_levels: bool,
    /// The highest level, with those below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Box<Level>>,
    /// The highest codes, with those below them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hierarchical_codes: Vec<HierarchicalCode>,
}

impl Hierarchy {
    /// Every code with the ids of the codes above it, highest first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&[&'a str], &'a HierarchicalCode)) {
        fn down<'a>(
            codes: &'a [HierarchicalCode],
            above: &mut Vec<&'a str>,
            visit: &mut impl FnMut(&[&'a str], &'a HierarchicalCode),
        ) {
            for code in codes {
                visit(above, code);
                above.push(&code.id);
                down(&code.hierarchical_codes, above, visit);
                above.pop();
            }
        }
        down(&self.hierarchical_codes, &mut Vec::new(), visit);
    }
}

/// A level of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Id.
    pub id: String,
    /// Names.
    #[serde(flatten)]
    pub names: Names,
    /// The level below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Box<Level>>,
}

/// A code's place in a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HierarchicalCode {
    /// Id: the code's own.
    pub id: String,
    /// URN of the code.
    pub code: String,
    /// Id of its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// First time it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Last time it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
    /// Codes below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hierarchical_codes: Vec<HierarchicalCode>,
}
