//! Whether rows have changed since they were read, without asking the database.

use std::fs::File;
use std::io::Read as _;

use crate::Store;

/// Length of the header of SQLite's index of its log (sqlite.org/walformat.html, 4.1): it has a counter of transactions, and the sums of
/// what was written.
const HEADER_BYTES: usize = 48;

/// The state of the database's content: another one after each commit that changed something, of whatever process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version([u8; HEADER_BYTES]);

impl Store {
    /// The content's version. None where it cannot be told: PostgreSQL, or SQLite before anything was read.
    ///
    /// Taken before rows are read, it stands for rows that are at least as new.
    pub fn version(&self) -> Option<Version> {
        let mut header = [0; HEADER_BYTES];
        // Opened each time: SQLite removes the file with its last connection, and makes another.
        File::open(self.index()?).and_then(|mut file| file.read_exact(&mut header)).ok()?;
        Some(Version(header))
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
        // A row that is written as it was is not written, and makes no other version.
        for (at, store) in [(1, &theirs), (2, &ours), (3, &theirs)] {
            let before = ours.version().unwrap();
            store.peer_seen("forum", "MEX", at).unwrap();
            assert_ne!(ours.version().unwrap(), before, "{at}");
        }
    }
}
