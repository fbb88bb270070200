//! Metadataflows, metadata structures and their attributes: what a provider can say of its figures.

use serde::{Deserialize, Serialize};

use super::{Maintainable, Representation};

/// A metadataflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadataflow {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// URN of its metadata structure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub structure: String,
    /// URNs, perhaps with wildcards, of what may be reported on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

/// A metadata structure definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataStructure {
    /// Identity.
    #[serde(flatten)]
    pub maintainable: Maintainable,
    /// Attributes; none in a stub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_structure_components: Option<MetadataComponents>,
}

impl MetadataStructure {
    /// The attributes at the top.
    pub fn attributes(&self) -> &[MetadataAttribute] {
        let list = self.metadata_structure_components.as_ref();
        list.map_or(&[], |parts| parts.metadata_attribute_list.metadata_attributes.as_slice())
    }

    /// Every attribute, those in others too, each before what is in it.
    pub fn all_attributes(&self) -> Vec<&MetadataAttribute> {
        fn down<'a>(attributes: &'a [MetadataAttribute], found: &mut Vec<&'a MetadataAttribute>) {
            for attribute in attributes {
                found.push(attribute);
                down(&attribute.metadata_attributes, found);
            }
        }
        let mut found = Vec::new();
        down(self.attributes(), &mut found);
        found
    }
}

/// A metadata structure's components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataComponents {
    /// Attributes.
    pub metadata_attribute_list: MetadataAttributeList,
}

/// Metadata attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataAttributeList {
    /// `MetadataAttributeDescriptor`.
    #[serde(default = "descriptor")]
    pub id: String,
    /// Attributes.
    pub metadata_attributes: Vec<MetadataAttribute>,
}

fn descriptor() -> String {
    "MetadataAttributeDescriptor".to_owned()
}

/// A metadata attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataAttribute {
    /// Id.
    pub id: String,
    /// Whether it has no value of its own and only holds others together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_presentational: Option<bool>,
    /// 0 if it may be left out.
    #[serde(default = "once")]
    pub min_occurs: u32,
    /// URN of the concept.
    pub concept_identity: String,
    /// Codes or format; none if it is the concept's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_representation: Option<Representation>,
    /// Attributes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata_attributes: Vec<MetadataAttribute>,
}

fn once() -> u32 {
    1
}

impl MetadataAttribute {
    /// Whether it has no value of its own.
    pub fn is_presentational(&self) -> bool {
        self.is_presentational == Some(true)
    }

    /// Whether its value is texts by language.
    pub fn is_multi_lingual(&self) -> bool {
        matches!(&self.local_representation, Some(Representation::Format(f)) if f.is_multi_lingual == Some(true))
    }
}
