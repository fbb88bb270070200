//! The SDMX information model, as far as this schema uses it. Field names are those of SDMX-JSON 2.0.

pub mod rest;
pub mod select;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dataset::{DatasetSchema, SchemaError};

/// Prefix of every SDMX URN.
pub const URN_PREFIX: &str = "urn:sdmx:org.sdmx.infomodel.";

/// A reference to a maintainable artefact: `RCP:RETURNS(1.0.0)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Maintenance agency.
    pub agency: String,
    /// Artefact id.
    pub id: String,
    /// Version.
    pub version: String,
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reference such as `RCP:RETURNS(1.0.0)`")]
pub struct ReferenceError(String);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}({})", self.agency, self.id, self.version)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads a reference, or the URN of a maintainable artefact.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refuse = || ReferenceError(text.chars().take(200).collect());
        let rest = text.rsplit_once('=').map_or(text, |(_, rest)| rest);
        let (agency, rest) = rest.split_once(':').ok_or_else(refuse)?;
        let (id, rest) = rest.split_once('(').ok_or_else(refuse)?;
        let version = rest.strip_suffix(')').ok_or_else(refuse)?;
        if [agency, id, version].iter().any(|part| part.is_empty() || part.len() > 100) {
            return Err(refuse());
        }
        Ok(Self { agency: agency.to_owned(), id: id.to_owned(), version: version.to_owned() })
    }
}

impl Reference {
    /// The URN as an artefact of `class`, for example `codelist.Codelist`.
    pub fn urn(&self, class: &str) -> String {
        format!("{URN_PREFIX}{class}={self}")
    }
}

/// Texts by language.
pub type Texts = BTreeMap<String, String>;

/// Identity and names that every maintainable artefact has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintainable {
    /// Id.
    pub id: String,
    /// Maintenance agency.
    #[serde(rename = "agencyID")]
    pub agency_id: String,
    /// Version.
    pub version: String,
    /// Whether only identity and names are given here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_external_reference: Option<bool>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// Names.
    #[serde(flatten)]
    pub names: Names,
}

impl Maintainable {
    /// Its reference.
    pub fn reference(&self) -> Reference {
        Reference { agency: self.agency_id.clone(), id: self.id.clone(), version: self.version.clone() }
    }

    /// The title of its annotation of `kind`.
    pub fn annotation(&self, kind: &str) -> Option<&str> {
        self.annotations.iter().find(|a| a.kind == kind).map(|a| a.title.as_str())
    }
}

/// Name and description: the best match and all languages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    /// English, or the best there is.
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

/// An annotation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Id.
    pub id: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Title.
    pub title: String,
}

/// An item of a scheme or list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Id.
    pub id: String,
    /// Id of the item above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Names.
    #[serde(flatten)]
    pub names: Names,
}

/// A code list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Codelist {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Whether codes were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_partial: Option<bool>,
    /// Codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Item>,
}

/// A concept scheme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub concepts: Vec<Item>,
}

/// An agency scheme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgencyScheme {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Agencies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agencies: Vec<Item>,
}

/// A category scheme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryScheme {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Item>,
}

/// Files an artefact under a category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// A dataflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataflow {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// URN of its data structure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub structure: String,
}

/// A data structure definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataStructure {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Components; none in a stub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_structure_components: Option<Components>,
}

/// A data structure's components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Components {
    /// Dimensions.
    pub dimension_list: DimensionList,
    /// Measures.
    pub measure_list: MeasureList,
    /// Attributes.
    pub attribute_list: AttributeList,
}

/// Dimensions in order, and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionList {
    /// `DimensionDescriptor`.
    pub id: String,
    /// Dimensions but time.
    pub dimensions: Vec<Dimension>,
    /// Time.
    pub time_dimension: TimeDimension,
}

/// A dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dimension {
    /// Id.
    pub id: String,
    /// From 1.
    pub position: u32,
    /// URN of the concept.
    pub concept_identity: String,
    /// Codes or format.
    pub local_representation: Representation,
}

/// The time dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeDimension {
    /// `TIME_PERIOD`.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// Format.
    pub local_representation: Representation,
}

/// Measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureList {
    /// `MeasureDescriptor`.
    pub id: String,
    /// Measures: one here.
    pub measures: Vec<Measure>,
}

/// A measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// `OBS_VALUE`.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// `mandatory` or `optional`.
    pub usage: String,
    /// Format.
    pub local_representation: Representation,
}

/// Attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeList {
    /// `AttributeDescriptor`.
    pub id: String,
    /// Attributes.
    pub attributes: Vec<Attribute>,
}

/// An attribute of observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Id.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// `mandatory` or `optional`.
    pub usage: String,
    /// What it is attached to: `{"observation":{}}`.
    pub attribute_relationship: serde_json::Value,
    /// Codes or format.
    pub local_representation: Representation,
}

/// What values a component takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Representation {
    /// URN of a code list.
    Enumeration(String),
    /// A format.
    Format(Format),
}

/// A format of uncoded values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Format {
    /// SDMX data type.
    pub data_type: String,
    /// Longest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
}

/// A set of maintainable artefacts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Structures {
    /// Data structures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_structures: Vec<DataStructure>,
    /// Category schemes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub category_schemes: Vec<CategoryScheme>,
    /// Concept schemes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub concept_schemes: Vec<ConceptScheme>,
    /// Code lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codelists: Vec<Codelist>,
    /// Agency schemes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agency_schemes: Vec<AgencyScheme>,
    /// Dataflows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dataflows: Vec<Dataflow>,
    /// Categorisations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorisations: Vec<Categorisation>,
}

impl Structures {
    /// Adds another set's artefacts.
    pub fn merge(&mut self, other: Self) {
        self.data_structures.extend(other.data_structures);
        self.category_schemes.extend(other.category_schemes);
        self.concept_schemes.extend(other.concept_schemes);
        self.codelists.extend(other.codelists);
        self.agency_schemes.extend(other.agency_schemes);
        self.dataflows.extend(other.dataflows);
        self.categorisations.extend(other.categorisations);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The code list `reference`.
    pub fn codelist(&self, reference: &Reference) -> Option<&Codelist> {
        self.codelists.iter().find(|c| c.maintainable.reference() == *reference)
    }

    /// The data structure `reference`.
    pub fn data_structure(&self, reference: &Reference) -> Option<&DataStructure> {
        self.data_structures.iter().find(|d| d.maintainable.reference() == *reference)
    }

    /// The dataflow `reference`.
    pub fn dataflow(&self, reference: &Reference) -> Option<&Dataflow> {
        self.dataflows.iter().find(|d| d.maintainable.reference() == *reference)
    }

    /// The dataflow a user means by `RETURNS`, `RCP:RETURNS` or `RCP:RETURNS(1.0.0)`; the newest version if none is given.
    pub fn find_dataflow(&self, text: &str) -> Option<Reference> {
        if let Ok(reference) = text.parse::<Reference>() {
            return self.dataflow(&reference).map(|d| d.maintainable.reference());
        }
        let (agency, id) = text.split_once(':').map_or((None, text), |(agency, id)| (Some(agency), id));
        self.dataflows
            .iter()
            .map(|d| d.maintainable.reference())
            .filter(|r| r.id == id && agency.is_none_or(|agency| r.agency == agency))
            .max_by(|a, b| select::compare_versions(&a.version, &b.version))
    }

    /// A concept's name, by its URN.
    pub fn concept_name(&self, urn: &str) -> Option<&str> {
        let (scheme, id) = urn.rsplit_once('.').filter(|(scheme, _)| scheme.ends_with(')'))?;
        let reference = scheme.parse::<Reference>().ok()?;
        let scheme = self.concept_schemes.iter().find(|s| s.maintainable.reference() == reference)?;
        scheme.concepts.iter().find(|c| c.id == id).map(|c| c.names.name.as_str())
    }

    /// The components of `dataflow` with their code lists, ready for figures.
    pub fn dataset_schema(&self, dataflow: &Reference) -> Result<DatasetSchema, SchemaError> {
        DatasetSchema::resolve(self, dataflow)
    }
}
