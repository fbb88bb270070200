//! Structure maps and representation maps: how one structure's figures become another's.

use serde::{Deserialize, Serialize};

use super::Maintainable;

/// How figures of one structure become figures of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StructureMap {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// URN of the dataflow or data structure that figures come in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// URN of the one they become.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Components that become others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub component_maps: Vec<ComponentMap>,
    /// Components that have one value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed_value_maps: Vec<FixedValueMap>,
}

/// Components that become others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentMap {
    /// Ids of the components read.
    pub source: Vec<String>,
    /// Ids of the components written.
    pub target: Vec<String>,
    /// URN of the representation map; none to copy the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representation_map: Option<String>,
}

/// A component that has one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedValueMap {
    /// Id of a component that is read: figures with another value are not meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Id of a component that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The value, or those it may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How values become other values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepresentationMap {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// What is read, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<ValueKind>,
    /// What is written, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<ValueKind>,
    /// Values, the first that matches is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub representation_mappings: Vec<ValueMapping>,
}

/// What a map reads or writes: codes of a list, or values of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ValueKind {
    /// URN of the code list.
    Codelist(String),
    /// SDMX data type.
    DataType(String),
}

/// Values that become other values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueMapping {
    /// One for each component read.
    pub source_values: Vec<SourceValue>,
    /// One for each component written; none if the source value has no equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_values: Vec<String>,
    /// First time it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Last time it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
}

/// A value or a pattern of values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceValue {
    /// Text.
    pub value: String,
    /// Whether it is a regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_reg_ex: Option<bool>,
    /// First character that is looked at, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_index: Option<u32>,
    /// Character before which looking ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_index: Option<u32>,
}
