//! Each kind of artefact against its earlier self.

use std::collections::{BTreeMap, BTreeSet};

use super::{Impact, Key, Party, Run, components, unversioned};
use crate::structure::select::ArtefactKind;
use crate::structure::{CubeRegion, Item, Maintainable, Structures, VALID_TO};

/// Compares the artefacts `key` means.
pub(super) fn compare(
    run: &mut Run,
    key: &Key,
    before: (&Structures, &Maintainable),
    after: (&Structures, &Maintainable),
) {
    macro_rules! pair {
        ($list:ident) => {{
            let find = |(all, m): (&'_ Structures, &Maintainable)| all.$list.iter().position(|a| &a.maintainable == m);
            let positions = (find(before), find(after));
            let was = positions.0.and_then(|at| before.0.$list.get(at));
            let is = positions.1.and_then(|at| after.0.$list.get(at));
            let (Some(was), Some(is)) = (was, is) else { return };
            (was, is)
        }};
    }
    match key.0 {
        ArtefactKind::DataStructure => {
            let (was, is) = pair!(data_structures);
            components::compare(run, key, was, is);
        }
        ArtefactKind::Dataflow => {
            let (was, is) = pair!(dataflows);
            structure(run, key, "it has another data structure", (&was.structure, &is.structure));
        }
        ArtefactKind::MetadataStructure => {
            let (was, is) = pair!(metadata_structures);
            let content = was.metadata_structure_components != is.metadata_structure_components;
            changed(run, key, content, Impact::NeedsMapping);
        }
        ArtefactKind::Metadataflow => {
            let (was, is) = pair!(metadataflows);
            structure(run, key, "it has another metadata structure", (&was.structure, &is.structure));
            changed(run, key, was.targets != is.targets, Impact::NeedsMapping);
        }
        ArtefactKind::Codelist => {
            let (was, is) = pair!(codelists);
            codes(run, key, &was.codes, &is.codes);
        }
        ArtefactKind::ConceptScheme => {
            let (was, is) = pair!(concept_schemes);
            let items =
                |concepts: &[crate::structure::Concept]| concepts.iter().map(|c| c.item.clone()).collect::<Vec<_>>();
            plain_items(run, key, &items(&was.concepts), &items(&is.concepts), Impact::Breaking);
        }
        ArtefactKind::CategoryScheme => {
            let (was, is) = pair!(category_schemes);
            plain_items(run, key, &was.categories, &is.categories, Impact::Compatible);
        }
        ArtefactKind::AgencyScheme => {
            let (was, is) = pair!(agency_schemes);
            plain_items(run, key, &was.agencies, &is.agencies, Impact::Compatible);
        }
        ArtefactKind::Categorisation => {
            let (was, is) = pair!(categorisations);
            changed(run, key, (&was.source, &was.target) != (&is.source, &is.target), Impact::Compatible);
        }
        ArtefactKind::Hierarchy => {
            let (was, is) = pair!(hierarchies);
            changed(run, key, was.hierarchical_codes != is.hierarchical_codes, Impact::Compatible);
        }
        ArtefactKind::DataConstraint => {
            let (was, is) = pair!(data_constraints);
            constraint(run, key, &was.cube_regions, &is.cube_regions);
        }
        ArtefactKind::StructureMap => {
            let (was, is) = pair!(structure_maps);
            let content = (&was.component_maps, &was.fixed_value_maps) != (&is.component_maps, &is.fixed_value_maps);
            changed(run, key, content, Impact::NeedsMapping);
        }
        ArtefactKind::RepresentationMap => {
            let (was, is) = pair!(representation_maps);
            changed(run, key, was.representation_mappings != is.representation_mappings, Impact::NeedsMapping);
        }
    }
}

/// What a flow refers to, whatever its version.
fn structure(run: &mut Run, key: &Key, what: &str, (was, is): (&str, &str)) {
    if unversioned(was) != unversioned(is) {
        run.add(key, "", what, Impact::Breaking, Party::Everybody);
    }
}

fn changed(run: &mut Run, key: &Key, changed: bool, impact: Impact) {
    if changed {
        run.add(key, "", "its content changed", impact, Party::Everybody);
    }
}

fn by_id(items: &[Item]) -> BTreeMap<&str, &Item> {
    items.iter().map(|i| (i.id.as_str(), i)).collect()
}

fn codes(run: &mut Run, key: &Key, was: &[Item], is: &[Item]) {
    let (old, new) = (by_id(was), by_id(is));
    for (id, code) in &old {
        let Some(now) = new.get(id) else {
            run.add(key, id, "the code is gone", Impact::NeedsMapping, Party::Publishers);
            continue;
        };
        run.names(key, id, &code.names, &now.names);
        if code.parent != now.parent {
            run.add(key, id, "it is under another code", Impact::NeedsMapping, Party::Readers);
        }
        match (code.annotation(VALID_TO), now.annotation(VALID_TO)) {
            (was, Some(end)) if was != Some(end) => {
                run.add(key, id, format!("it is valid until {end} only"), Impact::NeedsMapping, Party::Publishers);
            }
            (Some(_), None) => run.add(key, id, "it is valid without end", Impact::Compatible, Party::Publishers),
            _ => {}
        }
    }
    for id in new.keys().filter(|id| !old.contains_key(*id)) {
        run.add(key, id, "the code is new", Impact::Compatible, Party::Readers);
    }
}

fn plain_items(run: &mut Run, key: &Key, was: &[Item], is: &[Item], gone: Impact) {
    let (old, new) = (by_id(was), by_id(is));
    for (id, item) in &old {
        match new.get(id) {
            None => run.add(key, id, "it is gone", gone, Party::Everybody),
            Some(now) => run.names(key, id, &item.names, &now.names),
        }
    }
    for id in new.keys().filter(|id| !old.contains_key(*id)) {
        run.add(key, id, "it is new", Impact::Compatible, Party::Readers);
    }
}

/// Component to whether its values are included, and the values.
fn selections(regions: &[CubeRegion]) -> BTreeMap<&str, (bool, BTreeSet<&str>)> {
    let all = regions.iter().flat_map(|r| r.key_values.iter().chain(&r.components).map(move |s| (s, r.include)));
    all.map(|(s, include)| (s.id.as_str(), (s.include == include, s.values.iter().map(|v| v.0.as_str()).collect())))
        .collect()
}

fn constraint(run: &mut Run, key: &Key, was: &[CubeRegion], is: &[CubeRegion]) {
    let (old, new) = (selections(was), selections(is));
    for id in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let all = (false, BTreeSet::new());
        let ((was_in, was), (is_in, is)) = (old.get(id).unwrap_or(&all), new.get(id).unwrap_or(&all));
        let fewer = match (was_in, is_in) {
            (true, true) => !was.is_subset(is),
            (false, false) => !is.is_subset(was),
            (false, true) => true,
            (true, false) => !was.is_disjoint(is),
        };
        if fewer {
            let what = "it allows fewer codes than before, or others";
            run.add(key, id, what, Impact::NeedsMapping, Party::Publishers);
        } else if (was_in, was) != (is_in, is) {
            run.add(key, id, "it allows more codes", Impact::Compatible, Party::Readers);
        }
    }
}
