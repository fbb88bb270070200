//! What changes between two sets of structures, and for whom: those who publish under them, and those who read. Artefacts are
//! matched by kind, agency and id, the newest version of each; references are compared without their versions.

mod artefacts;
mod components;

use std::collections::{BTreeMap, BTreeSet};

use crate::structure::select::{ArtefactKind, compare_versions};
use crate::structure::{Maintainable, Reference, Representation, Structures};

/// Most changes kept; beyond, only their number is of use.
const MAX_CHANGES: usize = 10_000;

/// What a change asks of those it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impact {
    /// Nothing: what was valid stays valid and means the same.
    Compatible,
    /// Some values must be mapped to others, or given, before new figures are valid. Nothing published loses its meaning.
    NeedsMapping,
    /// Keys or meanings change: figures of before and after cannot stand together.
    Breaking,
}

impl Impact {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Compatible => "compatible",
            Self::NeedsMapping => "needs mapping",
            Self::Breaking => "breaking",
        }
    }
}

/// Whom a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Those who publish figures.
    Publishers,
    /// Those who read them.
    Readers,
    /// Both.
    Everybody,
}

impl Party {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Publishers => "publishers",
            Self::Readers => "readers",
            Self::Everybody => "everybody",
        }
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The artefact or item: `codelist RCP:CL_SEX.F`.
    pub place: String,
    /// What changed.
    pub what: String,
    /// What it asks.
    pub impact: Impact,
    /// Of whom.
    pub party: Party,
    /// The dataflows it concerns.
    pub dataflows: Vec<String>,
}

/// All changes between two sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// In the order of kinds and ids; at most 10,000.
    pub changes: Vec<Change>,
    /// Artefacts whose new version says less than their changes ask: a breaking change a new first number, one that needs mapping
    /// too, any other a new second number; labels alone a new third.
    pub versions: Vec<String>,
}

impl Diff {
    /// The gravest impact; none if nothing changed.
    pub fn impact(&self) -> Option<Impact> {
        self.changes.iter().map(|c| c.impact).max()
    }
}

/// What becomes of `before` in `after`.
pub fn diff(before: &Structures, after: &Structures) -> Diff {
    let mut run = Run { users: Users::of(before, after), diff: Diff::default() };
    let (old, new) = (newest(before), newest(after));
    for (key, was) in &old {
        let first = run.diff.changes.len();
        match new.get(key) {
            None => run.add(key, "", "it is gone", gone(key.0), Party::Everybody),
            Some(is) => {
                run.labels(key, was, is);
                artefacts::compare(&mut run, key, (before, was), (after, is));
                run.version(key, was, is, first);
            }
        }
    }
    for key in new.keys().filter(|key| !old.contains_key(*key)) {
        run.add(key, "", "it is new", Impact::Compatible, Party::Everybody);
    }
    run.diff
}

/// Kind, agency and id.
type Key = (ArtefactKind, String, String);

fn newest(all: &Structures) -> BTreeMap<Key, &Maintainable> {
    let mut found: BTreeMap<Key, &Maintainable> = BTreeMap::new();
    for (kind, artefact) in all.artefacts() {
        let key = (kind, artefact.agency_id.clone(), artefact.id.clone());
        let newer = found.get(&key).is_none_or(|f| compare_versions(&f.version, &artefact.version).is_lt());
        if newer {
            found.insert(key, artefact);
        }
    }
    found
}

/// What it asks when an artefact is no longer there.
fn gone(kind: ArtefactKind) -> Impact {
    use ArtefactKind::{Codelist, ConceptScheme, DataStructure, Dataflow, MetadataStructure, Metadataflow};
    match kind {
        DataStructure | Dataflow | Codelist | ConceptScheme | MetadataStructure | Metadataflow => Impact::Breaking,
        ArtefactKind::RepresentationMap | ArtefactKind::StructureMap => Impact::NeedsMapping,
        _ => Impact::Compatible,
    }
}

/// The urn of an artefact or item without its version.
fn unversioned(urn: &str) -> String {
    match (urn.find('('), urn.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", urn.get(..open).unwrap_or_default(), urn.get(close + 1..).unwrap_or_default())
        }
        _ => urn.to_owned(),
    }
}

