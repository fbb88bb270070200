//! Answers structure queries: which artefacts match, and what is sent along with them.

mod graph;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::version::{Version, VersionQuery};
use super::{Codes, Item, Reference, Representation, Structures};

pub use super::version::compare_versions;

/// A kind of maintainable artefact this schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArtefactKind {
    /// Data structure definitions.
    DataStructure,
    /// Dataflows.
    Dataflow,
    /// Metadata structures.
    MetadataStructure,
    /// Metadataflows.
    Metadataflow,
    /// Code lists.
    Codelist,
    /// Concept schemes.
    ConceptScheme,
    /// Category schemes.
    CategoryScheme,
    /// Categorisations.
    Categorisation,
    /// Agency schemes.
    AgencyScheme,
    /// Hierarchies of codes.
    Hierarchy,
    /// Data constraints.
    DataConstraint,
    /// Structure maps.
    StructureMap,
    /// Representation maps.
    RepresentationMap,
}

impl ArtefactKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::DataStructure,
        Self::Dataflow,
        Self::MetadataStructure,
        Self::Metadataflow,
        Self::Codelist,
        Self::ConceptScheme,
        Self::CategoryScheme,
        Self::Categorisation,
        Self::AgencyScheme,
        Self::Hierarchy,
        Self::DataConstraint,
        Self::StructureMap,
        Self::RepresentationMap,
    ];

    /// The word in REST paths.
    pub fn path(self) -> &'static str {
        match self {
            Self::DataStructure => "datastructure",
            Self::Dataflow => "dataflow",
            Self::MetadataStructure => "metadatastructure",
            Self::Metadataflow => "metadataflow",
            Self::Codelist => "codelist",
            Self::ConceptScheme => "conceptscheme",
            Self::CategoryScheme => "categoryscheme",
            Self::Categorisation => "categorisation",
            Self::AgencyScheme => "agencyscheme",
            Self::Hierarchy => "hierarchy",
            Self::DataConstraint => "dataconstraint",
            Self::StructureMap => "structuremap",
            Self::RepresentationMap => "representationmap",
        }
    }

    /// The class in URNs.
    pub fn class(self) -> &'static str {
        match self {
            Self::DataStructure => "datastructure.DataStructure",
            Self::Dataflow => "datastructure.Dataflow",
            Self::MetadataStructure => "metadatastructure.MetadataStructure",
            Self::Metadataflow => "metadatastructure.Metadataflow",
            Self::Codelist => "codelist.Codelist",
            Self::ConceptScheme => "conceptscheme.ConceptScheme",
            Self::CategoryScheme => "categoryscheme.CategoryScheme",
            Self::Categorisation => "categoryscheme.Categorisation",
            Self::AgencyScheme => "base.AgencyScheme",
            Self::Hierarchy => "codelist.Hierarchy",
            Self::DataConstraint => "registry.DataConstraint",
            Self::StructureMap => "structuremapping.StructureMap",
            Self::RepresentationMap => "structuremapping.RepresentationMap",
        }
    }
}

/// What is sent along with the matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// Nothing.
    None,
    /// What refers to them.
    Parents,
    /// What refers to them, and what that refers to.
    ParentsAndSiblings,
    /// What refers to them, and what refers to that, and so on.
    Ancestors,
    /// What they refer to.
    Children,
    /// What they refer to, and what that refers to, and so on.
    Descendants,
    /// Parents, siblings and descendants.
    All,
    /// Related artefacts of one kind, near or far.
    Kind(ArtefactKind),
    /// What any of these takes along.
    AnyOf(Vec<References>),
}

/// How much of each artefact is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Full,
    /// Identity and names of all.
    AllStubs,
    /// Identity, names, descriptions and annotations of all.
    AllCompleteStubs,
    /// Everything, but of what is sent along only identity and names.
    ReferenceStubs,
    /// Everything, but of what is sent along only identity, names, descriptions and annotations.
    ReferenceCompleteStubs,
    /// Everything; schemes sent along hold only the concepts and categories in use, and code lists only the codes that the
    /// constraints of a dataflow found allow.
    ReferencePartial,
}

