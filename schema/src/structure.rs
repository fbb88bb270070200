//! The SDMX information model, as far as this schema uses it. Field names are those of SDMX-JSON 2.0.

mod components;
mod constraint;
mod items;
mod map;
mod metadata;
mod names;
pub mod reference;
pub mod rest;
pub mod select;
pub mod version;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::dataset::{DatasetSchema, SchemaError};

use select::ArtefactKind;

pub use components::{
    AnyComponent, Attribute, AttributeList, AttributeRelationship, Components, DataStructure, Dataflow, Dimension,
    DimensionList, Empty, Format, Measure, MeasureList, Representation, Role, TimeDimension, Usage,
};
pub use constraint::{Attachment, ConstraintRole, CubeRegion, DataConstraint, SelectedValue, Selection};
pub use items::{
    AgencyScheme, Categorisation, CategoryScheme, Codelist, Codes, Concept, ConceptScheme, HierarchicalCode, Hierarchy,
    Item, Level, SUCCESSOR, VALID_TO,
};
pub use map::{ComponentMap, FixedValueMap, RepresentationMap, SourceValue, StructureMap, ValueKind, ValueMapping};
pub use metadata::{MetadataAttribute, MetadataAttributeList, MetadataComponents, MetadataStructure, Metadataflow};
pub use names::{Annotation, Names, Texts};
pub use reference::{Reference, ReferenceError, URN_PREFIX};

/// Identity and names that every maintainable artefact has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintainable {
    /// Id.
    pub id: String,
    /// Maintenance agency.
    #[serde(rename = "agencyID")]
    pub agency_id: String,
    /// Version.
    #[serde(default = "unversioned")]
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

/// The version of an artefact whose message gives none (SDMX 3.0 Standards, Section 6).
fn unversioned() -> String {
    "1.0".to_owned()
}

impl Maintainable {
    /// Its reference.
    pub fn reference(&self) -> Reference {
        Reference { agency: self.agency_id.clone(), id: self.id.clone(), version: self.version.clone() }
    }

    /// Whether `reference` means it, without making a copy.
    pub fn is(&self, reference: &Reference) -> bool {
        self.id == reference.id && self.agency_id == reference.agency && self.version == reference.version
    }

    /// The title of its annotation of `kind`.
    pub fn annotation(&self, kind: &str) -> Option<&str> {
        self.annotations.iter().find(|a| a.kind == kind).map(|a| a.title.as_str())
    }
}

/// A set of maintainable artefacts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Structures {
    /// Data structures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_structures: Vec<DataStructure>,
    /// Metadata structures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata_structures: Vec<MetadataStructure>,
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
    /// Metadataflows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadataflows: Vec<Metadataflow>,
    /// Categorisations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorisations: Vec<Categorisation>,
    /// Hierarchies of codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hierarchies: Vec<Hierarchy>,
    /// Data constraints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_constraints: Vec<DataConstraint>,
    /// Structure maps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structure_maps: Vec<StructureMap>,
    /// Representation maps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub representation_maps: Vec<RepresentationMap>,
}

/// Runs a macro with the lists of a set and the kinds of what they hold, in the order of references.
macro_rules! with_lists {
    ($run:ident) => {
        $run!(
            data_structures DataStructure,
            dataflows Dataflow,
            metadata_structures MetadataStructure,
            metadataflows Metadataflow,
            codelists Codelist,
            concept_schemes ConceptScheme,
            category_schemes CategoryScheme,
            categorisations Categorisation,
            agency_schemes AgencyScheme,
            hierarchies Hierarchy,
            data_constraints DataConstraint,
            structure_maps StructureMap,
            representation_maps RepresentationMap
        )
    };
}
impl Structures {
    /// Adds another set's artefacts, but for those that are here already.
    pub fn merge(&mut self, other: Self) {
        macro_rules! add {
            ($($list:ident $kind:ident),*) => { $(
                let mut known: HashSet<_> = self.$list.iter().map(|a| a.maintainable.reference()).collect();
                self.$list.extend(other.$list.into_iter().filter(|a| known.insert(a.maintainable.reference())));
            )* };
        }
        with_lists!(add);
    }

    /// Every artefact's kind and identity.
    pub fn artefacts(&self) -> Vec<(ArtefactKind, &Maintainable)> {
        let mut all = Vec::new();
        macro_rules! add {
            ($($list:ident $kind:ident),*) => { $(
                all.extend(self.$list.iter().map(|a| (ArtefactKind::$kind, &a.maintainable)));
            )* };
        }
        with_lists!(add);
        all
    }

