//! Answers structure queries: which artefacts match, and what is sent along with them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Reference, Representation, Structures};

/// A kind of maintainable artefact this schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArtefactKind {
    /// Data structure definitions.
    DataStructure,
    /// Dataflows.
    Dataflow,
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
}

impl ArtefactKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DataStructure,
        Self::Dataflow,
        Self::Codelist,
        Self::ConceptScheme,
        Self::CategoryScheme,
        Self::Categorisation,
        Self::AgencyScheme,
    ];

    /// The word in REST paths.
    pub fn path(self) -> &'static str {
        match self {
            Self::DataStructure => "datastructure",
            Self::Dataflow => "dataflow",
            Self::Codelist => "codelist",
            Self::ConceptScheme => "conceptscheme",
            Self::CategoryScheme => "categoryscheme",
            Self::Categorisation => "categorisation",
            Self::AgencyScheme => "agencyscheme",
        }
    }

    /// The class in URNs.
    pub fn class(self) -> &'static str {
        match self {
            Self::DataStructure => "datastructure.DataStructure",
            Self::Dataflow => "datastructure.Dataflow",
            Self::Codelist => "codelist.Codelist",
            Self::ConceptScheme => "conceptscheme.ConceptScheme",
            Self::CategoryScheme => "categoryscheme.CategoryScheme",
            Self::Categorisation => "categoryscheme.Categorisation",
            Self::AgencyScheme => "base.AgencyScheme",
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
}

/// How much of each artefact is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Full,
    /// Identity and names of all.
    AllStubs,
    /// Identity, names and descriptions of all.
    AllCompleteStubs,
    /// Identity and names of what is sent along.
    ReferenceStubs,
    /// Everything; code lists sent along hold only what is used.
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
    /// Versions as asked: `1.0.0`, `1.0`, `*`, `+`, `~`, `latest`, `1.2+`.
    pub versions: Vec<String>,
    /// What is sent along.
    pub references: References,
    /// How much.
    pub detail: Detail,
}

type Key = (ArtefactKind, Reference);

/// What `query` finds in `all`; empty if nothing matches.
pub fn select(all: &Structures, query: &StructureQuery) -> Structures {
    let edges = edges(all);
    let candidates: Vec<Key> = keys(all)
        .into_iter()
        .filter(|(kind, r)| {
            (query.kinds.is_empty() || query.kinds.contains(kind))
                && (query.agencies.is_empty() || query.agencies.contains(&r.agency))
                && (query.ids.is_empty() || query.ids.contains(&r.id))
        })
        .collect();
    let matches: BTreeSet<Key> =
        candidates.iter().filter(|key| version_matches(key, &candidates, &query.versions)).cloned().collect();
    let along = related(&matches, &edges, &query.references);
    let mut found = Structures::default();
    for key in matches.iter().chain(along.difference(&matches)) {
        let stub = match query.detail {
            Detail::AllStubs | Detail::AllCompleteStubs => true,
            Detail::ReferenceStubs => !matches.contains(key),
            Detail::Full | Detail::ReferencePartial => false,
        };
        copy(all, key, &mut found, stub.then_some(query.detail == Detail::AllCompleteStubs));
    }
    found
}

fn keys(all: &Structures) -> Vec<Key> {
    let mut keys = Vec::new();
    keys.extend(all.data_structures.iter().map(|a| (ArtefactKind::DataStructure, a.maintainable.reference())));
    keys.extend(all.dataflows.iter().map(|a| (ArtefactKind::Dataflow, a.maintainable.reference())));
    keys.extend(all.codelists.iter().map(|a| (ArtefactKind::Codelist, a.maintainable.reference())));
    keys.extend(all.concept_schemes.iter().map(|a| (ArtefactKind::ConceptScheme, a.maintainable.reference())));
    keys.extend(all.category_schemes.iter().map(|a| (ArtefactKind::CategoryScheme, a.maintainable.reference())));
    keys.extend(all.categorisations.iter().map(|a| (ArtefactKind::Categorisation, a.maintainable.reference())));
    keys.extend(all.agency_schemes.iter().map(|a| (ArtefactKind::AgencyScheme, a.maintainable.reference())));
    keys
}

/// Who refers to whom.
fn edges(all: &Structures) -> Vec<(Key, Key)> {
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
        let Some(components) = &structure.data_structure_components else {
            continue;
        };
        let list = &components.dimension_list;
        let parts = list
            .dimensions
            .iter()
            .map(|d| (&d.concept_identity, &d.local_representation))
            .chain([(&list.time_dimension.concept_identity, &list.time_dimension.local_representation)])
            .chain(components.measure_list.measures.iter().map(|m| (&m.concept_identity, &m.local_representation)))
            .chain(components.attribute_list.attributes.iter().map(|a| (&a.concept_identity, &a.local_representation)));
        for (concept, representation) in parts {
            let scheme = concept.rsplit_once('.').map_or("", |(scheme, _)| scheme);
            add(&from, ArtefactKind::ConceptScheme, scheme);
            if let Representation::Enumeration(urn) = representation {
                add(&from, ArtefactKind::Codelist, urn);
            }
        }
    }
    edges.into_iter().collect()
}