/// A structure query.
#[derive(Debug, Clone)]
pub struct StructureQuery {
    /// Kinds; all if empty.
    pub kinds: Vec<ArtefactKind>,
    /// Agencies; any if empty.
    pub agencies: Vec<String>,
    /// Ids; any if empty.
    pub ids: Vec<String>,
    /// Versions as [`VersionQuery`] reads them, the latest if empty; what it cannot read finds nothing.
    pub versions: Vec<String>,
    /// What is sent along.
    pub references: References,
    /// How much.
    pub detail: Detail,
}

type Key = (ArtefactKind, Reference);

/// How much of one artefact is taken.
#[derive(Clone, Copy, PartialEq)]
enum Take {
    Whole,
    CompleteStub,
    Stub,
}

/// What `query` finds in `all`; empty if nothing matches.
pub fn select(all: &Structures, query: &StructureQuery) -> Structures {
    let edges = graph::edges(all);
    let candidates: Vec<Key> = keys(all)
        .into_iter()
        .filter(|(kind, r)| {
            (query.kinds.is_empty() || query.kinds.contains(kind))
                && (query.agencies.is_empty() || query.agencies.contains(&r.agency))
                && (query.ids.is_empty() || query.ids.contains(&r.id))
        })
        .collect();
    let versions = version_queries(&query.versions);
    let matches: BTreeSet<Key> =
        candidates.iter().filter(|key| version_matches(key, &candidates, &versions)).cloned().collect();
    let along = graph::related(&matches, &edges, &query.references);
    let mut found = Structures::default();
    for key in matches.iter().chain(along.difference(&matches)) {
        let take = match (query.detail, matches.contains(key)) {
            (Detail::AllStubs, _) | (Detail::ReferenceStubs, false) => Take::Stub,
            (Detail::AllCompleteStubs, _) | (Detail::ReferenceCompleteStubs, false) => Take::CompleteStub,
            _ => Take::Whole,
        };
        copy(all, key, &mut found, take);
    }
    if query.detail == Detail::ReferencePartial {
        keep_used(&mut found, &matches, all);
    }
    found
}

