//! The append-only Merkle log of one member in one forum (RFC 6962 tree, stored hashes as in C2SP tlog).

use std::cell::RefCell;

use sha2::{Digest, Sha256};
use tlog_tiles::tlog;
pub use tlog_tiles::tlog::Hash;

use crate::audience::Audience;
use crate::record::RecordKind;

/// Most leaves a log may have: bounds the arithmetic on sizes that peers send.
pub const MAX_LEAVES: u64 = 1 << 40;
/// Longest proof that makes sense for [`MAX_LEAVES`].
pub const MAX_PROOF: usize = 128;

/// Why a log operation failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reading stored hashes failed.
    #[error("cannot read the log's stored hashes: {0}")]
    Read(String),
    /// A size or index is out of range.
    #[error("leaf {index} of a log of {size} leaves does not exist")]
    Range {
        /// The index or smaller size.
        index: u64,
        /// The size.
        size: u64,
    },
    /// The leaf is not in the tree.
    #[error("the inclusion proof of leaf {index} in a log of {size} leaves does not hold")]
    Inclusion {
        /// The index.
        index: u64,
        /// The size.
        size: u64,
    },
    /// The tree does not extend the other.
    #[error("the log of {new} leaves does not extend the one of {old} leaves held before: history was rewritten")]
    Consistency {
        /// The smaller size.
        old: u64,
        /// The larger size.
        new: u64,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(String),
}

/// Where stored hashes are read from, by their stored-hash index.
pub trait HashStore {
    /// The hashes at `indexes`, in that order; fails if one is missing.
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError>;
}

/// Gives `tlog_tiles` the store's hashes. Its error type cannot carry ours, so the cause is kept beside.
pub(crate) struct Reader<'a> {
    store: &'a dyn HashStore,
    cause: RefCell<Option<LogError>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn run<T>(
        store: &'a dyn HashStore,
        work: impl FnOnce(&Self) -> Result<T, tlog::Error>,
    ) -> Result<T, LogError> {
        let reader = Self { store, cause: RefCell::new(None) };
        work(&reader).map_err(|e| reader.cause.take().unwrap_or_else(|| LogError::Read(e.to_string())))
    }
}

impl tlog::HashReader for Reader<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        let read = self.store.read(indexes).and_then(|hashes| {
            // `tlog_tiles` panics on an answer of another length.
            let (found, asked) = (hashes.len(), indexes.len());
            if found == asked { Ok(hashes) } else { Err(LogError::Read(format!("{found} hashes for {asked} asked"))) }
        });
        read.map_err(|cause| {
            self.cause.replace(Some(cause));
            tlog::Error::IndexesNotInTree
        })
    }
}

/// A leaf's bytes: `chancery/leaf/v1`, kind, audience label and record id, a line each.
///
/// For a record that is not public, the id's line is instead the hexadecimal SHA-256 of `salt` and the id's hexadecimal
/// text, so that the log tells outsiders nothing they could guess. The salt travels beside the record.
pub fn leaf(kind: RecordKind, audience: &Audience, record_id: &str, salt: Option<&[u8; 32]>) -> Vec<u8> {
    let committed = match salt {
        None => record_id.to_owned(),
        Some(salt) => {
            let mut hasher = Sha256::new();
            hasher.update(salt);
            hasher.update(record_id.as_bytes());
            hex::encode(hasher.finalize())
        }
    };
    format!("chancery/leaf/v1\n{}\n{}\n{committed}\n", kind.as_str(), audience.label()).into_bytes()
}

/// A new random salt.
pub fn new_salt() -> Result<[u8; 32], LogError> {
    let mut salt = [0u8; 32];
    getrandom::fill(&mut salt).map_err(|e| LogError::Randomness(e.to_string()))?;
    Ok(salt)
}

/// The hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    tlog::record_hash(leaf)
}

/// How many hashes a log of `size` leaves stores; a size over [`MAX_LEAVES`] counts as that.
pub fn stored_count(size: u64) -> u64 {
    tlog::stored_hash_count(size.min(MAX_LEAVES))
}

/// The index at which the hash of leaf `index` is stored; an index over [`MAX_LEAVES`] counts as that.
pub fn stored_leaf_index(index: u64) -> u64 {
    tlog::stored_hash_index(0, index.min(MAX_LEAVES))
}

/// A log's hashes, over a store.
pub struct Tree<'a>(pub &'a dyn HashStore);

/// Hashes to be stored by an append, and the tree they make.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// Leaves after the append.
    pub size: u64,
    /// Root after the append.
    pub root: Hash,
    /// Stored-hash index of the first of `hashes`.
    pub first: u64,
    /// The new stored hashes, in order.
    pub hashes: Vec<Hash>,
}

struct Overlay<'a> {
    below: &'a dyn HashStore,
    first: u64,
    hashes: Vec<Hash>,
}

