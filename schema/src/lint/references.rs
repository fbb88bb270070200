//! Every reference resolves.

use std::collections::{HashMap, HashSet};

use super::{Findings, Rule, place};
use crate::structure::select::ArtefactKind;
use crate::structure::{
    Codelist, DataConstraint, Maintainable, Reference, Representation, Structures, URN_PREFIX, ValueKind,
};

pub(super) fn check(all: &Structures, findings: &mut Findings) {
    let known = Known::of(all);
    data_structures(all, &known, findings);
    for dataflow in &all.dataflows {
        let place = place(ArtefactKind::Dataflow, &dataflow.maintainable);
        known.artefact(&place, ArtefactKind::DataStructure, &dataflow.structure, findings);
    }
    for flow in &all.metadataflows {
        let place = place(ArtefactKind::Metadataflow, &flow.maintainable);
        known.artefact(&place, ArtefactKind::MetadataStructure, &flow.structure, findings);
    }
    for structure in &all.metadata_structures {
        let place = place(ArtefactKind::MetadataStructure, &structure.maintainable);
        for attribute in structure.all_attributes() {
            let place = format!("{place}.{}", attribute.id);
            known.item(&place, "conceptscheme.Concept", &attribute.concept_identity, findings);
            if let Some(Representation::Enumeration(urn)) = &attribute.local_representation {
                known.artefact(&place, ArtefactKind::Codelist, urn, findings);
            }
        }
    }
    for categorisation in &all.categorisations {
        let place = place(ArtefactKind::Categorisation, &categorisation.maintainable);
        known.artefact(&place, ArtefactKind::Dataflow, &categorisation.source, findings);
        known.item(&place, "categoryscheme.Category", &categorisation.target, findings);
    }
    for list in &all.codelists {
        parents(list, findings);
    }
    for hierarchy in &all.hierarchies {
        let place = place(ArtefactKind::Hierarchy, &hierarchy.maintainable);
        hierarchy.walk(&mut |_, code| known.item(&place, "codelist.Code", &code.code, findings));
    }
    all.data_constraints.iter().for_each(|c| constraint(all, c, &known, findings));
    maps(all, &known, findings);
}

/// What there is to refer to.
struct Known<'a> {
    agencies: HashSet<&'a str>,
    artefacts: HashSet<String>,
    items: HashSet<String>,
}

impl<'a> Known<'a> {
    fn of(all: &'a Structures) -> Self {
        let agencies = all.artefacts().into_iter().map(|(_, m)| m.agency_id.as_str()).collect();
        let artefacts = all.artefacts().into_iter().map(|(kind, m)| m.reference().urn(kind.class())).collect();
        let mut items = HashSet::new();
        let mut add = |class: &str, scheme: &Maintainable, id: &str| {
            items.insert(format!("{}.{id}", scheme.reference().urn(class)));
        };
        for list in &all.codelists {
            list.codes.iter().for_each(|c| add("codelist.Code", &list.maintainable, &c.id));
        }
        for scheme in &all.concept_schemes {
            scheme.concepts.iter().for_each(|c| add("conceptscheme.Concept", &scheme.maintainable, &c.item.id));
        }
        for scheme in &all.category_schemes {
            scheme.categories.iter().for_each(|c| add("categoryscheme.Category", &scheme.maintainable, &c.id));
        }
        Self { agencies, artefacts, items }
    }

    fn artefact(&self, place: &str, kind: ArtefactKind, urn: &str, findings: &mut Findings) {
        if !self.artefacts.contains(urn) || !urn.starts_with(&format!("{URN_PREFIX}{}=", kind.class())) {
            findings.add(Rule::Reference, place, format!("there is no {} `{}`", kind.path(), shown(urn)));
        }
    }

    fn item(&self, place: &str, class: &str, urn: &str, findings: &mut Findings) {
        if !self.items.contains(urn) || !urn.starts_with(&format!("{URN_PREFIX}{class}=")) {
            findings.add(Rule::Reference, place, format!("there is no {class} `{}`", shown(urn)));
        }
    }

    /// What a map reads may belong to an agency of which nothing is here.
    fn is_foreign(&self, urn: &str) -> bool {
        urn.parse::<Reference>().is_ok_and(|r| !self.agencies.contains(r.agency.as_str()))
    }
}

fn shown(urn: &str) -> String {
    urn.strip_prefix(URN_PREFIX).unwrap_or(urn).chars().take(160).collect()
}

