//! Who refers to whom among artefacts, and what a query's `references` takes along.

use std::collections::BTreeSet;

use super::{ArtefactKind, Key, References};
use crate::structure::{Reference, Representation, Structures, ValueKind};

/// Who refers to whom.
pub(super) fn edges(all: &Structures) -> Vec<(Key, Key)> {
    let mut edges = BTreeSet::new();
    for_each_reference(all, |from, kind, urn| {
        if let Ok(to) = urn.parse::<Reference>() {
            edges.insert((from.clone(), (kind, to)));
        }
    });
    edges.into_iter().collect()
}

/// Calls `add` with who refers, the kind of artefact it refers to, and the artefact's URN.
fn for_each_reference(all: &Structures, mut add: impl FnMut(&Key, ArtefactKind, &str)) {
    for dataflow in &all.dataflows {
        let from = (ArtefactKind::Dataflow, dataflow.maintainable.reference());
        add(&from, ArtefactKind::DataStructure, &dataflow.structure);
    }
    for flow in &all.metadataflows {
        let from = (ArtefactKind::Metadataflow, flow.maintainable.reference());
        add(&from, ArtefactKind::MetadataStructure, &flow.structure);
    }
    for structure in &all.metadata_structures {
        let from = (ArtefactKind::MetadataStructure, structure.maintainable.reference());
        for attribute in structure.all_attributes() {
            add(&from, ArtefactKind::ConceptScheme, scheme_of(&attribute.concept_identity));
            if let Some(Representation::Enumeration(urn)) = &attribute.local_representation {
                add(&from, ArtefactKind::Codelist, urn);
            }
        }
    }
    for categorisation in &all.categorisations {
        let from = (ArtefactKind::Categorisation, categorisation.maintainable.reference());
        add(&from, ArtefactKind::Dataflow, &categorisation.source);
        add(&from, ArtefactKind::CategoryScheme, scheme_of(&categorisation.target));
    }
    for structure in &all.data_structures {
        let from = (ArtefactKind::DataStructure, structure.maintainable.reference());
        for component in structure.components() {
            add(&from, ArtefactKind::ConceptScheme, scheme_of(component.concept));
            if let Some(Representation::Enumeration(urn)) = component.representation {
                add(&from, ArtefactKind::Codelist, urn);
            }
        }
    }
    for scheme in &all.concept_schemes {
        let from = (ArtefactKind::ConceptScheme, scheme.maintainable.reference());
        for concept in &scheme.concepts {
            if let Some(Representation::Enumeration(urn)) = &concept.core_representation {
                add(&from, ArtefactKind::Codelist, urn);
            }
        }
    }
    for hierarchy in &all.hierarchies {
        let from = (ArtefactKind::Hierarchy, hierarchy.maintainable.reference());
        hierarchy.walk(&mut |_, code| add(&from, ArtefactKind::Codelist, scheme_of(&code.code)));
    }
    for constraint in &all.data_constraints {
        let from = (ArtefactKind::DataConstraint, constraint.maintainable.reference());
        if let Some(attached) = &constraint.constraint_attachment {
            attached.dataflows.iter().for_each(|urn| add(&from, ArtefactKind::Dataflow, urn));
            attached.data_structures.iter().for_each(|urn| add(&from, ArtefactKind::DataStructure, urn));
        }
    }
    for map in &all.structure_maps {
        let from = (ArtefactKind::StructureMap, map.maintainable.reference());
        for urn in [&map.source, &map.target] {
            let structure = urn.contains(ArtefactKind::DataStructure.class());
            add(&from, if structure { ArtefactKind::DataStructure } else { ArtefactKind::Dataflow }, urn);
        }
        for urn in map.component_maps.iter().filter_map(|c| c.representation_map.as_ref()) {
            add(&from, ArtefactKind::RepresentationMap, urn);
        }
    }
    for map in &all.representation_maps {
        let from = (ArtefactKind::RepresentationMap, map.maintainable.reference());
        for kind in map.source.iter().chain(&map.target) {
            if let ValueKind::Codelist(urn) = kind {
                add(&from, ArtefactKind::Codelist, urn);
            }
        }
    }
}

/// The URN without the item's id.
fn scheme_of(urn: &str) -> &str {
    urn.rfind(").").and_then(|at| urn.get(..=at)).unwrap_or_default()
}

pub(super) fn related(matches: &BTreeSet<Key>, edges: &[(Key, Key)], references: &References) -> BTreeSet<Key> {
    let up = |from: &BTreeSet<Key>| step(from, edges.iter().map(|(parent, child)| (child, parent)));
    let down = |from: &BTreeSet<Key>| step(from, edges.iter().map(|(parent, child)| (parent, child)));
    match references {
        References::None => BTreeSet::new(),
        References::Parents => up(matches),
        References::ParentsAndSiblings => {
            let parents = up(matches);
            let siblings = down(&parents);
            parents.into_iter().chain(siblings).collect()
        }
        References::Ancestors => closure(matches, up),
        References::Children => down(matches),
        References::Descendants => closure(matches, down),
        References::All => {
            let near = related(matches, edges, &References::ParentsAndSiblings);
            near.into_iter().chain(closure(matches, down)).collect()
        }
        References::Kind(kind) => {
            let above = closure(matches, up);
            let below = closure(&above.iter().chain(matches).cloned().collect(), down);
            above.into_iter().chain(below).filter(|(k, _)| k == kind).collect()
        }
        References::AnyOf(several) => several.iter().flat_map(|one| related(matches, edges, one)).collect(),
    }
}

fn step<'a>(from: &BTreeSet<Key>, edges: impl Iterator<Item = (&'a Key, &'a Key)>) -> BTreeSet<Key> {
    edges.filter(|(a, _)| from.contains(a)).map(|(_, b)| b.clone()).collect()
}

fn closure(from: &BTreeSet<Key>, next: impl Fn(&BTreeSet<Key>) -> BTreeSet<Key>) -> BTreeSet<Key> {
    let mut all = BTreeSet::new();
    let mut edge = next(from);
    while !edge.is_empty() {
        all.extend(edge.iter().cloned());
        edge = next(&edge).difference(&all).cloned().collect();
    }
    all
}
