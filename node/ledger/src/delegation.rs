//! Delegations: the authority key gives one purpose to another key, for at most 90 days.

use serde::{Deserialize, Serialize};

use crate::keys::{PublicKey, Purpose};
use crate::record::{Envelope, RecordError, RecordKind};
use crate::time;

/// Longest life of a delegation, in seconds.
pub const MAX_LIFE_S: i64 = 90 * 24 * 3600;

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
    /// The name is too long.
    #[error("the delegation's name is longer than 100 characters")]
    Name,
}

/// A delegation whose authority's signature holds.
#[derive(Debug, Clone)]
pub struct VerifiedDelegation {
    /// Record id.
    pub id: String,
    /// The member whose authority key signed.
    pub member: String,
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
    /// Whether it is in force at `at`.
    pub fn in_force(&self, at: i64) -> bool {
        (self.not_before..self.not_after).contains(&at)
    }
}

/// Checks `envelope` against the authority key that `authority` gives for its issuer.
pub fn verify(
    envelope: &Envelope,
    forum: &str,
    authority: impl Fn(&str) -> Option<PublicKey>,
) -> Result<VerifiedDelegation, DelegationError> {
    let payload = envelope.payload::<Delegation>(RecordKind::Delegation)?;
    if payload.forum != forum {
        return Err(DelegationError::Forum(payload.forum.chars().take(64).collect()));
    }
    let not_a_member = || RecordError::Shape { part: "payload", reason: format!("`{}` is no member", payload.issuer) };
    let key = authority(&payload.issuer).ok_or_else(not_a_member)?;
    envelope.signed_by(&key)?;
    let body = payload.body;
    if body.name.chars().count() > 100 {
        return Err(DelegationError::Name);
    }
    let life = || DelegationError::Life { from: body.not_before.clone(), to: body.not_after.clone() };
    let not_before = time::parse(&body.not_before).ok_or_else(life)?;
    let not_after = time::parse(&body.not_after).ok_or_else(life)?;
    if !(1..=MAX_LIFE_S).contains(&(not_after - not_before)) {
        return Err(life());
    }
    Ok(VerifiedDelegation {
        id: envelope.id()?,
        member: payload.issuer,
        not_before,
        not_after,
        envelope: envelope.clone(),
        delegation: body,
    })
}
