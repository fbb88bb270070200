//! A private folder for one piece of work: gone when the work ends, and, should its process be killed, when the next one begins.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{DataFolder, StoreError};

/// What the folders' names start with.
const PREFIX: &str = "work-";
/// The file in it that its process holds locked.
const LOCK: &str = "lock";

/// A folder for temporary files; removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Workspace {
    dir: TempDir,
    _lock: File,
}

impl Workspace {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl DataFolder {
    /// Makes a private folder for one piece of work, and removes those whose processes are no more.
    pub fn workspace(&self) -> Result<Workspace, StoreError> {
        self.remove_dead_workspaces()?;
        let stages = self.stages();
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&stages);
        let dir = dir.map_err(|e| StoreError::file("create a folder in", &stages, e))?;
        // It has its name only when it is locked: under that name a lock that nobody holds is a dead process's.
        let (made, path) = (dir.path().join("new"), dir.path().join(LOCK));
        let lock = File::create_new(&made).map_err(|e| StoreError::file("create the lock", &made, e))?;
        lock.try_lock().map_err(|e| StoreError::file("lock", &made, e.into()))?;
        fs::rename(&made, &path).map_err(|e| StoreError::file("create the lock", &path, e))?;
        Ok(Workspace { dir, _lock: lock })
    }

    /// Removes the folders of processes that were killed: nobody holds their locks.
    pub(crate) fn remove_dead_workspaces(&self) -> Result<(), StoreError> {
        let stages = self.stages();
        let entries = fs::read_dir(&stages).map_err(|e| StoreError::file("list", &stages, e))?;
        let named = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
        };
        for dir in entries.flatten().map(|entry| entry.path()).filter(named) {
            // One without a lock is being made now.
            let lock = OpenOptions::new().write(true).open(dir.join(LOCK));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                fs::remove_dir_all(&dir).map_err(|e| StoreError::file("remove", &dir, e))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_workspace_is_removed_and_a_living_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(root.path()).unwrap();
        let living = folder.workspace().unwrap();
        fs::write(living.path().join("figures"), "1").unwrap();
        let dead = folder.stages().join("work-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("figures"), "1").unwrap();
        let next = folder.workspace().unwrap();
        assert!(!dead.exists());
        assert!(living.path().join("figures").exists());
        drop((living, next));
        assert_eq!(fs::read_dir(folder.stages()).unwrap().count(), 0);
    }
}
