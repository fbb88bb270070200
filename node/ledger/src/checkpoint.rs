//! Checkpoints: a log's signed head, as C2SP tlog-checkpoint in a C2SP signed note.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signed_note::{Note, Signer, Verifier, VerifierList};
use tlog_tiles::checkpoint::Checkpoint as CheckpointBody;
use tlog_tiles::tlog::Hash;

use crate::audience::excerpt;
use crate::keys::{KeyPair, PublicKey};
use crate::log::MAX_LEAVES;

/// Longest checkpoint note, in bytes: a head and the cosignatures of a large forum.
pub const MAX_BYTES: usize = 32 << 10;

/// A log's head.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Which log: [`origin`].
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Too long.
    #[error("{0} bytes, more than {MAX_BYTES}")]
    TooLong(usize),
    /// Not a signed note, or not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(String),
    /// Of another log.
    #[error("the checkpoint is of the log `{found}`, expected `{expected}`")]
    Origin {
        /// What it says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// None of the keys signed it.
    #[error("no delegated log key signed the checkpoint of `{0}`")]
    NotSigned(String),
}

/// What every log's name begins with.
pub(crate) const ORIGIN_PREFIX: &str = "chancery/";

/// The name of a member's log in a forum.
pub fn origin(forum: &str, member: &str) -> String {
    format!("{ORIGIN_PREFIX}{forum}/{member}")
}

struct NoteKey<'a> {
    name: &'a str,
    key: PublicKey,
}

impl Verifier for NoteKey<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn key_id(&self) -> u32 {
        note_key_id(self.name, &self.key)
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(message, signature)
    }
}

struct NoteSigner<'a> {
    name: &'a str,
    key: &'a KeyPair,
}

impl Signer for NoteSigner<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn key_id(&self) -> u32 {
        note_key_id(self.name, &self.key.public())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ed25519_dalek::SignatureError> {
        Ok(self.key.sign(message).to_vec())
    }
}

/// Key id of an Ed25519 note key: type byte 0x01 before the key (C2SP signed-note).
fn note_key_id(name: &str, key: &PublicKey) -> u32 {
    signed_note::key_id(name, &[&[1u8], key.as_bytes().as_slice()].concat())
}

/// A log key's verifier key, as signed-note's tools read it.
pub fn verifier_key(name: &str, key: &PublicKey) -> String {
    vkey(name, note_key_id(name, key), 1, key)
}

/// `name+id+base64(algorithm, key)` (C2SP signed-note).
pub(crate) fn vkey(name: &str, id: u32, algorithm: u8, key: &PublicKey) -> String {
    let bytes = [&[algorithm], key.as_bytes().as_slice()].concat();
    format!("{name}+{id:08x}+{}", STANDARD.encode(bytes))
}

/// Whether `a` and `b` prove that the log `origin` was forked: both signed, of one size, with different roots.
pub fn contradict(a: &str, b: &str, origin: &str, keys: &[PublicKey]) -> Result<bool, CheckpointError> {
    let (a, b) = (Checkpoint::verify(a, origin, keys)?, Checkpoint::verify(b, origin, keys)?);
    Ok(a.size == b.size && a.root != b.root)
}

impl Checkpoint {
    /// What is signed: origin, size and root, a line each.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Signs the head with the log key.
    pub fn sign(&self, key: &KeyPair) -> Result<String, CheckpointError> {
        let text = self.text();
        let malformed = |e: &dyn std::fmt::Display| CheckpointError::Malformed(e.to_string());
        let mut note = Note::new(text.as_bytes(), &[]).map_err(|e| malformed(&e))?;
        note.add_sigs(&[&NoteSigner { name: &self.origin, key }]).map_err(|e| malformed(&e))?;
        String::from_utf8(note.to_bytes()).map_err(|e| malformed(&e))
    }

