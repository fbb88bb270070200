//! Suspensions: in an emergency, fewer states than a removal needs keep a member's node out, for at most 14 days.
//!
//! A suspension is a record of its own, not a charter: two groups of states that are each large enough to suspend may have no state in common,
//! and two charters of one number would be a fork. The suspended member keeps its vote, or the few could make themselves the many.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::audience::{excerpt, is_member_id, is_plain_text};
use crate::charter::{Charter, CharterChain, Member};
use crate::keys::PublicKey;
use crate::record::{Envelope, RecordError, RecordKind};
use crate::release::CLOCK_SKEW_S;
use crate::time;

/// Longest suspension, in seconds.
pub const MAX_LIFE_S: i64 = 14 * 24 * 3600;
/// Shortest suspension that is believed anew, in seconds: any number of shorter ones would fit into a state's 14 days.
const MIN_LIFE_S: i64 = 24 * 3600;
/// Most suspensions of one member within [`REST_S`] that count: what the states of a large forum could sign in those days, were they to suspend day by day.
const MAX_RECENT: usize = 200;
/// Within so many seconds a state suspends a member for [`MAX_LIFE_S`] in all: what lasts longer is a removal's matter.
pub const REST_S: i64 = 90 * 24 * 3600;
/// How long after its end a suspension that was not known is still believed, in seconds.
pub const MAX_LATE_S: i64 = 24 * 3600;
/// How long after it was drafted a suspension may begin, in seconds.
const MAX_AHEAD_S: i64 = 7 * 24 * 3600;
/// Longest reason.
const MAX_REASON_CHARS: usize = 300;
/// How long after the charter that replaced its own was drafted a suspension is still believed anew, in seconds: such a draft is signed for days.
const MAX_SUPERSEDED_S: i64 = MAX_LIFE_S;

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
    /// By states that have suspended it a short while ago.
    #[error(
        "the suspension of `{member}` has {signed} of the {needed} signatures of other member states that it needs, not counting those who with it \
         would suspend that member for more than 14 days within 90: remove it by a charter"
    )]
    TooSoon {
        /// Who.
        member: String,
        /// States that have signed and still may.
        signed: usize,
        /// Signatures needed.
        needed: usize,
    },
    /// Too few states would be left to cosign, and have been.
    #[error(
        "with the suspension of `{member}` there would for more than 14 days within 90 days be too few states to cosign, of which {quorum} must: \
         remove it by a charter"
    )]
    TooFew {
        /// Who.
        member: String,
        /// How many must cosign.
        quorum: usize,
    },
    /// Far more than anybody needs.
    #[error("`{member}` has been suspended {MAX_RECENT} times within 90 days: remove it by a charter")]
    TooOften {
        /// Who.
        member: String,
    },
    /// Shorter than a day.
    #[error("the suspension of `{member}` is shorter than a day")]
    TooShort {
        /// Who.
        member: String,
    },
    /// Of the future.
    #[error("the suspension says it was issued at {issued_at}, which is after {at}")]
    Future {
        /// When it was issued.
        issued_at: String,
        /// The time it is.
        at: String,
    },
    /// Nobody can say any more whether it was signed in time.
    #[error("the suspension of `{member}` ended at {}, before it was known here", time::format(*until))]
    Over {
        /// Who.
        member: String,
        /// Unix seconds.
        until: i64,
    },
    /// By members and keys of a charter that was followed long ago.
    #[error(
        "the suspension holds by version {version} of the charter only, which was replaced by a charter drafted more than 14 days ago"
    )]
    Superseded {
        /// From 1.
        version: usize,
    },
}

/// A suspension that enough states signed.
#[derive(Debug, Clone)]
pub struct VerifiedSuspension {
    /// Record id.
    pub id: String,
    /// Unix seconds.
    pub issued_at: i64,
    /// What it says.
    pub suspension: Suspension,
    /// Unix seconds.
    pub from: i64,
    /// Unix seconds.
    pub until: i64,
    /// States that signed.
    pub signed_by: Vec<String>,
    /// How many of them must.
    pub needed: usize,
    /// The newest version of the charter by which they are enough.
    pub version: usize,
    /// The record.
    pub envelope: Envelope,
}