fn version_queries(texts: &[String]) -> Vec<VersionQuery> {
    let latest = ["~".to_owned()];
    let texts = if texts.is_empty() { &latest } else { texts };
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn version_matches(key: &Key, candidates: &[Key], asked: &[VersionQuery]) -> bool {
    let (kind, reference) = key;
    // The standard gives an agency scheme no version: the `1.0` it is written with means nothing.
    if *kind == ArtefactKind::AgencyScheme {
        return true;
    }
    let same = candidates.iter().filter(|(k, r)| k == kind && r.agency == reference.agency && r.id == reference.id);
    let siblings: Vec<Version> = same.filter_map(|(_, r)| r.version.parse().ok()).collect();
    reference.version.parse().is_ok_and(|version| asked.iter().any(|query| query.matches(&version, &siblings)))
}

/// Leaves in the schemes and lists that were only taken along the items that the other artefacts found refer to or allow.
fn keep_used(found: &mut Structures, matches: &BTreeSet<Key>, all: &Structures) {
    let components = found.data_structures.iter().flat_map(super::DataStructure::components);
    let attributes = found.metadata_structures.iter().flat_map(super::MetadataStructure::all_attributes);
    let concepts: BTreeSet<String> =
        components.map(|c| c.concept.to_owned()).chain(attributes.map(|a| a.concept_identity.clone())).collect();
    let categories: BTreeSet<String> = found.categorisations.iter().map(|c| c.target.clone()).collect();
    let allowed = allowed_codes(found, all);
    let whole = |kind, reference: Reference| matches.contains(&(kind, reference));
    for scheme in &mut found.concept_schemes {
        if !whole(ArtefactKind::ConceptScheme, scheme.maintainable.reference()) {
            let urn = scheme.maintainable.reference().urn("conceptscheme.Concept");
            scheme.is_partial = keep_named(&mut scheme.concepts, |c| &c.item, &urn, &concepts).or(scheme.is_partial);
        }
    }
    for scheme in &mut found.category_schemes {
        if !whole(ArtefactKind::CategoryScheme, scheme.maintainable.reference()) {
            let urn = scheme.maintainable.reference().urn("categoryscheme.Category");
            scheme.is_partial = keep_named(&mut scheme.categories, |c| c, &urn, &categories).or(scheme.is_partial);
        }
    }
    for list in &mut found.codelists {
        let reference = list.maintainable.reference();
        let Some(allowed) = allowed.get(&reference).filter(|_| !whole(ArtefactKind::Codelist, reference.clone()))
        else {
            continue;
        };
        if list.codes.iter().any(|code| !allowed.contains(&code.id)) {
            list.codes.retain(|code| allowed.contains(&code.id));
            list.is_partial = Some(true);
        }
    }
}

/// The codes of each list that a dataflow found may have, by the constraints on it. A list no such dataflow uses is left out.
fn allowed_codes(found: &Structures, all: &Structures) -> BTreeMap<Reference, BTreeSet<String>> {
    let mut allowed: BTreeMap<Reference, BTreeSet<String>> = BTreeMap::new();
    for dataflow in &found.dataflows {
        let constraints: Vec<_> = all.constraints_of(&dataflow.maintainable.reference()).collect();
        let structure = dataflow.structure.parse().ok().and_then(|r| found.data_structure(&r));
        for component in structure.iter().flat_map(|s| s.components()) {
            let Some(Representation::Enumeration(urn)) = component.representation else { continue };
            let Some(list) = urn.parse().ok().and_then(|r| found.codelist(&r)) else { continue };
            let codes = list.codes.iter().filter(|c| constraints.iter().all(|k| k.allows(component.id, &c.id)));
            allowed.entry(list.maintainable.reference()).or_default().extend(codes.map(|c| c.id.clone()));
        }
    }
    allowed
}

/// Keeps the items whose URNs are `used`; all if none is, as a scheme without items would be a stub. True if some went.
fn keep_named<T>(
    items: &mut Vec<T>,
    item: impl Fn(&T) -> &Item,
    scheme_urn: &str,
    used: &BTreeSet<String>,
) -> Option<bool> {
    let is_used = |one: &T| used.contains(&format!("{scheme_urn}.{}", item(one).id));
    if items.iter().all(&is_used) || !items.iter().any(&is_used) {
        return None;
    }
    items.retain(is_used);
    Some(true)
}

fn keys(all: &Structures) -> Vec<Key> {
    all.artefacts().into_iter().map(|(kind, m)| (kind, m.reference())).collect()
}

fn copy(all: &Structures, (kind, reference): &Key, into: &mut Structures, take: Take) {
    macro_rules! take {
        ($list:ident, |$a:ident| $strip:expr) => {
            for found in all.$list.iter().filter(|a| a.maintainable.is(reference)) {
                let mut $a = found.clone();
                if take != Take::Whole {
                    $strip;
                    $a.maintainable.is_external_reference = Some(true);
                }
                if take == Take::Stub {
                    $a.maintainable.annotations.clear();
                    $a.maintainable.names.description = None;
                    $a.maintainable.names.descriptions.clear();
                }
                into.$list.push($a);
            }
        };
    }
    match kind {
        ArtefactKind::DataStructure => take!(data_structures, |a| a.data_structure_components = None),
        ArtefactKind::Dataflow => take!(dataflows, |a| a.structure.clear()),
        ArtefactKind::MetadataStructure => take!(metadata_structures, |a| a.metadata_structure_components = None),
        // What it is for stays: SDMX-ML has no metadataflow without it.
        ArtefactKind::Metadataflow => take!(metadataflows, |a| a.structure.clear()),
        ArtefactKind::Codelist => take!(codelists, |a| a.codes = Codes::default()),
        ArtefactKind::ConceptScheme => take!(concept_schemes, |a| a.concepts.clear()),
        ArtefactKind::CategoryScheme => take!(category_schemes, |a| a.categories.clear()),
        ArtefactKind::Categorisation => take!(categorisations, |a| {
            a.source.clear();
            a.target.clear();
        }),
        ArtefactKind::AgencyScheme => take!(agency_schemes, |a| a.agencies.clear()),
        ArtefactKind::Hierarchy => take!(hierarchies, |a| {
            a.level = None;
            a.hierarchical_codes.clear();
        }),
        ArtefactKind::DataConstraint => take!(data_constraints, |a| {
            a.constraint_attachment = None;
            a.cube_regions.clear();
        }),
        // What a map reads and writes stays: SDMX-ML has no map without it.
        ArtefactKind::StructureMap => take!(structure_maps, |a| {
            a.component_maps.clear();
            a.fixed_value_maps.clear();
        }),
        ArtefactKind::RepresentationMap => take!(representation_maps, |a| a.representation_mappings.clear()),
    }
}
