//! A node: its folder, database, engine, schema and what it believes of its forum.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chancery_network::NetworkHandle;
use chancery_query::{QueryConfig, QueryEngine};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::language::Languages;
use chancery_schema::{Reference, Structures};
use chancery_store::workspace::Workspace;
use chancery_store::{ArtefactFiles, DataFolder, Store};
use moka::sync::Cache;

use crate::access::{Access, Asker};
use crate::config::NodeConfig;
use crate::error::{Doing as _, Error, Result};
use crate::forum::Trusted;
use crate::held::HeldReleases;
use crate::keyring::Keyring;
use crate::signer::{Confirmations, WitnessMemory};
use crate::sync::OwnPast;

/// How many rows of a dataflow files hold, or why none, by hash and dataflow; and when they were read for that.
type CheckedRows = Cache<(String, String), (Result<u64, String>, Instant)>;

/// Most files whose rows are known to have been checked.
const MAX_CHECKED_ROWS: u64 = 10_000;
/// Most schemas kept: every dataflow in the six languages it has names in.
const MAX_SCHEMAS: u64 = 200;

/// A node, as somebody asks it. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
    /// On whose behalf: anybody's, unless it is said.
    pub(crate) asker: Asker,
}

struct Inner {
    config: NodeConfig,
    folder: DataFolder,
    store: Store,
    files: ArtefactFiles,
    engine: QueryEngine,
    workspace: Workspace,
    structures: Structures,
    trusted: Trusted,
    /// The median of what other states' witnesses say of the time.
    forum_time: AtomicI64,
    /// Which peers know no more of this node's own log than is here.
    confirmations: Mutex<Confirmations>,
    witness_memory: Mutex<WitnessMemory>,
    own_past: Mutex<OwnPast>,
    /// When each peer was asked last for what is missing of each log, and from where it is asked next.
    asked: Mutex<HashMap<(String, String), (Instant, u64)>>,
    checked_rows: CheckedRows,
    /// Another one after the transport key has changed.
    network: RwLock<Option<NetworkHandle>>,
    /// Logs being pulled now: two peers must not feed one log at once.
    pulling: Mutex<HashSet<String>>,
    /// Files whose hash was found right, with the size and time they had then.
    checked_files: Mutex<HashMap<String, (u64, SystemTime)>>,
    access: Access,
    /// Releases as queries need them.
    held: HeldReleases,
    /// Schemas by dataflow and languages.
    schemas: Cache<(Reference, Languages), Arc<DatasetSchema>>,
}

impl Node {
    /// Opens the node in `root` with `config`.
    pub async fn open(root: &Path, config: NodeConfig) -> Result<Self> {
        let folder =
            DataFolder::open(root).or_storage(|| format!("cannot open the data folder `{}`", root.display()))?;
        let url = config.database.url.clone().unwrap_or_else(|| folder.database().to_string_lossy().into_owned());
        let opened = tokio::task::spawn_blocking(move || Store::open(&url)).await;
        let store = opened
            .or_storage(|| "cannot open the database".to_owned())?
            .or_storage(|| "cannot open the database".to_owned())?;
        let workspace = folder.workspace().or_storage(|| "cannot make a folder for temporary files".to_owned())?;
        let engine = QueryEngine::new(&QueryConfig {
            memory_bytes: config.query.memory_mib << 20,
            threads: config.query.threads,
            spill_dir: workspace.path().to_path_buf(),
            time_limit: Duration::from_secs(config.query.time_limit_s),
        });
        let access = Access::load(root, &config.member.id)?;
        let inner = Inner {
            access,
            held: HeldReleases::default(),
            schemas: Cache::new(MAX_SCHEMAS),
            checked_rows: Cache::new(MAX_CHECKED_ROWS),
            files: ArtefactFiles::new(&folder),
            engine: engine.or_storage(|| "cannot start the query engine".to_owned())?,
            structures: chancery_schema::shared::structures()
                .or_storage(|| "the built-in schema is damaged".to_owned())?,
            workspace,
            trusted: Trusted::default(),
            forum_time: AtomicI64::new(0),
            confirmations: Mutex::default(),
            witness_memory: Mutex::default(),
            own_past: Mutex::default(),
            asked: Mutex::default(),
            network: RwLock::default(),
            pulling: Mutex::default(),
            checked_files: Mutex::default(),
            config,
            folder,
            store,
        };
        let node = Self { inner: Arc::new(inner), asker: Asker::default() };
        node.reload_trust().await?;
        Ok(node)
    }

    /// Where files that do not outlive the node are written: private, and removed also after the process was killed.
    pub(crate) fn workspace(&self) -> &Path {
        self.inner.workspace.path()
    }

    /// Configuration.
    pub fn config(&self) -> &NodeConfig {
        &self.inner.config
    }

    /// This member's id.
    pub fn member(&self) -> &str {
        &self.inner.config.member.id
    }

    /// The shared structures.
    pub fn structures(&self) -> &Structures {
        &self.inner.structures
    }

    /// The data folder.
    pub fn folder(&self) -> &DataFolder {
        &self.inner.folder
    }