impl HashStore for Overlay<'_> {
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        let old: Vec<u64> = indexes.iter().copied().filter(|i| *i < self.first).collect();
        let mut below = if old.is_empty() { Vec::new() } else { self.below.read(&old)? }.into_iter();
        let missing = |i: u64| LogError::Read(format!("hash {i} is missing"));
        indexes
            .iter()
            .map(|&i| match i.checked_sub(self.first) {
                None => below.next().ok_or_else(|| missing(i)),
                Some(offset) => self.hashes.get(offset as usize).copied().ok_or_else(|| missing(i)),
            })
            .collect()
    }
}

impl Tree<'_> {
    /// What appending `leaves` to a log of `size` leaves stores, and the root that results. Nothing is written.
    pub fn append(&self, size: u64, leaves: &[Hash]) -> Result<Appended, LogError> {
        let count = leaves.len() as u64;
        if size.saturating_add(count) > MAX_LEAVES {
            return Err(LogError::Range { index: size, size: MAX_LEAVES });
        }
        let mut overlay = Overlay { below: self.0, first: stored_count(size), hashes: Vec::new() };
        for (offset, hash) in leaves.iter().enumerate() {
            let index = size + offset as u64;
            let new = Reader::run(&overlay, |reader| tlog::stored_hashes_for_record_hash(index, *hash, reader))?;
            overlay.hashes.extend(new);
        }
        let size = size + count;
        let root = Tree(&overlay).root(size)?;
        Ok(Appended { size, root, first: overlay.first, hashes: overlay.hashes })
    }

    /// The root of the first `size` leaves.
    pub fn root(&self, size: u64) -> Result<Hash, LogError> {
        if size == 0 {
            return Ok(empty_root());
        }
        if size > MAX_LEAVES {
            return Err(LogError::Range { index: size, size: MAX_LEAVES });
        }
        Reader::run(self.0, |reader| tlog::tree_hash(size, reader))
    }

    /// The proof that leaf `index` is in the first `size` leaves.
    pub fn prove_inclusion(&self, size: u64, index: u64) -> Result<Vec<Hash>, LogError> {
        if index >= size || size > MAX_LEAVES {
            return Err(LogError::Range { index, size });
        }
        Reader::run(self.0, |reader| tlog::prove_record(size, index, reader))
    }

    /// The proof that the first `new` leaves extend the first `old`.
    pub fn prove_consistency(&self, new: u64, old: u64) -> Result<Vec<Hash>, LogError> {
        if old > new || new > MAX_LEAVES {
            return Err(LogError::Range { index: old, size: new });
        }
        if old == 0 || old == new {
            return Ok(Vec::new());
        }
        Reader::run(self.0, |reader| tlog::prove_tree(new, old, reader))
    }
}

/// The root of a log without leaves: the hash of nothing (RFC 6962, 2.1).
pub fn empty_root() -> Hash {
    Hash(Sha256::digest(b"").into())
}

/// Checks that the leaf with `hash` is leaf `index` of the tree of `size` leaves with `root`.
pub fn check_inclusion(proof: &[Hash], size: u64, root: Hash, index: u64, hash: Hash) -> Result<(), LogError> {
    if index >= size || size > MAX_LEAVES || proof.len() > MAX_PROOF {
        return Err(LogError::Range { index, size });
    }
    tlog::check_record(&proof.to_vec(), size, root, index, hash).map_err(|_| LogError::Inclusion { index, size })
}

/// Checks that the tree of `new` leaves extends that of `old`.
pub fn check_consistency(proof: &[Hash], new: u64, new_root: Hash, old: u64, old_root: Hash) -> Result<(), LogError> {
    let refuse = || LogError::Consistency { old, new };
    if old > new || new > MAX_LEAVES || proof.len() > MAX_PROOF || (new == 0 && new_root != empty_root()) {
        return Err(refuse());
    }
    if old == 0 {
        return if proof.is_empty() && old_root == empty_root() { Ok(()) } else { Err(refuse()) };
    }
    if old == new {
        return if proof.is_empty() && old_root == new_root { Ok(()) } else { Err(refuse()) };
    }
    tlog::check_tree(&proof.to_vec(), new, new_root, old, old_root).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Memory(Vec<Hash>);

    impl HashStore for Memory {
        fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
            indexes.iter().map(|i| self.0.get(*i as usize).copied().ok_or(LogError::Read("missing".into()))).collect()
        }
    }

    #[test]
    fn a_batch_is_the_same_as_single_appends() {
        let hashes: Vec<Hash> = (0..37).map(|i| leaf_hash(format!("{i}").as_bytes())).collect();
        let store = Memory::default();
        let batch = Tree(&store).append(0, &hashes).unwrap();
        let mut one_by_one = Memory::default();
        for (i, hash) in hashes.iter().enumerate() {
            let new = Tree(&one_by_one).append(i as u64, &[*hash]).unwrap().hashes;
            one_by_one.0.extend(new);
        }
        assert_eq!(batch.hashes, one_by_one.0);
    }
}