/// Which dataflows use which artefact, before or after.
struct Users(BTreeMap<(String, String), BTreeSet<String>>);

impl Users {
    fn of(before: &Structures, after: &Structures) -> Self {
        let mut users: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for all in [before, after] {
            for dataflow in &all.dataflows {
                let name = format!("{}:{}", dataflow.maintainable.agency_id, dataflow.maintainable.id);
                let mut add = |r: &Reference| {
                    users.entry((r.agency.clone(), r.id.clone())).or_default().insert(name.clone());
                };
                add(&dataflow.maintainable.reference());
                let Ok(structure) = dataflow.structure.parse::<Reference>() else { continue };
                add(&structure);
                for component in all.data_structure(&structure).iter().flat_map(|s| s.components()) {
                    if let Some(Representation::Enumeration(urn)) = component.representation
                        && let Ok(list) = urn.parse()
                    {
                        add(&list);
                    }
                    if let Some((scheme, _)) = crate::structure::item_of(component.concept) {
                        add(&scheme);
                    }
                }
            }
            for constraint in &all.data_constraints {
                let reference = (constraint.maintainable.agency_id.clone(), constraint.maintainable.id.clone());
                let dataflows = constraint.constraint_attachment.iter().flat_map(|a| &a.dataflows);
                let names =
                    dataflows.filter_map(|urn| urn.parse::<Reference>().ok()).map(|r| format!("{}:{}", r.agency, r.id));
                users.entry(reference).or_default().extend(names);
            }
        }
        Self(users)
    }
}

/// A comparison as it goes.
struct Run {
    users: Users,
    diff: Diff,
}

impl Run {
    fn add(&mut self, key: &Key, item: &str, what: impl Into<String>, impact: Impact, party: Party) {
        if self.diff.changes.len() >= MAX_CHANGES {
            return;
        }
        let (kind, agency, id) = key;
        let dot = if item.is_empty() { "" } else { "." };
        let place = format!("{} {agency}:{id}{dot}{item}", kind.path());
        let users = self.users.0.get(&(agency.clone(), id.clone()));
        let dataflows = users.into_iter().flatten().cloned().collect();
        self.diff.changes.push(Change { place, what: what.into(), impact, party, dataflows });
    }

    fn labels(&mut self, key: &Key, was: &Maintainable, is: &Maintainable) {
        self.names(key, "", &was.names, &is.names);
        if was.annotation("CORRIDOR") != is.annotation("CORRIDOR") {
            self.add(key, "", "its corridor has other ends", Impact::Breaking, Party::Readers);
        }
    }

    fn names(&mut self, key: &Key, item: &str, was: &crate::structure::Names, is: &crate::structure::Names) {
        if was.name != is.name {
            let what = format!("its name was `{}` and is `{}`", was.name, is.name);
            self.add(key, item, what, Impact::Compatible, Party::Readers);
        } else if was != is {
            self.add(key, item, "its labels changed", Impact::Compatible, Party::Readers);
        }
    }

    /// Whether the version says what happened since the change numbered `first`.
    fn version(&mut self, key: &Key, was: &Maintainable, is: &Maintainable, first: usize) {
        let changes = self.diff.changes.get(first..).unwrap_or_default();
        let Some(worst) = changes.iter().map(|c| c.impact).max() else { return };
        let only_labels = changes.iter().all(|c| c.what.starts_with("its name") || c.what.starts_with("its labels"));
        let numbers = |version: &str| -> Vec<u32> { version.split('.').filter_map(|n| n.parse().ok()).collect() };
        let (old, new) = (numbers(&was.version), numbers(&is.version));
        let rose = |position: usize| new.get(..=position) > old.get(..=position);
        let (enough, needed) = match worst {
            Impact::Breaking | Impact::NeedsMapping => (rose(0), "first"),
            Impact::Compatible if only_labels => (rose(2), "third"),
            Impact::Compatible => (rose(1), "second"),
        };
        if !enough && key.0 != ArtefactKind::AgencyScheme {
            let (kind, agency, id) = key;
            let place = format!("{} {agency}:{id}", kind.path());
            let note =
                format!("{place}: {} to {}, but its changes ask for a higher {needed} number", was.version, is.version);
            self.diff.versions.push(note);
        }
    }
}

#[cfg(test)]
mod tests;
