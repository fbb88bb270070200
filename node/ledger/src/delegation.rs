//! Delegations: the authority key gives one purpose to another key, for at most 90 days. Both keys sign.

use serde::{Deserialize, Serialize};

use crate::audience::{excerpt, is_plain_text};
use crate::keys::{PublicKey, Purpose};
use crate::record::{Envelope, RecordError, RecordKind};
use crate::time;

/// Longest life of a delegation, in seconds.
pub const MAX_LIFE_S: i64 = 90 * 24 * 3600;
/// Longest name of a key's holder.
const MAX_NAME_CHARS: usize = 100;

/// What a delegation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// What the key may do.
    pub purpose: Purpose,
    /// The key.
    pub key: PublicKey,
    /// Whose it is, for people: an operator's name.
    pub name: String,
    /// RFC 3339 UTC.
    pub not_before: String,
    /// RFC 3339 UTC.
    pub not_after: String,
}

/// Why a delegation is refused.
#[derive(Debug, thiserror::Error)]
pub enum DelegationError {
    /// The envelope is wrong.
    #[error("the delegation's record is refused: {0}")]
    Record(#[from] RecordError),
    /// Another forum's.
    #[error("the delegation is for the forum `{0}`")]
    Forum(String),
    /// Times are not times, or the life is too long or negative.
    #[error("the delegation's life from `{from}` to `{to}` is not within 90 days")]
    Life {
        /// Start as written.
        from: String,
        /// End as written.
        to: String,
    },
    /// The name is too long or not plain text.
    #[error("the delegation's name is longer than 100 characters or has control characters")]
    Name,
    /// Not a member, now or before.
    #[error("the delegation is by `{0}`, which is in no version of the charter: is the forum's bundle up to date?")]
    NotAMember(String),
    /// None of the member's authority keys signed.
    #[error("no authority key of `{0}` signed the delegation")]
    NotSigned(String),
    /// The key itself did not sign: else a member could claim another's key before it is delegated.
    #[error("the delegated key {0} has not signed its delegation, so nobody knows who holds it")]
    NotHeld(PublicKey),
}

/// A delegation whose authority's signature holds.
#[derive(Debug, Clone)]
pub struct VerifiedDelegation {
    /// Record id.
    pub id: String,
    /// The member whose authority key signed.
    pub member: String,
    /// The authority key that signed. The delegation holds only while the charter names this key for the member.
    pub authority: PublicKey,
    /// What it says.
    pub delegation: Delegation,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// The record.
    pub envelope: Envelope,
}

impl VerifiedDelegation {
    /// Whether `at` is within its life. [`crate::Trust`] also asks whether its authority held then.
    pub fn in_force(&self, at: i64) -> bool {
        (self.not_before..self.not_after).contains(&at)
    }
}

/// Checks `envelope` against the authority keys that `authorities` gives for its issuer: those of every charter version,
/// so that what a member published stays checkable after it changed its key or left.
pub fn verify(
    envelope: &Envelope,
    forum: &str,
    authorities: impl Fn(&str) -> Vec<PublicKey>,
) -> Result<VerifiedDelegation, DelegationError> {
    let payload = envelope.payload::<Delegation>(RecordKind::Delegation)?;
    if payload.forum != forum {
        return Err(DelegationError::Forum(excerpt(&payload.forum)));
    }
    let keys = authorities(&payload.issuer);
    if keys.is_empty() {
        return Err(DelegationError::NotAMember(payload.issuer));
    }
    let message = envelope.message()?;
    let Some(authority) = keys.into_iter().find(|key| envelope.holds(key, &message)) else {
        return Err(DelegationError::NotSigned(payload.issuer));
    };
    let body = payload.body;
    if !is_plain_text(&body.name, MAX_NAME_CHARS) {
        return Err(DelegationError::Name);
    }
    if !envelope.holds(&body.key, &message) {
        return Err(DelegationError::NotHeld(body.key));
    }
    let shown = excerpt;
    let life = || DelegationError::Life { from: shown(&body.not_before), to: shown(&body.not_after) };
    let not_before = time::parse(&body.not_before).ok_or_else(life)?;
    let not_after = time::parse(&body.not_after).ok_or_else(life)?;
    if !(1..=MAX_LIFE_S).contains(&(not_after - not_before)) {
        return Err(life());
    }
    Ok(VerifiedDelegation {
        id: envelope.id()?,
        member: payload.issuer,
        authority,
        not_before,
        not_after,
        envelope: envelope.clone(),
        delegation: body,
    })
}