impl VerifiedSuspension {
    /// Whether the member is suspended at `at`. It ends by itself.
    pub fn in_force(&self, at: i64) -> bool {
        (self.from..self.until).contains(&at)
    }
}

/// How many states have signed a suspension and how many must, under the charter by which the fewest are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// States that signed, each once.
    pub signed_by: Vec<String>,
    /// Signatures needed.
    pub needed: usize,
    /// The charter's version, from 1.
    pub version: usize,
}

/// Counts the signatures of `envelope` under every charter that can have been in force before it ends. A charter says when it was drafted, not when it
/// was adopted, so a suspension that was valid may seem to be of a time after the charter that removed its signers; that must not undo it. A state's
/// signature counts by the key that it has in that charter or in the one after, for it may have changed its key while the others were signing.
pub fn signatures(envelope: &Envelope, chain: &CharterChain) -> Result<Count, SuspensionError> {
    let (payload, _, until) = read(envelope, chain)?;
    let (member, message) = (payload.body.member.as_str(), envelope.message()?);
    let signers = signers(envelope, chain, &message);
    let mut best: Option<Count> = None;
    let versions: Vec<(&Charter, i64)> = chain.issued().collect();
    for (index, (charter, _)) in versions.iter().enumerate().filter(|(_, (_, issued))| *issued <= until) {
        if charter.member(member).is_none() || charter.member(&payload.issuer).is_none() {
            continue;
        }
        let next = versions.get(index + 1).map(|(next, _)| *next);
        let signed = |m: &&Member| {
            let successor = next.and_then(|next| next.member(&m.id)).map(|n| n.authority_key);
            signers.contains(&m.authority_key) || successor.is_some_and(|key| signers.contains(&key))
        };
        let others: Vec<&Member> = charter.states().filter(|m| m.id != member).collect();
        let needed = charter.thresholds.suspend.of(others.len());
        let signed_by: Vec<String> = others.into_iter().filter(signed).map(|m| m.id.clone()).collect();
        let missing = |count: &Count| count.needed.saturating_sub(count.signed_by.len());
        let count = Count { signed_by, needed, version: index + 1 };
        if best.as_ref().is_none_or(|best| missing(&count) <= missing(best)) {
            best = Some(count);
        }
    }
    best.ok_or_else(|| SuspensionError::NotAMember(member.to_owned()))
}

/// The authority keys of any time that have signed.
fn signers(envelope: &Envelope, chain: &CharterChain, message: &[u8]) -> BTreeSet<PublicKey> {
    envelope.signers().filter(|key| chain.authority_holder(key).is_some() && envelope.holds(key, message)).collect()
}

/// Checks everything but the other suspensions and the time it is now.
pub fn verify(envelope: &Envelope, chain: &CharterChain) -> Result<VerifiedSuspension, SuspensionError> {
    let (payload, from, until) = read(envelope, chain)?;
    let Count { signed_by, needed, version } = signatures(envelope, chain)?;
    if signed_by.len() < needed {
        return Err(SuspensionError::Threshold { member: payload.body.member, signed: signed_by.len(), needed });
    }
    let (id, issued_at, message) = (envelope.id()?, payload.issued_at_s()?, envelope.message()?);
    // Whoever passes it on may have added signatures of anybody.
    let mut envelope = envelope.clone();
    let signers: Vec<String> = signers(&envelope, chain, &message).iter().map(ToString::to_string).collect();
    envelope.signatures.retain(|s| signers.contains(&s.keyid));
    Ok(VerifiedSuspension {
        id,
        issued_at,
        suspension: payload.body,
        from,
        until,
        signed_by,
        needed,
        version,
        envelope,
    })
}

/// Whether one that was not known may be believed at `at`. Its dates are its signers' word: those who were removed, or who stole keys that were
/// replaced, could write one of their time, and a majority one of the past that undoes what a member has published.
pub fn check_new(new: &VerifiedSuspension, chain: &CharterChain, at: i64) -> Result<(), SuspensionError> {
    if new.issued_at > at.saturating_add(CLOCK_SKEW_S) {
        let (issued_at, at) = (time::format(new.issued_at), time::format(at));
        return Err(SuspensionError::Future { issued_at, at });
    }
    let member = || new.suspension.member.clone();
    if new.until.saturating_add(MAX_LATE_S) <= at {
        return Err(SuspensionError::Over { member: member(), until: new.until });
    }
    if new.until - new.from < MIN_LIFE_S {
        return Err(SuspensionError::TooShort { member: member() });
    }
    // The version that follows the one by which it holds: index from 0 is that number.
    match chain.issued().nth(new.version) {
        Some((_, issued)) if issued <= at.saturating_sub(MAX_SUPERSEDED_S) => {
            Err(SuspensionError::Superseded { version: new.version })
        }
        _ => Ok(()),
    }
}

