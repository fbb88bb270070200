//! The releases of a dataflow with their files, as queries need them. Kept while the database has not changed, for the queries of one second:
//! most are of the same few dataflows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_query::Source;
use chancery_store::Version;
use chancery_store::releases::{ReleaseRow, ReleaseSelection};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// A release and its files.
pub(crate) struct HeldRelease {
    pub(crate) row: ReleaseRow,
    artefacts: Vec<PathBuf>,
}

/// Of releases whose time had come by `at` (unix seconds), those in force then for one who may do with a release what `may` says: of each member and
/// dataflow the newest of those, unless it was withdrawn by then. One that is not for an asker replaces nothing for that asker, or what is there would show that there is another.
pub(crate) fn in_force<T>(
    all: &[T],
    row: impl Fn(&T) -> &ReleaseRow,
    at: i64,
    may: impl Fn(&ReleaseRow) -> bool,
) -> Vec<&T> {
    let mut newest_first: Vec<(usize, &ReleaseRow)> = all.iter().map(&row).enumerate().collect();
    newest_first.sort_by_key(|(_, row)| std::cmp::Reverse(row.position));
    let (mut found, mut chosen) = (HashSet::new(), HashSet::new());
    for (index, row) in newest_first {
        let series = (&row.member, &row.dataflow);
        if !found.contains(&series) && may(row) {
            found.insert(series);
            if row.withdrawn_at.is_none_or(|withdrawn| withdrawn > at) {
                chosen.insert(index);
            }
        }
    }
    all.iter().enumerate().filter(|(index, _)| chosen.contains(index)).map(|(_, one)| one).collect()
}

impl HeldRelease {
    pub(crate) fn source(&self) -> Source {
        Source { release: self.row.id.clone(), artefacts: self.artefacts.clone() }
    }
}

/// What was read, when, and at which version of the database.
struct Read {
    at: i64,
    version: Version,
    releases: Arc<Vec<HeldRelease>>,
}

/// Of each dataflow what was read last.
#[derive(Default)]
pub(crate) struct HeldReleases(Mutex<HashMap<String, Read>>);

impl HeldReleases {
    fn get(&self, dataflow: &str, at: i64, version: &Version) -> Option<Arc<Vec<HeldRelease>>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = held.get(dataflow).filter(|read| read.at == at && read.version == *version)?;
        Some(Arc::clone(&read.releases))
    }

    fn put(&self, dataflow: &str, read: Read) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(dataflow.to_owned(), read);
    }
}

impl Node {
    /// The releases of a dataflow of the schema whose time had come at a time: for whom which are in force [`in_force`] says.
    pub(crate) async fn held(&self, dataflow: &str, at: i64) -> Result<Arc<Vec<HeldRelease>>> {
        let version = self.store().version();
        if let Some(known) = version.as_ref().and_then(|version| self.held_releases().get(dataflow, at, version)) {
            return Ok(known);
        }
        let releases = Arc::new(self.read_held(dataflow, at).await?);
        if let Some(version) = version.filter(|_| at == self.now()) {
            self.held_releases().put(dataflow, Read { at, version, releases: Arc::clone(&releases) });
        }
        Ok(releases)
    }

    async fn read_held(&self, dataflow: &str, at: i64) -> Result<Vec<HeldRelease>> {
        let Ok(trust) = self.trust() else { return Ok(Vec::new()) };
        let forum = trust.forum().to_owned();
        let selection = ReleaseSelection {
            dataflow: Some(dataflow.to_owned()),
            begun_at: Some(at),
            embargo_at: Some(self.access_now()),
            ..ReleaseSelection::default()
        };
        let rows = self.store().run(move |s| s.release_list(&forum, &selection)).await;
        let rows = rows.or_storage(|| "cannot read the releases".to_owned())?;
        let mut files: BTreeMap<String, Vec<PathBuf>> =
            self.sources(&rows).await?.into_iter().map(|source| (source.release, source.artefacts)).collect();
        let held = |row: ReleaseRow| HeldRelease { artefacts: files.remove(&row.id).unwrap_or_default(), row };
        Ok(rows.into_iter().map(held).collect())
    }

    /// The files of the releases in force that were not among `known`, which they are from now on: newest first.
    pub(crate) async fn new_sources(&self, known: &mut HashSet<String>) -> Result<Vec<Source>> {
        let failed = || "cannot read the releases".to_owned();
        let forum = self.trust()?.forum().to_owned();
        let selection = ReleaseSelection {
            in_force_at: Some(self.now()),
            embargo_at: Some(self.access_now()),
            ..ReleaseSelection::default()
        };
        let ids = self.store().run(move |s| s.release_ids(&forum, &selection)).await.or_storage(failed)?;
        let new: Vec<String> = ids.iter().filter(|id| !known.contains(*id)).cloned().collect();
        *known = ids.into_iter().collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = new.clone();
        let files = self.store().run(move |s| s.release_artefact_list(&wanted)).await.or_storage(failed)?;
        let mut artefacts: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for file in files {
            artefacts.entry(file.release).or_default().push(self.files().path(&file.sha256));
        }
        let source = |release: String| Source { artefacts: artefacts.remove(&release).unwrap_or_default(), release };
        Ok(new.into_iter().map(source).collect())
    }

    /// Reads now what queries of some releases will be answered from.
    pub(crate) async fn prepare(&self, sources: Vec<Source>) -> Result<()> {
        self.engine().prepare(&sources).await.map_err(|failure| Error::Storage {
            what: "cannot prepare for queries".to_owned(),
            cause: Some(Box::new(failure)),
        })
    }
}
