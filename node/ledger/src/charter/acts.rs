//! What a charter changes of the version before it, and how many signatures that asks for.

use sha2::{Digest, Sha256};

use super::thresholds::majority;
use super::{Charter, Member, Role};
use crate::keys::PublicKey;

/// What a version does to the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acts {
    /// Members removed, and states that lose their vote.
    pub removed: Vec<String>,
    /// Members admitted, and those that gain a vote.
    pub admitted: Vec<String>,
    /// Members whose authority key is replaced by the one they had announced, and of whom nothing else changes.
    pub rotated: Vec<String>,
    /// Whether the version of the shared schema changes.
    pub schema: bool,
    /// Whether anything else changes, or nothing at all.
    pub amended: bool,
}

/// How many signatures one version's thresholds ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// Signatures of member states needed.
    pub needed: usize,
    /// Member states counted.
    pub states: usize,
}

impl Acts {
    /// What `new` does to `old`.
    pub fn of(old: &Charter, new: &Charter) -> Self {
        let (removed, admitted) = (lost(old, new), lost(new, old));
        let both = || old.members.iter().filter_map(|before| Some((before, new.member(&before.id)?)));
        let rotated: Vec<String> =
            both().filter(|(before, after)| is_rotation(before, after)).map(|(m, _)| m.id.clone()).collect();
        let schema = old.rules.schema != new.rules.schema;
        let mut rest = new.clone();
        rest.members.clone_from(&old.members);
        rest.rules.schema.clone_from(&old.rules.schema);
        rest.version = old.version;
        rest.previous.clone_from(&old.previous);
        let changed = both().any(|(before, after)| before != after && !rotated.contains(&before.id));
        let named = !(removed.is_empty() && admitted.is_empty() && rotated.is_empty()) || schema;
        Self { amended: rest != *old || changed || !named, removed, admitted, rotated, schema }
    }

    /// How many member states of `charter` must have signed.
    pub fn requirement(&self, charter: &Charter) -> Requirement {
        let states = charter.states().filter(|m| self.without() != Some(m.id.as_str())).count();
        let thresholds = &charter.thresholds;
        let mut needed = majority(states);
        for (done, fraction) in [
            (!self.admitted.is_empty(), thresholds.admit),
            (!self.removed.is_empty(), thresholds.remove),
            (self.schema, thresholds.schema),
            (self.amended, thresholds.amend),
        ] {
            if done {
                needed = needed.max(fraction.of(states));
            }
        }
        Requirement { needed, states }
    }

    /// The member that is not counted: the one removed.
    pub fn without(&self) -> Option<&str> {
        self.removed.first().map(String::as_str)
    }
}

/// Members of `from` that are not in `to`, or are there without the vote they had: a removal by another name.
fn lost(from: &Charter, to: &Charter) -> Vec<String> {
    let stays = |m: &Member| to.member(&m.id).is_some_and(|t| m.role != Role::MemberState || t.role == m.role);
    from.members.iter().filter(|m| !stays(m)).map(|m| m.id.clone()).collect()
}

/// Whether nothing but the authority key, which was announced, its endorsement and what it announces in turn has changed.
fn is_rotation(before: &Member, after: &Member) -> bool {
    let mut same = after.clone();
    same.authority_key = before.authority_key;
    same.next_key_hash.clone_from(&before.next_key_hash);
    same.endorsement.clone_from(&before.endorsement);
    after.authority_key != before.authority_key && same == *before && announced(before, &after.authority_key)
}

/// Whether `member` had announced `key` as its next.
pub(super) fn announced(member: &Member, key: &PublicKey) -> bool {
    member.next_key_hash.as_deref() == Some(key.commitment().as_str())
}

impl PublicKey {
    /// What announces this key while it is still unknown: SHA-256 of its 32 bytes, hexadecimal.
    pub fn commitment(&self) -> String {
        hex::encode(Sha256::digest(self.as_bytes()))
    }
}
