//! Who refers to whom among artefacts, and what a query's `references` takes along.

use std::collections::BTreeSet;

use super::{ArtefactKind, Key, References};
use crate::structure::{DataStructure, Reference, Representation, Structures};

/// The URNs of a data structure's concepts.
pub(super) fn concepts(structure: &DataStructure) -> impl Iterator<Item = &str> {
    components(structure).map(|(concept, _)| concept)
}

/// Concept and representation of each component.
fn components(structure: &DataStructure) -> impl Iterator<Item = (&str, &Representation)> {
    structure.data_structure_components.iter().flat_map(|parts| {
        let list = &parts.dimension_list;
        let time = &list.time_dimension;
        list.dimensions
            .iter()
            .map(|d| (d.concept_identity.as_str(), &d.local_representation))
            .chain([(time.concept_identity.as_str(), &time.local_representation)])
            .chain(parts.measure_list.measures.iter().map(|m| (m.concept_identity.as_str(), &m.local_representation)))
            .chain(
                parts.attribute_list.attributes.iter().map(|a| (a.concept_identity.as_str(), &a.local_representation)),
            )
    })
}

/// Who refers to whom.
pub(super) fn edges(all: &Structures) -> Vec<(Key, Key)> {
    let mut edges = BTreeSet::new();
    let mut add = |from: &Key, kind: ArtefactKind, urn: &str| {
        if let Ok(to) = urn.parse::<Reference>() {
            edges.insert((from.clone(), (kind, to)));
        }
    };
    for dataflow in &all.dataflows {
        add(
            &(ArtefactKind::Dataflow, dataflow.maintainable.reference()),
            ArtefactKind::DataStructure,
            &dataflow.structure,
        );
    }
    for categorisation in &all.categorisations {
        let from = (ArtefactKind::Categorisation, categorisation.maintainable.reference());
        add(&from, ArtefactKind::Dataflow, &categorisation.source);
        let scheme = categorisation.target.rsplit_once('.').map_or("", |(scheme, _)| scheme);
        add(&from, ArtefactKind::CategoryScheme, scheme);
    }
    for structure in &all.data_structures {
        let from = (ArtefactKind::DataStructure, structure.maintainable.reference());
        for (concept, representation) in components(structure) {
            let scheme = concept.rsplit_once('.').map_or("", |(scheme, _)| scheme);
            add(&from, ArtefactKind::ConceptScheme, scheme);
            if let Representation::Enumeration(urn) = representation {
                add(&from, ArtefactKind::Codelist, urn);
            }
        }
    }
    edges.into_iter().collect()
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
