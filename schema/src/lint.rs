//! Checks a set of structures against the rules the shared schema keeps: every reference resolves, every label is in every
//! language, no code is unused, ids follow the rule, and counts say what they count. Called by `chancery schema lint` and tests.

mod labels;
mod references;
mod usage;

use std::collections::HashSet;

use crate::structure::reference::is_id;
use crate::structure::select::ArtefactKind;
use crate::structure::{Maintainable, Structures, item_of};

/// Longest id of an artefact or item: what fits a column heading.
const MAX_ID_CHARS: usize = 50;
/// Most findings kept; a set that has more is no schema of this kind.
const MAX_FINDINGS: usize = 10_000;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every reference resolves.
    Reference,
    /// Every label is in every language of [`crate::language::LANGUAGES`].
    Label,
    /// Nothing is unused.
    Unused,
    /// Ids and versions follow the rule, and are there once.
    Id,
    /// A dataflow that counts persons or events says what it counts, on which basis, from which duration on, and from what kind
    /// of source; and every dataflow says quality, confidentiality, unit and source.
    Counts,
    /// Every dataflow is filed under a category and constrained.
    Filed,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Reference, Self::Label, Self::Unused, Self::Id, Self::Counts, Self::Filed];

    /// The rule's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Label => "label",
            Self::Unused => "unused",
            Self::Id => "id",
            Self::Counts => "counts",
            Self::Filed => "filed",
        }
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule it breaks.
    pub rule: Rule,
    /// The artefact or item: `codelist RCP:CL_SEX(1.0.0).F`.
    pub place: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Findings as they are made.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: Rule, place: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MAX_FINDINGS {
            self.0.push(Finding { rule, place: place.into(), detail: detail.into() });
        }
    }
}

/// Everything that is wrong with `structures`, at most 10,000 findings.
pub fn lint(structures: &Structures) -> Vec<Finding> {
    let mut findings = Findings::default();
    references::check(structures, &mut findings);
    labels::check(structures, &mut findings);
    usage::check(structures, &mut findings);
    ids(structures, &mut findings);
    findings.0
}

/// How a place is written.
fn place(kind: ArtefactKind, artefact: &Maintainable) -> String {
    format!("{} {}", kind.path(), artefact.reference())
}

/// What the ids of a kind of artefact begin with.
fn prefix(kind: ArtefactKind) -> &'static str {
    match kind {
        ArtefactKind::Codelist => "CL_",
        ArtefactKind::MetadataStructure => "MSD_",
        ArtefactKind::Metadataflow => "MDF_",
        ArtefactKind::ConceptScheme => "CS_",
        ArtefactKind::CategoryScheme | ArtefactKind::Categorisation => "CAT_",
        ArtefactKind::Hierarchy => "H_",
        ArtefactKind::DataConstraint => "CR_",
        ArtefactKind::StructureMap => "SM_",
        ArtefactKind::RepresentationMap => "RM_",
        ArtefactKind::DataStructure | ArtefactKind::Dataflow | ArtefactKind::AgencyScheme => "",
    }
}

fn ids(all: &Structures, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (kind, artefact) in all.artefacts() {
        let place = place(kind, artefact);
        let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let (id, prefix) = (artefact.id.as_str(), prefix(kind));
        if !id.starts_with(prefix) || !id.starts_with(|c: char| c.is_ascii_uppercase()) || !id.chars().all(upper) {
            findings.add(
                Rule::Id,
                &place,
                format!("an id is capital letters, digits and `_`, and begins with `{prefix}`"),
            );
        }
        if id.len() > MAX_ID_CHARS {
            findings.add(Rule::Id, &place, format!("an id has at most {MAX_ID_CHARS} characters"));
        }
        let semantic = artefact.version.split('.').count() == 3;
        if semantic == (kind == ArtefactKind::AgencyScheme) {
            findings.add(Rule::Id, &place, "a version has three numbers; that of an agency scheme is `1.0`");
        }
        if !seen.insert((kind, artefact.reference())) {
            findings.add(Rule::Id, &place, "there is another artefact of this id and version");
        }
    }
    let mut items = |kind, artefact: &Maintainable, ids: &mut dyn Iterator<Item = &str>| {
        let mut seen = HashSet::new();
        for id in ids {
            let place = format!("{}.{id}", place(kind, artefact));
            if !is_id(id) || id.len() > MAX_ID_CHARS {
                let rule = format!("an item's id has letters, digits, `_`, `@`, `$` and `-`, at most {MAX_ID_CHARS}");
                findings.add(Rule::Id, &place, rule);
            }
            if !seen.insert(id.to_owned()) {
                findings.add(Rule::Id, &place, "there is another item of this id");
            }
        }
    };
    for list in &all.codelists {
        items(ArtefactKind::Codelist, &list.maintainable, &mut list.codes.iter().map(|c| c.id.as_str()));
    }
    for scheme in &all.concept_schemes {
        let ids = &mut scheme.concepts.iter().map(|c| c.item.id.as_str());
        items(ArtefactKind::ConceptScheme, &scheme.maintainable, ids);
    }
    for scheme in &all.category_schemes {
        let ids = &mut scheme.categories.iter().map(|c| c.id.as_str());
        items(ArtefactKind::CategoryScheme, &scheme.maintainable, ids);
    }
    for structure in &all.metadata_structures {
        let attributes = structure.all_attributes();
        let ids = &mut attributes.iter().map(|a| a.id.as_str());
        items(ArtefactKind::MetadataStructure, &structure.maintainable, ids);
    }
    for structure in &all.data_structures {
        let components = structure.components();
        let ids = &mut components.iter().map(|c| c.id);
        items(ArtefactKind::DataStructure, &structure.maintainable, ids);
    }
    for structure in &all.data_structures {
        let place = place(ArtefactKind::DataStructure, &structure.maintainable);
        for component in structure.components() {
            if item_of(component.concept).is_some_and(|(_, concept)| concept != component.id) {
                findings.add(Rule::Id, format!("{place}.{}", component.id), "a component has its concept's id");
            }
        }
    }
}

#[cfg(test)]
mod tests;