/// Which of `suspensions` count, and why the others do not. They are judged in the order in which they begin. No state suspends a member for more than
/// [`MAX_LIFE_S`] in all within [`REST_S`]: its later signatures are not counted, those of others are, or an ally's suspension would shield a member
/// from all. Nor are for that long so many suspended that too few states are left to cosign. Whoever knows the same suspensions counts the same
/// ones.
pub fn counted<'a>(
    suspensions: impl IntoIterator<Item = &'a VerifiedSuspension>,
    chain: &CharterChain,
) -> (Vec<&'a VerifiedSuspension>, Vec<(&'a VerifiedSuspension, SuspensionError)>) {
    let mut sorted: Vec<_> = suspensions.into_iter().collect();
    sorted.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
    let (mut counted, mut refused) = (Vec::new(), Vec::new());
    for new in sorted {
        match check_total(new, &counted, chain.at(new.from)) {
            Ok(()) => counted.push(new),
            Err(error) => refused.push((new, error)),
        }
    }
    (counted, refused)
}

/// Whether `new` may follow `earlier`, which begin no later.
fn check_total(
    new: &VerifiedSuspension,
    earlier: &[&VerifiedSuspension],
    charter: &Charter,
) -> Result<(), SuspensionError> {
    let recent: Vec<_> =
        earlier.iter().copied().filter(|s| s.until > new.from.saturating_sub(REST_S)).chain([new]).collect();
    let member = new.suspension.member.as_str();
    if recent.iter().filter(|s| s.suspension.member == member).count() > MAX_RECENT {
        return Err(SuspensionError::TooOften { member: member.to_owned() });
    }
    let spent = |state: &String| -> i64 {
        let by_it = recent.iter().filter(|s| s.suspension.member == member && s.signed_by.contains(state));
        by_it.map(|s| s.until - s.from).sum()
    };
    let signed = new.signed_by.iter().filter(|state| spent(state) <= MAX_LIFE_S).count();
    if signed < new.needed {
        return Err(SuspensionError::TooSoon { member: member.to_owned(), signed, needed: new.needed });
    }
    // As many as must cosign, and one whose log they cosign.
    let states = charter.states().count();
    let quorum = states.saturating_sub(1).min(charter.rules.witness_quorum.unwrap_or(0) as usize);
    let (before, with) = (&recent[..recent.len() - 1], &recent[..]);
    let stopped = |suspensions| stopped(suspensions, charter, states - quorum);
    // What was before may be more by now, if the charter asks for more witnesses: that keeps nobody from being suspended who makes it no worse.
    if quorum > 0 && stopped(with) > stopped(before).max(MAX_LIFE_S) {
        return Err(SuspensionError::TooFew { member: member.to_owned(), quorum });
    }
    Ok(())
}

/// For how long, in seconds, at least `many` states of `charter` are suspended at once.
fn stopped(suspensions: &[&VerifiedSuspension], charter: &Charter, many: usize) -> i64 {
    let of_states = suspensions.iter().filter(|s| charter.states().any(|m| m.id == s.suspension.member));
    let mut events: Vec<(i64, bool, &str)> = of_states
        .flat_map(|s| [(s.from, true), (s.until, false)].map(|(at, out)| (at, out, s.suspension.member.as_str())))
        .collect();
    events.sort_unstable();
    let (mut out, mut total, mut last) = (BTreeMap::<&str, usize>::new(), 0, 0);
    for (at, begins, member) in events {
        if out.len() >= many {
            total += at - last;
        }
        last = at;
        let count = out.remove(member).unwrap_or(0);
        let count = if begins { count + 1 } else { count.saturating_sub(1) };
        if count > 0 {
            out.insert(member, count);
        }
    }
    total
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