    /// The key files.
    pub fn keyring(&self) -> Keyring {
        Keyring::new(self.inner.folder.keys())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn files(&self) -> &ArtefactFiles {
        &self.inner.files
    }

    pub(crate) fn engine(&self) -> &QueryEngine {
        &self.inner.engine
    }

    pub(crate) fn held_releases(&self) -> &HeldReleases {
        &self.inner.held
    }

    pub(crate) fn access(&self) -> &Access {
        &self.inner.access
    }

    pub(crate) fn forum_time(&self) -> i64 {
        self.inner.forum_time.load(Ordering::Relaxed)
    }

    pub(crate) fn set_forum_time(&self, time: i64) {
        self.inner.forum_time.store(time, Ordering::Relaxed);
    }

    /// Counts a peer among those who know no more than `size` leaves of this node's own log; returns those peers.
    pub(crate) fn confirmed(&self, size: u64, peer: &str) -> BTreeSet<String> {
        self.inner.confirmations.lock().unwrap_or_else(PoisonError::into_inner).add(size, peer)
    }

    /// What peers say of this node's own log. Not to be held across an `await`.
    pub(crate) fn own_past(&self) -> MutexGuard<'_, OwnPast> {
        self.inner.own_past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by whoever cosigns, or takes up what was cosigned: one at a time. Not across an `await`.
    pub(crate) fn witness_memory(&self) -> MutexGuard<'_, WitnessMemory> {
        self.inner.witness_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From where a peer is to be asked for what is missing of a log; none if it was asked within `pause`.
    pub(crate) fn gaps_from(&self, peer: &str, member: &str, pause: Duration) -> Option<u64> {
        let asked = self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match asked.get(&(peer.to_owned(), member.to_owned())) {
            Some((at, _)) if at.elapsed() < pause => None,
            Some((_, from)) => Some(*from),
            None => Some(0),
        }
    }

    /// Notes that a peer is asked now, and from where next.
    pub(crate) fn gaps_asked(&self, peer: &str, member: &str, next: u64) {
        let mut asked = self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert((peer.to_owned(), member.to_owned()), (Instant::now(), next));
    }

    pub(crate) fn checked_rows(&self) -> &CheckedRows {
        &self.inner.checked_rows
    }

    pub(crate) fn network(&self) -> Option<NetworkHandle> {
        self.inner.network.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_network(&self, network: NetworkHandle) {
        *self.inner.network.write().unwrap_or_else(PoisonError::into_inner) = Some(network);
    }

    /// Unix seconds now.
    pub(crate) fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
    }

    pub(crate) fn trusted(&self) -> &Trusted {
        &self.inner.trusted
    }

    /// A dataflow by what a user calls it.
    pub fn dataset_schema(&self, dataflow: &str) -> Result<DatasetSchema> {
        let reference = self.structures().find_dataflow(dataflow).ok_or_else(|| {
            let known = self.structures().dataflows.iter().map(|d| d.maintainable.id.as_str()).collect::<Vec<_>>();
            Error::not_found(format!("there is no dataflow `{dataflow}`; there are {}", known.join(", ")))
        })?;
        self.schema_of(&reference)
    }

    /// A dataflow's components with their names in some languages, the best of them first; kept, for resolving and translating them
    /// takes longer than reading a series.
    pub fn schema_in(&self, dataflow: &Reference, languages: &Languages) -> Result<Arc<DatasetSchema>> {
        let key = (dataflow.clone(), languages.clone());
        if let Some(known) = self.inner.schemas.get(&key) {
            return Ok(known);
        }
        let schema = Arc::new(self.schema_of(dataflow)?.in_languages(languages));
        self.inner.schemas.insert(key, Arc::clone(&schema));
        Ok(schema)
    }

    pub(crate) fn schema_of(&self, dataflow: &Reference) -> Result<DatasetSchema> {
        self.structures().dataset_schema(dataflow).map_err(|e| Error::not_found(e.to_string()))
    }

    /// Marks a log as being pulled; none if it is already.
    pub(crate) fn pull_guard(&self, member: &str) -> Option<PullGuard> {
        let mut pulling = self.inner.pulling.lock().unwrap_or_else(PoisonError::into_inner);
        pulling.insert(member.to_owned()).then(|| PullGuard { node: self.clone(), member: member.to_owned() })
    }

    /// Whether a file's bytes have its hash. Hashed once, and again whenever size or time of the file change.
    pub(crate) fn file_holds(&self, sha256: &str) -> Result<(), String> {
        let path: PathBuf = self.files().path(sha256);
        let now = std::fs::metadata(&path)
            .and_then(|m| Ok((m.len(), m.modified()?)))
            .map_err(|e| format!("the file is not there: {e}"))?;
        let known = |checked: &HashMap<_, _>| checked.get(sha256) == Some(&now);
        if known(&self.inner.checked_files.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        self.files().verify(sha256).map_err(|e| e.to_string())?;
        self.inner.checked_files.lock().unwrap_or_else(PoisonError::into_inner).insert(sha256.to_owned(), now);
        Ok(())
    }
}

impl Drop for Inner {
    /// What was decided since the last look is kept, also by a command that ends.
    fn drop(&mut self) {
        if let Err(error) = self.access.keep(&self.store) {
            tracing::error!(%error, "cannot keep access decisions");
        }
    }
}

/// Ends the pull of a log when dropped.
pub(crate) struct PullGuard {
    node: Node,
    member: String,
}

impl Drop for PullGuard {
    fn drop(&mut self) {
        self.node.inner.pulling.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.member);
    }
}
