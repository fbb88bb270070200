//! Cosignatures: other members' signatures over a log's head, with the time they saw it (C2SP tlog-cosignature, version 1).

use signed_note::{Note, Signature};

use crate::checkpoint::{CheckpointError, MAX_BYTES};
use crate::keys::{KeyPair, PublicKey, Purpose};
use crate::trust::Trust;

/// The algorithm's byte in key ids and verifier keys.
const ALGORITHM: u8 = 0x04;
/// Eight bytes of time and an Ed25519 signature.
const SIGNATURE_BYTES: usize = 72;

/// A cosignature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Whose witness key signed.
    pub member: String,
    /// That key.
    pub key: PublicKey,
    /// When it saw the head, unix seconds.
    pub at: i64,
    /// The note's line, without its end.
    pub line: String,
}

/// The name of a member's witness in a forum.
pub fn witness_name(forum: &str, member: &str) -> String {
    format!("chancery/{forum}/{member}/witness")
}

/// Key id of a witness's key.
fn key_id(name: &str, key: &PublicKey) -> u32 {
    signed_note::key_id(name, &[&[ALGORITHM], key.as_bytes().as_slice()].concat())
}

/// A witness's verifier key, as tlog-policy files name it.
pub fn verifier_key(name: &str, key: &PublicKey) -> String {
    crate::checkpoint::vkey(name, key_id(name, key), ALGORITHM, key)
}

/// What is signed. It names the log and its size, but not the witness: one key must never serve two.
fn message(text: &[u8], at: i64) -> Vec<u8> {
    let mut message = format!("cosignature/v1\ntime {at}\n").into_bytes();
    message.extend_from_slice(text);
    message
}

fn malformed(reason: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Malformed(reason.to_string())
}

fn parse(note: &str) -> Result<(Note, Vec<&str>), CheckpointError> {
    if note.len() > MAX_BYTES {
        return Err(CheckpointError::TooLong(note.len()));
    }
    let parsed = Note::from_bytes(note.as_bytes()).map_err(malformed)?;
    let lines = note.rsplit_once("\n\n").map(|(_, lines)| lines.lines().collect()).unwrap_or_default();
    Ok((parsed, lines))
}

/// Cosigns the head in `note`, which the caller has checked and remembered. Returns the note's new line.
pub fn cosign(note: &str, name: &str, key: &KeyPair, at: i64) -> Result<String, CheckpointError> {
    let (parsed, _) = parse(note)?;
    let seconds = u64::try_from(at).map_err(|_| malformed("a time before 1970"))?;
    let mut bytes = seconds.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.sign(&message(parsed.text(), at)));
    let signature = Signature::new(name.to_owned(), key_id(name, &key.public()), bytes).map_err(malformed)?;
    String::from_utf8(signature.to_bytes()).map(|line| line.trim_end().to_owned()).map_err(malformed)
}

/// The cosignatures in `note` that hold: by keys that their members had delegated for witnessing at the time they say. One for
/// each member, its newest; lines of others are passed over.
pub fn verified(trust: &Trust, note: &str) -> Result<Vec<Cosignature>, CheckpointError> {
    let (parsed, lines) = parse(note)?;
    let prefix = format!("chancery/{}/", trust.forum());
    let mut found: Vec<Cosignature> = Vec::new();
    for line in lines {
        let Ok(signature) = Signature::from_bytes(line.as_bytes()) else { continue };
        let member = signature.name().strip_prefix(&prefix).and_then(|rest| rest.strip_suffix("/witness"));
        let Some((member, at)) = member.zip(time_of(signature.signature())) else { continue };
        let signed = |key: &PublicKey| {
            signature.id() == key_id(signature.name(), key)
                && key.verifies(&message(parsed.text(), at), &signature.signature()[8..])
        };
        let mut keys = trust.in_force(member, Purpose::Witness, at).into_iter().map(|d| d.delegation.key);
        let Some(key) = keys.find(signed) else { continue };
        let new = Cosignature { member: member.to_owned(), key, at, line: line.to_owned() };
        match found.iter_mut().find(|c| c.member == member) {
            Some(older) if older.at < at => *older = new,
            Some(_) => {}
            None => found.push(new),
        }
    }
    Ok(found)
}

fn time_of(signature: &[u8]) -> Option<i64> {
    let seconds: [u8; 8] = signature.get(..8)?.try_into().ok()?;
    (signature.len() == SIGNATURE_BYTES).then(|| i64::try_from(u64::from_be_bytes(seconds)).ok())?
}

/// `note` with more signature lines.
pub fn joined<'a>(note: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = note.to_owned();
    for line in lines {
        joined.push_str(line);
        joined.push('\n');
    }
    joined
}

/// How many member states other than `owner` are among the cosigners: each counts once, whatever keys it has; observers and the
/// secretariat do not.
pub fn counted(trust: &Trust, owner: &str, cosignatures: &[Cosignature]) -> usize {
    let states = trust.charter().states().filter(|m| m.id != owner);
    states.filter(|m| cosignatures.iter().any(|c| c.member == m.id)).count()
}

/// The time that at least half of `times` have passed; none of none.
pub fn median(mut times: Vec<i64>) -> Option<i64> {
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_lower_of_two() {
        for (times, expected) in [
            (vec![], None),
            (vec![7], Some(7)),
            (vec![9, 1], Some(1)),
            (vec![5, 900, 3], Some(5)),
            (vec![1, 2, 3, 4], Some(2)),
        ] {
            assert_eq!(median(times), expected);
        }
    }
}
