//! Dataflows, data structures and their components.

use serde::{Deserialize, Serialize};

use super::Maintainable;

/// A dataflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataflow {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// URN of its data structure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub structure: String,
}

/// A data structure definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataStructure {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Components; none in a stub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_structure_components: Option<Components>,
}

/// What a component is in its data structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A dimension but time.
    Dimension,
    /// The time dimension.
    Time,
    /// A measure.
    Measure,
    /// An attribute.
    Attribute,
}

/// A component of any role.
#[derive(Debug, Clone, Copy)]
pub struct AnyComponent<'a> {
    /// Role.
    pub role: Role,
    /// Id.
    pub id: &'a str,
    /// URN of the concept.
    pub concept: &'a str,
    /// Codes or format; none if it is the concept's.
    pub representation: Option<&'a Representation>,
    /// Whether every observation has it.
    pub mandatory: bool,
}

impl DataStructure {
    /// Every component: dimensions by position, time, measures, attributes.
    pub fn components(&self) -> Vec<AnyComponent<'_>> {
        let Some(parts) = &self.data_structure_components else { return Vec::new() };
        let any = |role, id, concept, representation, mandatory| AnyComponent {
            role,
            id,
            concept,
            representation,
            mandatory,
        };
        let mut dimensions: Vec<_> = parts.dimension_list.dimensions.iter().collect();
        dimensions.sort_by_key(|d| d.position);
        let mut all: Vec<_> = dimensions
            .into_iter()
            .map(|d| {
                any(Role::Dimension, d.id.as_str(), d.concept_identity.as_str(), d.local_representation.as_ref(), true)
            })
            .collect();
        all.extend(parts.dimension_list.time_dimension.iter().map(|t| {
            any(Role::Time, t.id.as_str(), t.concept_identity.as_str(), t.local_representation.as_ref(), true)
        }));
        all.extend(parts.measure_list.measures.iter().map(|m| {
            any(Role::Measure, &m.id, &m.concept_identity, m.local_representation.as_ref(), m.usage == Usage::Mandatory)
        }));
        all.extend(parts.attribute_list.attributes.iter().map(|a| {
            any(
                Role::Attribute,
                &a.id,
                &a.concept_identity,
                a.local_representation.as_ref(),
                a.usage == Usage::Mandatory,
            )
        }));
        all
    }
}

/// A data structure's components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Components {
    /// Dimensions.
    pub dimension_list: DimensionList,
    /// Measures.
    #[serde(default, skip_serializing_if = "MeasureList::is_empty")]
    pub measure_list: MeasureList,
    /// Attributes.
    #[serde(default, skip_serializing_if = "AttributeList::is_empty")]
    pub attribute_list: AttributeList,
}

/// Dimensions in order, and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionList {
    /// `DimensionDescriptor`.
    #[serde(default = "dimension_descriptor")]
    pub id: String,
    /// Dimensions but time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
    /// Time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_dimension: Option<TimeDimension>,
}

fn dimension_descriptor() -> String {
    "DimensionDescriptor".to_owned()
}

/// A dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dimension {
    /// Id.
    pub id: String,
    /// From 1; 0 where the message leaves it to the order.
    #[serde(default)]
    pub position: u32,
    /// URN of the concept.
    pub concept_identity: String,
    /// Codes or format; none if it is the concept's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_representation: Option<Representation>,
}

/// The time dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeDimension {
    /// `TIME_PERIOD`.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// Format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_representation: Option<Representation>,
}

/// Measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureList {
    /// `MeasureDescriptor`.
    #[serde(default)]
    pub id: String,
    /// Measures.
    #[serde(default)]
    pub measures: Vec<Measure>,
}

impl Default for MeasureList {
    fn default() -> Self {
        Self { id: "MeasureDescriptor".to_owned(), measures: Vec::new() }
    }
}

impl MeasureList {
    fn is_empty(&self) -> bool {
        self.measures.is_empty()
    }
}

/// Whether an observation must have a value of a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    /// It must.
    Mandatory,
    /// It may.
    #[default]
    Optional,
}

impl Usage {
    /// The word in messages.
    pub fn word(self) -> &'static str {
        if self == Self::Mandatory { "mandatory" } else { "optional" }
    }
}

/// A measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// `OBS_VALUE`.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// Usage.
    #[serde(default)]
    pub usage: Usage,
    /// Format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_representation: Option<Representation>,
}

/// Attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeList {
    /// `AttributeDescriptor`.
    #[serde(default)]
    pub id: String,
    /// Attributes.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

impl Default for AttributeList {
    fn default() -> Self {
        Self { id: "AttributeDescriptor".to_owned(), attributes: Vec::new() }
    }
}

impl AttributeList {
    fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Id.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// Usage.
    #[serde(default)]
    pub usage: Usage,
    /// What it is attached to.
    pub attribute_relationship: AttributeRelationship,
    /// Codes or format; none if it is the concept's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_representation: Option<Representation>,
}

/// What an attribute's value may vary with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "AnyRelationship")]
pub enum AttributeRelationship {
    /// Each observation.
    Observation(Empty),
    /// These dimensions.
    Dimensions(Vec<String>),
    /// The dimensions of this group.
    Group(String),
    /// The dataflow only.
    Dataflow(Empty),
}

/// An object with nothing in it, as the standard writes what needs no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// A relationship as messages have it, with fields that are not kept here.
#[derive(Deserialize)]
struct AnyRelationship {
    observation: Option<Empty>,
    dimensions: Option<Vec<String>>,
    group: Option<String>,
    dataflow: Option<Empty>,
}

impl TryFrom<AnyRelationship> for AttributeRelationship {
    type Error = &'static str;

    fn try_from(any: AnyRelationship) -> Result<Self, Self::Error> {
        let observation = any.observation.map(Self::Observation);
        let dimensions = || any.dimensions.map(Self::Dimensions);
        let group = || any.group.map(Self::Group);
        let found = observation.or_else(dimensions).or_else(group).or_else(|| any.dataflow.map(Self::Dataflow));
        found.ok_or("an attribute relationship is one of observation, dimensions, group and dataflow")
    }
}

/// What values a component takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "AnyRepresentation")]
pub enum Representation {
    /// URN of a code list.
    Enumeration(String),
    /// A format.
    Format(Format),
}

/// A representation as messages have it, with fields that are not kept here.
#[derive(Deserialize)]
struct AnyRepresentation {
    enumeration: Option<String>,
    format: Option<Format>,
}

impl TryFrom<AnyRepresentation> for Representation {
    type Error = &'static str;

    fn try_from(any: AnyRepresentation) -> Result<Self, Self::Error> {
        let found = any.enumeration.map(Self::Enumeration).or_else(|| any.format.map(Self::Format));
        found.ok_or("a representation has an enumeration or a format")
    }
}

/// A format of uncoded values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Format {
    /// SDMX data type.
    #[serde(default = "string")]
    pub data_type: String,
    /// Longest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Whether a value is texts by language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_multi_lingual: Option<bool>,
}

fn string() -> String {
    "String".to_owned()
}
