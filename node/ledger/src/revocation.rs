//! Revocations: the authority key ends a delegated key's mandate before its time.
//!
//! Nobody can tell when a revocation was really signed: whoever steals an authority key after it was replaced may date one back to when it was
//! not. So its date gives it no power; the key that signed it does. It ends what that key, or one before it, has delegated, and never what a
//! later key has. What was revoked before the authority key was replaced stays so, and what the new key vouches for is out of the old one's reach.

use serde::{Deserialize, Serialize};

use crate::audience::{excerpt, is_plain_text};
use crate::charter::CharterChain;
use crate::keys::PublicKey;
use crate::record::{Envelope, RecordError, RecordKind};
use crate::time;

/// How long before it was signed a revocation may take effect, in seconds: when a theft is found, it has been.
pub const MAX_BACK_S: i64 = 30 * 24 * 3600;
/// Longest reason.
const MAX_REASON_CHARS: usize = 300;

/// What a revocation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The key that may act no more, for whatever purpose.
    pub key: PublicKey,
    /// RFC 3339 UTC: what it signed from then on does not count.
    pub from: String,
    /// Why, for people.
    pub reason: String,
}

impl Revocation {
    /// From when on it counts, in unix seconds, if one that is issued at `issued` may say so.
    pub fn check(&self, issued: i64) -> Result<i64, RevocationError> {
        if !is_plain_text(&self.reason, MAX_REASON_CHARS) {
            return Err(RevocationError::Reason);
        }
        let from = time::parse(&self.from).filter(|from| (issued - MAX_BACK_S..=issued).contains(from));
        from.ok_or_else(|| RevocationError::From { from: excerpt(&self.from), issued_at: time::format(issued) })
    }
}

/// Why a revocation is refused.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// The envelope is wrong.
    #[error("the revocation's record is refused: {0}")]
    Record(#[from] RecordError),
    /// Another forum's.
    #[error("the revocation is for the forum `{0}`")]
    Forum(String),
    /// `from` is not a time, after it was issued, or long before.
    #[error("the revocation is from `{from}`: expected a time within 30 days before it was issued at {issued_at}")]
    From {
        /// As written.
        from: String,
        /// When it was issued.
        issued_at: String,
    },
    /// The reason is too long or not plain text.
    #[error("the revocation's reason is longer than 300 characters or has control characters")]
    Reason,
    /// None of the member's authority keys signed.
    #[error("no authority key of `{0}` signed the revocation")]
    NotSigned(String),
}

/// A revocation whose authority's signature holds.
#[derive(Debug, Clone)]
pub struct VerifiedRevocation {
    /// Record id.
    pub id: String,
    /// Whose key.
    pub member: String,
    /// The authority key that signed. It reaches the delegations by this key and by those that the member had before it.
    pub authority: PublicKey,
    /// What it says.
    pub revocation: Revocation,
    /// From when, unix seconds.
    pub from: i64,
    /// The record.
    pub envelope: Envelope,
}

/// Checks `envelope` against every authority key its issuer ever had: which of them signed says how far it reaches.
pub fn verify(envelope: &Envelope, chain: &CharterChain) -> Result<VerifiedRevocation, RevocationError> {
    let payload = envelope.payload::<Revocation>(RecordKind::Revocation)?;
    if payload.forum != chain.forum() {
        return Err(RevocationError::Forum(excerpt(&payload.forum)));
    }
    let from = payload.body.check(payload.issued_at_s()?)?;
    let message = envelope.message()?;
    let mut authorities = chain.authorities(&payload.issuer).into_iter();
    let Some(authority) = authorities.find(|key| envelope.holds(key, &message)) else {
        return Err(RevocationError::NotSigned(payload.issuer));
    };
    Ok(VerifiedRevocation {
        id: envelope.id()?,
        member: payload.issuer,
        authority,
        revocation: payload.body,
        from,
        envelope: envelope.clone(),
    })
}