    /// Changes every label.
    pub(crate) fn each_names_mut(&mut self, change: &mut impl FnMut(&mut Names)) {
        macro_rules! identities {
            ($($list:ident $kind:ident),*) => { $(
                self.$list.iter_mut().for_each(|a| change(&mut a.maintainable.names));
            )* };
        }
        with_lists!(identities);
        self.codelists.iter_mut().for_each(|list| list.codes.each_names_mut(change));
        let concepts = self.concept_schemes.iter_mut().flat_map(|s| s.concepts.iter_mut().map(|c| &mut c.item));
        let categories = self.category_schemes.iter_mut().flat_map(|s| &mut s.categories);
        let agencies = self.agency_schemes.iter_mut().flat_map(|s| &mut s.agencies);
        concepts.chain(categories).chain(agencies).for_each(|item| change(&mut item.names));
        for hierarchy in &mut self.hierarchies {
            let mut level = hierarchy.level.as_deref_mut();
            while let Some(this) = level {
                change(&mut this.names);
                level = this.level.as_deref_mut();
            }
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The code list `reference`.
    pub fn codelist(&self, reference: &Reference) -> Option<&Codelist> {
        self.codelists.iter().find(|c| c.maintainable.is(reference))
    }

    /// The data structure `reference`.
    pub fn data_structure(&self, reference: &Reference) -> Option<&DataStructure> {
        self.data_structures.iter().find(|d| d.maintainable.is(reference))
    }

    /// The dataflow `reference`.
    pub fn dataflow(&self, reference: &Reference) -> Option<&Dataflow> {
        self.dataflows.iter().find(|d| d.maintainable.is(reference))
    }

    /// The metadataflow `reference`, and its structure.
    pub fn metadataflow(&self, reference: &Reference) -> Option<(&Metadataflow, &MetadataStructure)> {
        let flow = self.metadataflows.iter().find(|f| f.maintainable.is(reference))?;
        let structure = flow.structure.parse::<Reference>().ok()?;
        Some((flow, self.metadata_structures.iter().find(|s| s.maintainable.is(&structure))?))
    }

    /// The dataflow a user means by `RETURNS`, `RCP:RETURNS`, `RETURNS(1.0.0)` or `RCP:RETURNS(1.0.0)`; the newest version if none
    /// is given.
    pub fn find_dataflow(&self, text: &str) -> Option<Reference> {
        if let Ok(reference) = text.parse::<Reference>() {
            return self.dataflow(&reference).map(|d| d.maintainable.reference());
        }
        let versioned = text.strip_suffix(')').and_then(|t| t.split_once('('));
        let (text, version) = versioned.map_or((text, None), |(text, version)| (text, Some(version)));
        let (agency, id) = text.split_once(':').map_or((None, text), |(agency, id)| (Some(agency), id));
        self.dataflows
            .iter()
            .map(|d| d.maintainable.reference())
            .filter(|r| r.id == id && agency.is_none_or(|agency| r.agency == agency))
            .filter(|r| version.is_none_or(|version| r.version == version))
            .max_by(|a, b| version::compare_versions(&a.version, &b.version))
    }

    /// A concept, by its URN.
    pub fn concept(&self, urn: &str) -> Option<&Concept> {
        let (scheme, id) = item_of(urn)?;
        let scheme = self.concept_schemes.iter().find(|s| s.maintainable.is(&scheme))?;
        scheme.concepts.iter().find(|c| c.item.id == id)
    }

    /// The components of `dataflow` with their code lists, ready for figures.
    pub fn dataset_schema(&self, dataflow: &Reference) -> Result<DatasetSchema, SchemaError> {
        DatasetSchema::resolve(self, dataflow)
    }

    /// What the constraints of `dataflow` allow.
    pub fn constraints_of(&self, dataflow: &Reference) -> impl Iterator<Item = &DataConstraint> {
        let urn = dataflow.urn(ArtefactKind::Dataflow.class());
        self.data_constraints.iter().filter(move |c| {
            c.role != Some(ConstraintRole::Actual)
                && c.constraint_attachment.as_ref().is_some_and(|a| a.dataflows.contains(&urn))
        })
    }
}

/// The scheme and the id in the URN of an item: `...=RCP:CL_SEX(1.0.0).F`.
pub fn item_of(urn: &str) -> Option<(Reference, &str)> {
    let (scheme, id) = urn.rsplit_once(").")?;
    // The bracket is one byte, so the cut is between characters.
    let scheme = urn.get(..=scheme.len())?;
    Some((scheme.parse().ok()?, id))
}
