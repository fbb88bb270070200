//! The signer's marks: files beside the database that say how far this node's log was signed, and how far its witness has cosigned the others', and
//! on which file each was written.
//!
//! A database put back from a backup has fewer leaves than the mark says; a whole folder put back, or copied, has a mark that is
//! another file than the one it names. Either way this node may have signed more than it knows, and must ask its peers first. A folder
//! without a mark may be a new one to which old keys were brought: only `init` marks that its keys have never signed.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::folder::DataFolder;

/// What a mark is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// This node's log: how many leaves its head has.
    Log,
    /// The heads of others that its witness has cosigned: how many leaves they have together.
    Witness,
}

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerMark {
    /// Forum id.
    pub forum: String,
    /// How far was signed: see [`Signed`].
    pub size: u64,
    /// The mark's own file.
    file: String,
}

/// What the folder says of its own past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// This is the folder that signed last, and its log is no shorter than it was.
    Unbroken,
    /// Nobody knows what was signed with the keys in this folder.
    Unmarked,
    /// The folder was put back or copied.
    Copied,
    /// More was signed than is known: so far.
    Shorter(u64),
}

impl DataFolder {
    fn signer_mark(&self, of: Signed) -> PathBuf {
        self.root().join(match of {
            Signed::Log => "signer.mark",
            Signed::Witness => "witness.mark",
        })
    }

    /// Marks that nothing was ever signed with the keys in this folder, which were made just now.
    pub fn signer_new(&self) -> Result<(), StoreError> {
        for of in [Signed::Log, Signed::Witness] {
            if !self.signer_mark(of).exists() {
                self.mark(of, "", 0, true)?;
            }
        }
        Ok(())
    }

    /// Marks that this node has signed so far, or has learnt from its peers that it signed no further.
    pub fn signer_mark_put(&self, of: Signed, forum: &str, size: u64) -> Result<(), StoreError> {
        self.mark(of, forum, size, true)
    }

    /// Marks that this node's witness has cosigned so far, whatever the mark said before: the peers know of no more.
    pub fn witness_mark_renew(&self, forum: &str, size: u64) -> Result<(), StoreError> {
        let path = self.signer_mark(Signed::Witness);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::file("renew the witness's mark", &path, e))
            }
            _ => self.mark(Signed::Witness, forum, size, true),
        }
    }

    /// Marks that this node has signed so far at least, and perhaps further.
    pub fn signer_doubt_put(&self, of: Signed, forum: &str, size: u64) -> Result<(), StoreError> {
        self.mark(of, forum, size, false)
    }

    fn mark(&self, of: Signed, forum: &str, size: u64, settled: bool) -> Result<(), StoreError> {
        let path = self.signer_mark(of);
        let failed = |e| StoreError::file("write the signer's mark", &path, e);
        let before = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<SignerMark>(&bytes).ok());
        // What was signed once stays signed: another process may have learnt of more.
        let size = before.filter(|mark| mark.forum == forum).map_or(size, |mark| mark.size.max(size));
        let mut file = tempfile::NamedTempFile::new_in(self.root()).map_err(failed)?;
        let file_id = if settled { identity(file.as_file()).map_err(failed)? } else { String::new() };
        let mark = SignerMark { forum: forum.to_owned(), size, file: file_id };
        let bytes = serde_json::to_vec(&mark).map_err(|e| failed(e.into()))?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        File::open(self.root()).and_then(|dir| dir.sync_all()).map_err(failed)
    }

    /// How far the mark says that was signed; none if it says nothing of the forum.
    pub fn signer_mark_size(&self, of: Signed, forum: &str) -> Result<Option<u64>, StoreError> {
        let path = self.signer_mark(of);
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|e| StoreError::file("read the signer's mark", &path, e))?,
        };
        let mark = serde_json::from_slice::<SignerMark>(&bytes).ok();
        Ok(mark.filter(|mark| mark.forum == forum).map(|mark| mark.size))
    }

    /// What the mark says, when as far as `size` is known now.
    pub fn continuity(&self, of: Signed, forum: &str, size: u64) -> Result<Continuity, StoreError> {
        let path = self.signer_mark(of);
        let failed = |e| StoreError::file("read the signer's mark", &path, e);
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Continuity::Unmarked),
            read => read.map_err(failed)?,
        };
        let Ok(mark) = serde_json::from_slice::<SignerMark>(&bytes) else { return Ok(Continuity::Copied) };
        let found = File::open(&path).and_then(|file| identity(&file)).map_err(failed)?;
        Ok(match mark {
            mark if mark.forum.is_empty() && size == 0 && mark.file == found => Continuity::Unbroken,
            mark if mark.forum != forum => Continuity::Unmarked,
            mark if mark.size > size => Continuity::Shorter(mark.size),
            mark if mark.file != found => Continuity::Copied,
            _ => Continuity::Unbroken,
        })
    }
}

