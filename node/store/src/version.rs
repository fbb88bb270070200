//! Whether rows have changed since they were read, without reading any.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::Store;

/// The state of the database's content: another one after each commit that changed something, of whatever process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(i64);

/// A connection that only ever says which version it sees: SQLite counts the commits of all others for each connection by itself.
///
/// The count is asked of SQLite and not read from its files. A process that opens one of them and closes it again gives up, by the rules of
/// POSIX, the locks that its own connections hold on it; the next process then takes the files for nobody's and truncates what the first has
/// mapped (sqlite.org/howtocorrupt.html, 2.2).
#[derive(Clone)]
pub(crate) struct Watcher(Arc<Mutex<SqliteConnection>>);

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

impl Watcher {
    pub(crate) fn new(mut connection: SqliteConnection) -> QueryResult<Self> {
        // Nobody waits for it: who is not told reads the rows.
        connection.batch_execute("PRAGMA busy_timeout = 0; PRAGMA query_only = ON;")?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn version(&self) -> Option<Version> {
        let connection = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted: Counted = diesel::sql_query("PRAGMA data_version").get_result(connection).ok()?;
        Some(Version(counted.data_version))
    }
}

impl Store {
    /// The content's version. None where it cannot be told: PostgreSQL.
    ///
    /// Taken before rows are read, it stands for rows that are at least as new.
    pub fn version(&self) -> Option<Version> {
        self.watcher()?.version()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_of_every_process_makes_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.sqlite").to_string_lossy().into_owned();
        let (ours, theirs) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
        ours.peer_list("forum").unwrap();
        let first = ours.version().unwrap();
        ours.peer_list("forum").unwrap();
        assert_eq!(ours.version().unwrap(), first);
        for (at, store) in [(1, &theirs), (2, &ours), (3, &theirs)] {
            let before = ours.version().unwrap();
            store.peer_seen("forum", "MEX", at).unwrap();
            assert_ne!(ours.version().unwrap(), before, "{at}");
        }
    }

    /// Whether this process holds a lock on a file.
    #[cfg(target_os = "linux")]
    fn locked(path: &str) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let (inode, own) = (std::fs::metadata(path).unwrap().ino().to_string(), std::process::id().to_string());
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| {
            // `1: POSIX ADVISORY READ 4711 fd:00:123 128 128`
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(4) == Some(&own.as_str()) && words.get(5).and_then(|id| id.rsplit(':').next()) == Some(&inode)
        })
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn to_ask_for_the_version_gives_up_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.sqlite").to_string_lossy().into_owned();
        let store = Store::open(&path).unwrap();
        store.peer_list("forum").unwrap();
        let index = format!("{path}-shm");
        assert!(locked(&index), "SQLite locks its index as long as it is connected");
        store.version().unwrap();
        assert!(locked(&index), "without its lock, the next process truncates the index under this one's feet");
    }
}
