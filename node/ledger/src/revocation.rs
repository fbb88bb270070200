//! Revocations: the authority key ends a delegated key's mandate before its time.

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
    /// Not by the authority key the member had then.
    #[error("the authority key that `{0}` had at the time did not sign the revocation")]
    NotSigned(String),
}

/// A revocation whose authority's signature holds.
#[derive(Debug, Clone)]
pub struct VerifiedRevocation {
    /// Record id.
    pub id: String,
    /// Whose key.
    pub member: String,
    /// What it says.
    pub revocation: Revocation,
    /// From when, unix seconds.
    pub from: i64,
    /// The record.
    pub envelope: Envelope,
}

/// Checks `envelope` against the authority key its issuer had when it was issued.
pub fn verify(envelope: &Envelope, chain: &CharterChain) -> Result<VerifiedRevocation, RevocationError> {
    let payload = envelope.payload::<Revocation>(RecordKind::Revocation)?;
    if payload.forum != chain.forum() {
        return Err(RevocationError::Forum(excerpt(&payload.forum)));
    }
    let issued = payload.issued_at_s()?;
    let from = payload.body.check(issued)?;
    let message = envelope.message()?;
    let member = chain.at(issued).member(&payload.issuer).or_else(|| chain.current().member(&payload.issuer));
    if !member.is_some_and(|m| envelope.holds(&m.authority_key, &message)) {
        return Err(RevocationError::NotSigned(payload.issuer));
    }
    Ok(VerifiedRevocation {
        id: envelope.id()?,
        member: payload.issuer,
        revocation: payload.body,
        from,
        envelope: envelope.clone(),
    })
}