fn related(matches: &BTreeSet<Key>, edges: &[(Key, Key)], references: &References) -> BTreeSet<Key> {
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
            let parents = closure(matches, up);
            let everything: BTreeSet<Key> = parents.into_iter().chain(matches.iter().cloned()).collect();
            let below = closure(&everything, down);
            everything.into_iter().chain(below).collect()
        }
        References::Kind(kind) => {
            let all = related(matches, edges, &References::All);
            all.into_iter().filter(|(k, _)| k == kind).collect()
        }
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

/// Orders semantic versions by their numbers.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let numbers = |v: &str| v.split(['.', '-']).map(|n| n.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    numbers(a).cmp(&numbers(b))
}

fn version_matches(key: &Key, candidates: &[Key], asked: &[String]) -> bool {
    let newest_of = |fits: &dyn Fn(&str) -> bool| {
        let same = candidates.iter().filter(|(k, r)| *k == key.0 && r.agency == key.1.agency && r.id == key.1.id);
        let newest = same.map(|(_, r)| &r.version).filter(|v| fits(v)).max_by(|a, b| compare_versions(a, b));
        newest.is_some_and(|v| *v == key.1.version)
    };
    asked.is_empty() && newest_of(&|_| true)
        || asked.iter().any(|wanted| match wanted.as_str() {
            "*" | "all" => true,
            "+" | "~" | "latest" => newest_of(&|_| true),
            wanted => match wanted.split_once(['+', '~']) {
                Some((floor, tail)) => {
                    let prefix = floor.rsplit_once('.').map_or("", |(head, _)| head);
                    newest_of(&|v| compare_versions(v, &format!("{floor}{tail}")).is_ge() && v.starts_with(prefix))
                }
                // `1.0` is an older client's way to write `1.0.0`.
                None => compare_versions(wanted, &key.1.version).is_eq() || format!("{wanted}.0") == key.1.version,
            },
        })
}

/// Copies an artefact; `stub` is none for all of it, else whether the description stays.
fn copy(all: &Structures, (kind, reference): &Key, into: &mut Structures, stub: Option<bool>) {
    macro_rules! take {
        ($list:ident, |$a:ident| $strip:expr) => {
            for found in all.$list.iter().filter(|a| a.maintainable.reference() == *reference) {
                let mut $a = found.clone();
                if let Some(complete) = stub {
                    $strip;
                    $a.maintainable.is_external_reference = Some(true);
                    if !complete {
                        $a.maintainable.annotations.clear();
                        $a.maintainable.names.description = None;
                        $a.maintainable.names.descriptions.clear();
                    }
                }
                into.$list.push($a);
            }
        };
    }
    match kind {
        ArtefactKind::DataStructure => take!(data_structures, |a| a.data_structure_components = None),
        ArtefactKind::Dataflow => take!(dataflows, |a| a.structure.clear()),
        ArtefactKind::Codelist => take!(codelists, |a| a.codes.clear()),
        ArtefactKind::ConceptScheme => take!(concept_schemes, |a| a.concepts.clear()),
        ArtefactKind::CategoryScheme => take!(category_schemes, |a| a.categories.clear()),
        ArtefactKind::Categorisation => take!(categorisations, |a| {
            a.source.clear();
            a.target.clear();
        }),
        ArtefactKind::AgencyScheme => take!(agency_schemes, |a| a.agencies.clear()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(kind: ArtefactKind, id: &str, version: &str, references: References) -> StructureQuery {
        StructureQuery {
            kinds: vec![kind],
            agencies: vec!["RCP".into()],
            ids: if id == "*" { vec![] } else { vec![id.into()] },
            versions: vec![version.into()],
            references,
            detail: Detail::Full,
        }
    }

    #[test]
    fn wildcards_and_references_find_what_they_should() {
        let all = crate::shared::structures().unwrap();
        let flows = select(&all, &query(ArtefactKind::Dataflow, "*", "+", References::None));
        assert_eq!(flows.dataflows.len(), all.dataflows.len());
        let one = select(&all, &query(ArtefactKind::Dataflow, "RETURNS", "latest", References::Descendants));
        assert_eq!((one.dataflows.len(), one.data_structures.len(), one.concept_schemes.len()), (1, 1, 1));
        assert!(one.codelists.iter().any(|c| c.maintainable.id == "CL_RETURN_TYPE"));
        assert!(!one.codelists.iter().any(|c| c.maintainable.id == "CL_TREATY"));
        let used = select(&all, &query(ArtefactKind::Codelist, "CL_TREATY", "1.0.0", References::Parents));
        assert_eq!(used.data_structures.len(), 1);
        for (version, found) in [("1.0.0", 1), ("1.0", 1), ("*", 1), ("1.0+.0", 1), ("2.0.0", 0), ("2.0+.0", 0)] {
            let result = select(&all, &query(ArtefactKind::Codelist, "CL_SEX", version, References::None));
            assert_eq!(result.codelists.len(), found, "{version}");
        }
    }

    #[test]
    fn stubs_have_no_content() {
        let all = crate::shared::structures().unwrap();
        let mut stubs = query(ArtefactKind::Codelist, "*", "*", References::None);
        stubs.detail = Detail::AllStubs;
        assert!(select(&all, &stubs).codelists.iter().all(|c| c.codes.is_empty()));
    }
}
