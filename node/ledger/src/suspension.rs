//! Suspensions: in an emergency, fewer states than a removal needs keep a member's node out, for at most 14 days.
//!
//! A suspension is a record of its own, not a charter: two groups of states that are each large enough to suspend may have no state in common,
//! and two charters of one number would be a fork. The suspended member keeps its vote, or the few could make themselves the many.

use serde::{Deserialize, Serialize};

use crate::audience::{excerpt, is_member_id, is_plain_text};
use crate::charter::{CharterChain, signed_states};
use crate::record::{Envelope, RecordError, RecordKind};
use crate::time;

/// Longest suspension, in seconds.
pub const MAX_LIFE_S: i64 = 14 * 24 * 3600;
/// How long after one suspension the same member cannot be suspended again, in seconds: what lasts longer is a removal's matter.
pub const REST_S: i64 = 90 * 24 * 3600;
/// How long after it was drafted a suspension may begin, in seconds.
const MAX_AHEAD_S: i64 = 7 * 24 * 3600;
/// Longest reason.
const MAX_REASON_CHARS: usize = 300;

/// What a suspension says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// Who is suspended.
    pub member: String,
    /// RFC 3339 UTC.
    pub from: String,
    /// RFC 3339 UTC.
    pub until: String,
    /// Why, for people.
    pub reason: String,
}

/// Why a suspension is refused.
#[derive(Debug, thiserror::Error)]
pub enum SuspensionError {
    /// The envelope is wrong.
    #[error("the suspension's record is refused: {0}")]
    Record(#[from] RecordError),
    /// Another forum's.
    #[error("the suspension is for the forum `{0}`")]
    Forum(String),
    /// Too long, negative, before it was issued or long after.
    #[error("the suspension from `{from}` to `{until}` is not within 14 days, soon after it was issued at {issued_at}")]
    Life {
        /// Start as written.
        from: String,
        /// End as written.
        until: String,
        /// When it was issued.
        issued_at: String,
    },
    /// The reason is missing, too long or not plain text.
    #[error("the suspension's reason is missing, longer than 300 characters or has control characters")]
    Reason,
    /// The suspended or the issuer is no member.
    #[error("`{0}` is not a member under the charter then in force")]
    NotAMember(String),
    /// Too few states signed.
    #[error(
        "the suspension of `{member}` has {signed} of the {needed} signatures of other member states that it needs"
    )]
    Threshold {
        /// Who.
        member: String,
        /// Valid signatures, one a state.
        signed: usize,
        /// Signatures needed.
        needed: usize,
    },
    /// It was suspended a short while ago.
    #[error("`{member}` was suspended until {}, and cannot be again within 90 days: remove it by a charter", time::format(*until))]
    TooSoon {
        /// Who.
        member: String,
        /// End of the other suspension, unix seconds.
        until: i64,
    },
}

/// A suspension that enough states signed.
#[derive(Debug, Clone)]
pub struct VerifiedSuspension {
    /// Record id.
    pub id: String,
    /// What it says.
    pub suspension: Suspension,
    /// Unix seconds.
    pub from: i64,
    /// Unix seconds.
    pub until: i64,
    /// States that signed.
    pub signed_by: Vec<String>,
    /// The record.
    pub envelope: Envelope,
}

impl VerifiedSuspension {
    /// Whether the member is suspended at `at`. It ends by itself.
    pub fn in_force(&self, at: i64) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// Whether the two leave the member too little time between them.
    pub fn too_near(&self, other: &Self) -> bool {
        let apart = |first: &Self, then: &Self| then.from >= first.until.saturating_add(REST_S);
        self.suspension.member == other.suspension.member && !apart(self, other) && !apart(other, self)
    }
}

/// How many states have signed and how many must, under the charter in force when it begins.
pub fn signatures(envelope: &Envelope, chain: &CharterChain) -> Result<(Vec<String>, usize), SuspensionError> {
    let (payload, from, _) = read(envelope, chain)?;
    let charter = chain.at(from);
    let member = payload.body.member.as_str();
    if charter.member(member).is_none() || charter.member(&payload.issuer).is_none() {
        return Err(SuspensionError::NotAMember(member.to_owned()));
    }
    let others = charter.states().filter(|m| m.id != member).count();
    Ok((signed_states(envelope, charter, Some(member)), charter.thresholds.suspend.of(others)))
}

/// Checks everything but the member's other suspensions.
pub fn verify(envelope: &Envelope, chain: &CharterChain) -> Result<VerifiedSuspension, SuspensionError> {
    let (payload, from, until) = read(envelope, chain)?;
    let (signed_by, needed) = signatures(envelope, chain)?;
    if signed_by.len() < needed {
        return Err(SuspensionError::Threshold { member: payload.body.member, signed: signed_by.len(), needed });
    }
    let id = envelope.id()?;
    Ok(VerifiedSuspension { id, suspension: payload.body, from, until, signed_by, envelope: envelope.clone() })
}

fn read(envelope: &Envelope, chain: &CharterChain) -> Result<(crate::Payload<Suspension>, i64, i64), SuspensionError> {
    let payload = envelope.payload::<Suspension>(RecordKind::Suspension)?;
    if payload.forum != chain.forum() {
        return Err(SuspensionError::Forum(excerpt(&payload.forum)));
    }
    let (body, issued) = (&payload.body, payload.issued_at_s()?);
    if !is_member_id(&body.member) {
        return Err(SuspensionError::NotAMember(excerpt(&body.member)));
    }
    let times = time::parse(&body.from).zip(time::parse(&body.until)).filter(|(from, until)| {
        (issued..=issued + MAX_AHEAD_S).contains(from) && (1..=MAX_LIFE_S).contains(&(until - from))
    });
    let (from, until) = times.ok_or_else(|| SuspensionError::Life {
        from: excerpt(&body.from),
        until: excerpt(&body.until),
        issued_at: payload.issued_at.clone(),
    })?;
    if body.reason.trim().is_empty() || !is_plain_text(&body.reason, MAX_REASON_CHARS) {
        return Err(SuspensionError::Reason);
    }
    Ok((payload, from, until))
}