fn data_structures(all: &Structures, known: &Known<'_>, findings: &mut Findings) {
    for structure in &all.data_structures {
        let place = place(ArtefactKind::DataStructure, &structure.maintainable);
        let components = structure.components();
        for component in &components {
            let place = format!("{place}.{}", component.id);
            known.item(&place, "conceptscheme.Concept", component.concept, findings);
            if let Some(Representation::Enumeration(urn)) = component.representation {
                known.artefact(&place, ArtefactKind::Codelist, urn, findings);
            }
        }
        let ends = structure.maintainable.annotation("CORRIDOR").unwrap_or_default().split('/');
        for end in ends.filter(|end| !end.is_empty() && !components.iter().any(|c| c.id == *end)) {
            findings.add(Rule::Reference, &place, format!("the corridor's end `{end}` is no component"));
        }
    }
}

fn parents(list: &Codelist, findings: &mut Findings) {
    let above: HashMap<&str, &str> =
        list.codes.iter().filter_map(|c| Some((c.id.as_str(), c.parent.as_deref()?))).collect();
    for (code, parent) in &above {
        let place = format!("{}.{code}", place(ArtefactKind::Codelist, &list.maintainable));
        if list.codes.by_id(parent).is_none() {
            findings.add(Rule::Reference, &place, format!("its parent `{parent}` is no code of the list"));
        }
        let mut at = *parent;
        for _ in 0..list.codes.len() {
            let Some(next) = above.get(at).filter(|_| at != *code) else { break };
            at = next;
        }
        if at == *code {
            findings.add(Rule::Reference, &place, "it is its own ancestor");
        }
    }
}

fn constraint(all: &Structures, constraint: &DataConstraint, known: &Known<'_>, findings: &mut Findings) {
    let place = place(ArtefactKind::DataConstraint, &constraint.maintainable);
    let attached = constraint.constraint_attachment.iter();
    let mut structures = Vec::new();
    for urn in attached.clone().flat_map(|a| &a.data_structures) {
        known.artefact(&place, ArtefactKind::DataStructure, urn, findings);
        structures.extend(urn.parse().ok().and_then(|r| all.data_structure(&r)));
    }
    for urn in attached.flat_map(|a| &a.dataflows) {
        known.artefact(&place, ArtefactKind::Dataflow, urn, findings);
        let dataflow = urn.parse().ok().and_then(|r| all.dataflow(&r));
        structures.extend(dataflow.and_then(|d| d.structure.parse().ok()).and_then(|r| all.data_structure(&r)));
    }
    let selections = constraint.cube_regions.iter().flat_map(|r| r.key_values.iter().chain(&r.components));
    for selection in selections {
        for structure in &structures {
            let Some(component) = structure.components().into_iter().find(|c| c.id == selection.id) else {
                let structure = &structure.maintainable.id;
                findings.add(Rule::Reference, &place, format!("`{}` is no component of `{structure}`", selection.id));
                continue;
            };
            let Some(Representation::Enumeration(urn)) = component.representation else { continue };
            let Some(list) = urn.parse().ok().and_then(|r| all.codelist(&r)) else { continue };
            for value in selection.values.iter().filter(|v| list.codes.by_id(&v.0).is_none()) {
                let list = &list.maintainable.id;
                findings.add(Rule::Reference, &place, format!("`{}` is no code of `{list}`", value.0));
            }
        }
    }
}

fn maps(all: &Structures, known: &Known<'_>, findings: &mut Findings) {
    for map in &all.structure_maps {
        let place = place(ArtefactKind::StructureMap, &map.maintainable);
        if !known.is_foreign(&map.source) && !known.artefacts.contains(&map.source) {
            findings.add(Rule::Reference, &place, format!("there is no `{}`", shown(&map.source)));
        }
        known.artefact(&place, ArtefactKind::Dataflow, &map.target, findings);
        for urn in map.component_maps.iter().filter_map(|c| c.representation_map.as_ref()) {
            known.artefact(&place, ArtefactKind::RepresentationMap, urn, findings);
        }
        if let Err(error) = crate::structure_map::Mapper::new(all, &map.maintainable.reference()) {
            findings.add(Rule::Reference, &place, error.to_string());
        }
    }
    for map in &all.representation_maps {
        let place = place(ArtefactKind::RepresentationMap, &map.maintainable);
        for kind in map.source.iter().chain(&map.target) {
            if let ValueKind::Codelist(urn) = kind
                && !known.is_foreign(urn)
            {
                known.artefact(&place, ArtefactKind::Codelist, urn, findings);
            }
        }
        for (position, kind) in map.target.iter().enumerate() {
            let ValueKind::Codelist(urn) = kind else { continue };
            let Some(list) = urn.parse().ok().and_then(|r| all.codelist(&r)) else { continue };
            let values = map.representation_mappings.iter().filter_map(|m| m.target_values.get(position));
            // What a pattern's group becomes is known only when it is used.
            for value in values.filter(|v| !v.contains('\\') && list.codes.by_id(v).is_none()) {
                let list = &list.maintainable.id;
                findings.add(Rule::Reference, &place, format!("`{value}` is no code of `{list}`"));
            }
        }
    }
}
