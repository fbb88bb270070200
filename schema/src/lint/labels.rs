//! Every label in every language.

use super::{Findings, Rule, place};
use crate::language::LANGUAGES;
use crate::structure::select::ArtefactKind;
use crate::structure::{Names, Structures, Texts};

/// Every label, with its place.
fn labels(all: &Structures) -> Vec<(String, &Names)> {
    let mut labels: Vec<_> = all.artefacts().into_iter().map(|(kind, m)| (place(kind, m), &m.names)).collect();
    let mut item =
        |kind, maintainable, id: &str, names| labels.push((format!("{}.{id}", place(kind, maintainable)), names));
    for list in &all.codelists {
        list.codes.iter().for_each(|c| item(ArtefactKind::Codelist, &list.maintainable, &c.id, &c.names));
    }
    for scheme in &all.concept_schemes {
        let each = scheme.concepts.iter().map(|c| &c.item);
        each.for_each(|c| item(ArtefactKind::ConceptScheme, &scheme.maintainable, &c.id, &c.names));
    }
    for scheme in &all.category_schemes {
        let each = scheme.categories.iter();
        each.for_each(|c| item(ArtefactKind::CategoryScheme, &scheme.maintainable, &c.id, &c.names));
    }
    for scheme in &all.agency_schemes {
        let each = scheme.agencies.iter();
        each.for_each(|c| item(ArtefactKind::AgencyScheme, &scheme.maintainable, &c.id, &c.names));
    }
    for hierarchy in &all.hierarchies {
        let mut level = hierarchy.level.as_deref();
        while let Some(this) = level {
            item(ArtefactKind::Hierarchy, &hierarchy.maintainable, &this.id, &this.names);
            level = this.level.as_deref();
        }
    }
    labels
}

pub(super) fn check(all: &Structures, findings: &mut Findings) {
    for (place, names) in labels(all) {
        let mut texts = |what: &str, texts: &Texts, best: Option<&str>| {
            let missing: Vec<_> =
                LANGUAGES.into_iter().filter(|l| texts.get(*l).is_none_or(|t| t.trim().is_empty())).collect();
            if !missing.is_empty() {
                findings.add(Rule::Label, &place, format!("the {what} is missing in {}", missing.join(", ")));
            }
            if best != texts.get("en").map(String::as_str) {
                findings.add(Rule::Label, &place, format!("the {what} shown is not the English one"));
            }
        };
        texts("name", &names.names, Some(&names.name));
        if names.description.is_some() || !names.descriptions.is_empty() {
            texts("description", &names.descriptions, names.description.as_deref());
        }
    }
}
