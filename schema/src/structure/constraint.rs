//! Data constraints: which codes a dataflow uses.

use serde::{Deserialize, Serialize};

use super::Maintainable;

/// A data constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataConstraint {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Whether it says what is allowed or what there is; none in a stub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ConstraintRole>,
    /// What it constrains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint_attachment: Option<Attachment>,
    /// Regions of the cube: at most one to include, and one to exclude.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cube_regions: Vec<CubeRegion>,
}

/// What a constraint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConstraintRole {
    /// What is allowed.
    Allowed,
    /// What there is.
    Actual,
}

impl ConstraintRole {
    /// The word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::Actual => "Actual",
        }
    }
}

/// What a constraint constrains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attachment {
    /// URNs of dataflows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dataflows: Vec<String>,
    /// URNs of data structures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_structures: Vec<String>,
}

/// A region of a cube.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CubeRegion {
    /// Whether the region is allowed, or forbidden.
    #[serde(default = "yes")]
    pub include: bool,
    /// Values of dimensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_values: Vec<Selection>,
    /// Values of attributes and measures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Selection>,
}

/// Values of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The component's id.
    pub id: String,
    /// Whether these are the values, or all others are.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub include: bool,
    /// Codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<SelectedValue>,
}

impl Selection {
    /// Whether `code` is selected. A selection without values, such as a time range, selects every code.
    pub fn selects(&self, code: &str) -> bool {
        self.values.is_empty() || self.values.iter().any(|v| v.0 == code) == self.include
    }
}

/// A code of a selection. Messages may have it as a text, or as an object, of whose other fields none is kept. It is written as an
/// object: one client reads no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AnyValue", into = "WrittenValue")]
pub struct SelectedValue(pub String);

#[derive(Serialize)]
struct WrittenValue {
    value: String,
}

impl From<SelectedValue> for WrittenValue {
    fn from(value: SelectedValue) -> Self {
        Self { value: value.0 }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnyValue {
    Text(String),
    Object { value: String },
}

impl From<AnyValue> for SelectedValue {
    fn from(any: AnyValue) -> Self {
        match any {
            AnyValue::Text(value) | AnyValue::Object { value } => Self(value),
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

impl DataConstraint {
    /// Whether it lets the component `id` have the code `code`.
    pub fn allows(&self, id: &str, code: &str) -> bool {
        self.cube_regions.iter().all(|region| {
            let mut named = region.key_values.iter().chain(&region.components).filter(|s| s.id == id);
            // An excluded region forbids a code only if it says nothing of other components.
            let alone = region.key_values.len() + region.components.len() == 1;
            if region.include { named.all(|s| s.selects(code)) } else { !(alone && named.any(|s| s.selects(code))) }
        })
    }
}
