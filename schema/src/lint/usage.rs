//! Nothing is unused, counts say what they count, and dataflows are filed.

use std::collections::{HashMap, HashSet};

use super::{Findings, Rule, place};
use crate::structure::select::ArtefactKind;
use crate::structure::{DataStructure, MetadataStructure, Reference, Representation, Role, Structures, item_of};

/// What every figure says of itself.
const ALWAYS: [&str; 4] = ["OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "SOURCE"];
/// What figures that count persons, cases or events say besides.
const OF_COUNTS: [&str; 4] = ["COUNTED", "BASIS", "DURATION", "SOURCE_KIND"];
/// Components by which persons, cases or events are told apart.
const COUNTING: [&str; 3] = ["SEX", "AGE", "COUNTED"];

pub(super) fn check(all: &Structures, findings: &mut Findings) {
    codes(all, findings);
    concepts(all, findings);
    for structure in &all.data_structures {
        counts(structure, findings);
    }
    filed(all, findings);
}

/// Which codes of each list some dataflow may use, by the constraints on it.
fn allowed(all: &Structures) -> HashMap<Reference, HashSet<&str>> {
    let mut allowed: HashMap<Reference, HashSet<&str>> = HashMap::new();
    for dataflow in &all.dataflows {
        let constraints: Vec<_> = all.constraints_of(&dataflow.maintainable.reference()).collect();
        let structure = dataflow.structure.parse().ok().and_then(|r| all.data_structure(&r));
        for component in structure.iter().flat_map(|s| s.components()) {
            let Some(Representation::Enumeration(urn)) = component.representation else { continue };
            let Some(list) = urn.parse().ok().and_then(|r| all.codelist(&r)) else { continue };
            let codes = list.codes.iter().map(|c| c.id.as_str());
            let used = codes.filter(|code| constraints.iter().all(|c| c.allows(component.id, code)));
            allowed.entry(list.maintainable.reference()).or_default().extend(used);
        }
    }
    allowed
}

fn codes(all: &Structures, findings: &mut Findings) {
    let allowed = allowed(all);
    for list in &all.codelists {
        let place = place(ArtefactKind::Codelist, &list.maintainable);
        let Some(allowed) = allowed.get(&list.maintainable.reference()) else {
            findings.add(Rule::Unused, place, "no dataflow uses the list");
            continue;
        };
        for code in list.codes.iter().filter(|c| !allowed.contains(c.id.as_str())) {
            findings.add(Rule::Unused, format!("{place}.{}", code.id), "no dataflow may use the code");
        }
    }
}

fn concepts(all: &Structures, findings: &mut Findings) {
    let components = all.data_structures.iter().flat_map(DataStructure::components);
    let attributes = all.metadata_structures.iter().flat_map(MetadataStructure::all_attributes);
    let concepts = components.map(|c| c.concept).chain(attributes.map(|a| a.concept_identity.as_str()));
    let used: HashSet<_> = concepts.filter_map(item_of).collect();
    for scheme in &all.concept_schemes {
        let reference = scheme.maintainable.reference();
        for concept in scheme.concepts.iter().filter(|c| !used.contains(&(reference.clone(), c.item.id.as_str()))) {
            let place = place(ArtefactKind::ConceptScheme, &scheme.maintainable);
            findings.add(Rule::Unused, format!("{place}.{}", concept.item.id), "no structure uses the concept");
        }
    }
    let used: HashSet<_> = all.categorisations.iter().filter_map(|c| item_of(&c.target)).collect();
    for scheme in &all.category_schemes {
        let reference = scheme.maintainable.reference();
        for category in scheme.categories.iter().filter(|c| !used.contains(&(reference.clone(), c.id.as_str()))) {
            let place = place(ArtefactKind::CategoryScheme, &scheme.maintainable);
            findings.add(Rule::Unused, format!("{place}.{}", category.id), "nothing is filed under the category");
        }
    }
}

fn counts(structure: &DataStructure, findings: &mut Findings) {
    let components = structure.components();
    let place = place(ArtefactKind::DataStructure, &structure.maintainable);
    let has = |id: &str| components.iter().any(|c| c.id == id && (c.mandatory || c.role == Role::Dimension));
    let counts = components.iter().any(|c| COUNTING.contains(&c.id));
    let needed = ALWAYS.iter().chain(OF_COUNTS.iter().filter(|_| counts));
    for missing in needed.filter(|id| !has(id)) {
        findings.add(Rule::Counts, &place, format!("`{missing}` is neither a dimension nor a mandatory attribute"));
    }
}

fn filed(all: &Structures, findings: &mut Findings) {
    let filed: HashSet<&str> = all.categorisations.iter().map(|c| c.source.as_str()).collect();
    for dataflow in &all.dataflows {
        let (reference, place) =
            (dataflow.maintainable.reference(), place(ArtefactKind::Dataflow, &dataflow.maintainable));
        if !filed.contains(reference.urn(ArtefactKind::Dataflow.class()).as_str()) {
            findings.add(Rule::Filed, &place, "it is filed under no category");
        }
        if all.constraints_of(&reference).next().is_none() {
            findings.add(Rule::Filed, &place, "no constraint says which codes it uses");
        }
    }
}
