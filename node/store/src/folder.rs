//! The data folder: its layout and its locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// A node's data folder.
///
/// ```text
/// chancery.toml     configuration
/// keys/             key files
/// node.sqlite       rows
/// artefacts/ab/…    published files, named by their SHA-256
/// stages/           private: what is imported and not published
/// tmp/              files being written
/// ```
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

/// Which work is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusive {
    /// Serving: one process.
    Serve,
    /// Changing what this member publishes: one process at a time, beside the one that serves.
    Publish,
}

/// A held lock; released when dropped, also when the process dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl DataFolder {
    /// Opens the folder, making what is missing of its layout. The private parts are for the owner only.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let folder = Self { root: root.to_path_buf() };
        for dir in [folder.root.clone(), folder.artefacts(), folder.stages(), folder.temporary(), folder.keys()] {
            fs::create_dir_all(&dir).map_err(|e| StoreError::file("create the folder", &dir, e))?;
        }
        for dir in [folder.stages(), folder.keys()] {
            private(&dir)?;
        }
        Ok(folder)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Published files.
    pub fn artefacts(&self) -> PathBuf {
        self.root.join("artefacts")
    }

    /// Private stages.
    pub fn stages(&self) -> PathBuf {
        self.root.join("stages")
    }

    /// Files being written.
    pub fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Key files.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The SQLite database.
    pub fn database(&self) -> PathBuf {
        self.root.join("node.sqlite")
    }

    /// Takes a lock, or says who holds it.
    pub fn lock(&self, what: Exclusive) -> Result<FolderLock, StoreError> {
        let name = match what {
            Exclusive::Serve => "serve.lock",
            Exclusive::Publish => "publish.lock",
        };
        let path = self.root.join(name);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|e| StoreError::file("open the lock", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(StoreError::Locked { path, holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::file("lock", &path, e)),
        }
        let write = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        write.map_err(|e| StoreError::file("write the lock", &path, e))?;
        if what == Exclusive::Serve {
            self.remove_leftovers()?;
            self.remove_dead_workspaces()?;
        }
        Ok(FolderLock { _file: file })
    }

    /// Removes what a killed process left half-written. Files younger than an hour may belong to another process.
    fn remove_leftovers(&self) -> Result<(), StoreError> {
        const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
        let dir = self.temporary();
        for entry in fs::read_dir(&dir).map_err(|e| StoreError::file("list", &dir, e))?.flatten() {
            let age = entry.metadata().ok().and_then(|m| m.modified().ok()).and_then(|t| t.elapsed().ok());
            if age.is_some_and(|age| age > HOUR) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn private(dir: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(|e| StoreError::file("protect", dir, e))
}

#[cfg(not(unix))]
fn private(_dir: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let held = folder.lock(Exclusive::Serve).unwrap();
        let error = folder.lock(Exclusive::Serve).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        folder.lock(Exclusive::Publish).unwrap();
        drop(held);
        folder.lock(Exclusive::Serve).unwrap();
    }
}
