//! The SDMX information model, as far as this schema uses it. Field names are those of SDMX-JSON 2.0.

pub mod reference;
pub mod rest;
pub mod select;
pub mod version;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::dataset::{DatasetSchema, SchemaError};

pub use reference::{Reference, ReferenceError, URN_PREFIX};

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

/// An attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Id.
    pub id: String,
    /// URN of the concept.
    pub concept_identity: String,
    /// `mandatory` or `optional`.
    pub usage: String,
    /// What it is attached to.
    pub attribute_relationship: AttributeRelationship,
    /// Codes or format.
    pub local_representation: Representation,
}

/// What an attribute's value may vary with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Empty {}

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
    /// Adds another set's artefacts, but for those that are here already.
    pub fn merge(&mut self, other: Self) {
        macro_rules! add {
            ($($list:ident),*) => { $(
                let mut known: HashSet<_> = self.$list.iter().map(|a| a.maintainable.reference()).collect();
                self.$list.extend(other.$list.into_iter().filter(|a| known.insert(a.maintainable.reference())));
            )* };
        }
        add!(data_structures, category_schemes, concept_schemes, codelists, agency_schemes, dataflows, categorisations);
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
            .max_by(|a, b| version::compare_versions(&a.version, &b.version))
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