/// What tells a file from a copy of it: where it is on which disk, and when it was made.
fn identity(file: &File) -> std::io::Result<String> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    let place = {
        use std::os::unix::fs::MetadataExt as _;
        format!("{}:{}", metadata.dev(), metadata.ino())
    };
    #[cfg(not(unix))]
    let place = String::new();
    let born = metadata.created().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    Ok(format!("{place}:{}", born.map_or(0, |d| d.as_nanos())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_back_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(root.path()).unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 0).unwrap(), Continuity::Unmarked);
        folder.signer_new().unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 0).unwrap(), Continuity::Unbroken);
        assert_eq!(folder.continuity(Signed::Witness, "f", 0).unwrap(), Continuity::Unbroken);
        folder.signer_mark_put(Signed::Witness, "f", 9).unwrap();
        assert_eq!(folder.continuity(Signed::Witness, "f", 5).unwrap(), Continuity::Shorter(9));
        assert_eq!(folder.signer_mark_size(Signed::Witness, "f").unwrap(), Some(9));
        assert_eq!(folder.signer_mark_size(Signed::Witness, "g").unwrap(), None);
        folder.witness_mark_renew("f", 5).unwrap();
        assert_eq!(folder.continuity(Signed::Witness, "f", 5).unwrap(), Continuity::Unbroken);
        assert_eq!(folder.continuity(Signed::Log, "f", 1).unwrap(), Continuity::Unmarked);
        folder.signer_mark_put(Signed::Log, "f", 7).unwrap();
        folder.signer_new().unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 7).unwrap(), Continuity::Unbroken);
        assert_eq!(folder.continuity(Signed::Log, "f", 8).unwrap(), Continuity::Unbroken);
        assert_eq!(folder.continuity(Signed::Log, "f", 6).unwrap(), Continuity::Shorter(7));
        assert_eq!(folder.continuity(Signed::Log, "g", 6).unwrap(), Continuity::Unmarked);
        let path = folder.signer_mark(Signed::Log);
        fs::copy(&path, path.with_extension("copy")).unwrap();
        fs::rename(path.with_extension("copy"), &path).unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 7).unwrap(), Continuity::Copied);
        folder.signer_mark_put(Signed::Log, "f", 7).unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 7).unwrap(), Continuity::Unbroken);
        folder.signer_doubt_put(Signed::Log, "f", 9).unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 8).unwrap(), Continuity::Shorter(9));
        assert_eq!(folder.continuity(Signed::Log, "f", 9).unwrap(), Continuity::Copied);
        folder.signer_mark_put(Signed::Log, "f", 8).unwrap();
        assert_eq!(
            folder.continuity(Signed::Log, "f", 8).unwrap(),
            Continuity::Shorter(9),
            "what was signed stays signed"
        );
        assert_eq!(folder.continuity(Signed::Log, "f", 9).unwrap(), Continuity::Unbroken);
        fs::write(&path, "{").unwrap();
        assert_eq!(folder.continuity(Signed::Log, "f", 7).unwrap(), Continuity::Copied);
    }
}