    /// Reads a note of the log `origin` without checking signatures.
    pub fn read(note: &str, origin: &str) -> Result<Self, CheckpointError> {
        let (checkpoint, _) = parse(note, origin)?;
        Ok(checkpoint)
    }

    /// Reads a note of the log `origin` that one of `keys` signed.
    pub fn verify(note: &str, origin: &str, keys: &[PublicKey]) -> Result<Self, CheckpointError> {
        let (checkpoint, note) = parse(note, origin)?;
        // A renewed delegation names its key again; the note library calls a key given twice ambiguous.
        let distinct: BTreeSet<&PublicKey> = keys.iter().collect();
        let verifiers: Vec<Box<dyn Verifier>> = distinct
            .into_iter()
            .map(|key| Box::new(OwnedKey { name: origin.to_owned(), key: *key }) as Box<dyn Verifier>)
            .collect();
        match note.verify(&VerifierList::new(verifiers)) {
            Ok((verified, _)) if !verified.is_empty() => Ok(checkpoint),
            _ => Err(CheckpointError::NotSigned(origin.to_owned())),
        }
    }
}

struct OwnedKey {
    name: String,
    key: PublicKey,
}

impl Verifier for OwnedKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        NoteKey { name: &self.name, key: self.key }.key_id()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(message, signature)
    }
}

fn parse(note: &str, origin: &str) -> Result<(Checkpoint, Note), CheckpointError> {
    if note.len() > MAX_BYTES {
        return Err(CheckpointError::TooLong(note.len()));
    }
    let parsed = Note::from_bytes(note.as_bytes()).map_err(|e| CheckpointError::Malformed(e.to_string()))?;
    let body = CheckpointBody::from_bytes(parsed.text()).map_err(|e| CheckpointError::Malformed(e.to_string()))?;
    if body.origin() != origin {
        let found = excerpt(body.origin());
        return Err(CheckpointError::Origin { found, expected: origin.to_owned() });
    }
    if body.size() > MAX_LEAVES {
        return Err(CheckpointError::Malformed(format!("{} leaves", body.size())));
    }
    // No log of a forum has such lines, and whoever keeps size and root of a head could not say what was signed.
    if !body.extension().is_empty() {
        return Err(CheckpointError::Malformed("more lines than origin, size and root".to_owned()));
    }
    Ok((Checkpoint { origin: origin.to_owned(), size: body.size(), root: *body.hash() }, parsed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> Checkpoint {
        Checkpoint { origin: origin(&"a".repeat(64), "GTM"), size: 42, root: crate::log::leaf_hash(b"x") }
    }

    #[test]
    fn a_head_is_accepted_from_its_log_key_only() {
        let (key, other) = (KeyPair::from_seed(&[1; 32]), KeyPair::from_seed(&[2; 32]));
        let note = head().sign(&key).unwrap();
        assert_eq!(Checkpoint::verify(&note, &head().origin, &[other.public(), key.public()]).unwrap(), head());
        assert_eq!(Checkpoint::verify(&note, &head().origin, &[key.public(), key.public()]).unwrap(), head());
        assert!(Checkpoint::verify(&note, &head().origin, &[other.public()]).is_err());
        assert!(Checkpoint::verify(&note, &head().origin, &[]).is_err());
        assert!(matches!(Checkpoint::read(&note, "chancery/x/MEX"), Err(CheckpointError::Origin { .. })));
        let longer = note.replacen("\n\n", "\nand more\n\n", 1);
        assert!(matches!(Checkpoint::read(&longer, &head().origin), Err(CheckpointError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_refused(position in 0usize..1_000, flip in 1u8..128) {
            let key = KeyPair::from_seed(&[1; 32]);
            let mut note = head().sign(&key).unwrap().into_bytes();
            let position = position % note.len();
            note[position] ^= flip;
            if let Ok(note) = String::from_utf8(note) {
                let read = Checkpoint::verify(&note, &head().origin, &[key.public()]);
                prop_assert!(read.is_err() , "byte {position}: {read:?}");
            }
        }
    }
}
