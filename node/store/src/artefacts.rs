//! Artefact files: `artefacts/ab/<sha256>.parquet`. Written to `tmp/`, synced, renamed: a name never holds half a file.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use crate::StoreError;
use crate::folder::DataFolder;

/// Of artefact files.
const EXTENSION: &str = "parquet";

/// The files of a data folder.
#[derive(Debug, Clone)]
pub struct ArtefactFiles {
    folder: DataFolder,
}

impl ArtefactFiles {
    /// The files in `folder`.
    pub fn new(folder: &DataFolder) -> Self {
        Self { folder: folder.clone() }
    }

    /// Where the file with this hash is, or would be. What is no hash names no file, and nothing outside the folder.
    pub fn path(&self, sha256: &str) -> PathBuf {
        let sha256 = if is_hash(sha256) { sha256 } else { "none" };
        let prefix = sha256.get(..2).unwrap_or(sha256);
        self.folder.artefacts().join(prefix).join(format!("{sha256}.{EXTENSION}"))
    }

    /// Whether the file is there with the right size.
    pub fn has(&self, sha256: &str, bytes: u64) -> bool {
        fs::metadata(self.path(sha256)).is_ok_and(|m| m.len() == bytes)
    }

    /// A file to write into; removed unless committed.
    pub fn temporary(&self) -> Result<NamedTempFile, StoreError> {
        let dir = self.folder.temporary();
        NamedTempFile::new_in(&dir).map_err(|e| StoreError::file("create a file in", &dir, e))
    }

    /// Makes a written file permanent under its hash. Fails if its bytes have another.
    pub fn commit(&self, temporary: TempPath, sha256: &str) -> Result<PathBuf, StoreError> {
        let found = sha256_of(&temporary)?;
        if found != sha256 {
            return Err(StoreError::Hash { path: temporary.to_path_buf(), expected: sha256.to_owned(), found });
        }
        let path = self.path(sha256);
        let dir = path.parent().unwrap_or(&path).to_path_buf();
        fs::create_dir_all(&dir).map_err(|e| StoreError::file("create the folder", &dir, e))?;
        File::open(&temporary).and_then(|f| f.sync_all()).map_err(|e| StoreError::file("sync", &temporary, e))?;
        temporary.persist(&path).map_err(|e| StoreError::file("rename to", &path, e.error))?;
        // Without this the new name can be lost in a power cut although the database already refers to it.
        for dir in [dir.as_path(), &self.folder.artefacts()] {
            File::open(dir).and_then(|f| f.sync_all()).map_err(|e| StoreError::file("sync", dir, e))?;
        }
        Ok(path)
    }

    /// Removes files that `referenced` does not know and that are older than `age`: a file is there before the row that refers to it.
    /// Returns how many.
    pub fn remove_unreferenced(
        &self,
        age: Duration,
        referenced: impl Fn(&str) -> Result<bool, StoreError>,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for path in list(&self.folder.artefacts())?.iter().map(|dir| list(dir)).collect::<Result<Vec<_>, _>>()?.concat()
        {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let modified =
                fs::metadata(&path).and_then(|m| m.modified()).map_err(|e| StoreError::file("read", &path, e))?;
            let old = modified.elapsed().is_ok_and(|found| found >= age);
            if old && is_hash(name) && path == self.path(name) && !referenced(name)? {
                fs::remove_file(&path).map_err(|e| StoreError::file("remove", &path, e))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Hashes the stored file and compares.
    pub fn verify(&self, sha256: &str) -> Result<(), StoreError> {
        let path = self.path(sha256);
        let found = sha256_of(&path)?;
        if found == sha256 { Ok(()) } else { Err(StoreError::Hash { path, expected: sha256.to_owned(), found }) }
    }
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is in a folder; nothing if it is no folder.
fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).map_err(|e| StoreError::file("list", dir, e))?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(|e| StoreError::file("list", dir, e))).collect()
}

/// SHA-256 of a file, hexadecimal.
pub fn sha256_of(path: &Path) -> Result<String, StoreError> {
    let mut file = File::open(path).map_err(|e| StoreError::file("open", path, e))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(hasher.finalize())),
            Ok(n) => hasher.update(buffer.get(..n).unwrap_or_default()),
            Err(e) => return Err(StoreError::file("read", path, e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_the_right_bytes_get_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let files = ArtefactFiles::new(&folder);
        let sha256 = hex::encode(Sha256::digest(b"figures"));
        for (bytes, ok) in [(b"figures".as_slice(), true), (b"fogures", false)] {
            let mut file = files.temporary().unwrap();
            file.write_all(bytes).unwrap();
            assert_eq!(files.commit(file.into_temp_path(), &sha256).is_ok(), ok);
        }
        assert!(files.has(&sha256, 7) && !files.has(&sha256, 8));
        files.verify(&sha256).unwrap();
        fs::write(files.path(&sha256), "f1gures").unwrap();
        assert!(matches!(files.verify(&sha256), Err(StoreError::Hash { .. })));
        assert_eq!(fs::read_dir(folder.temporary()).unwrap().count(), 0);
    }

    #[test]
    fn only_unreferenced_files_are_removed_and_no_name_leads_outside() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let files = ArtefactFiles::new(&folder);
        let put = |text: &[u8]| {
            let mut file = files.temporary().unwrap();
            file.write_all(text).unwrap();
            let sha256 = hex::encode(Sha256::digest(text));
            files.commit(file.into_temp_path(), &sha256).unwrap();
            sha256
        };
        let (kept, lost) = (put(b"kept"), put(b"lost"));
        let other = folder.artefacts().join(&lost[..2]).join("notes.txt");
        fs::write(&other, "not ours").unwrap();
        let is_kept = |name: &str| Ok(name == kept);
        assert_eq!(files.remove_unreferenced(Duration::from_secs(3600), is_kept).unwrap(), 0);
        assert_eq!(files.remove_unreferenced(Duration::ZERO, is_kept).unwrap(), 1);
        assert!(files.has(&kept, 4) && !files.path(&lost).exists() && other.exists());
        for name in ["../../keys/authority", "/etc/passwd", "", "\u{e9}\u{e9}", &kept.to_uppercase()] {
            assert_eq!(files.path(name), folder.artefacts().join("no").join("none.parquet"));
        }
    }
}
