//! What the authority key signs, and nothing else: charters, suspensions, delegations, revocations. Each is told in words before it is signed,
//! and only what was chosen is. Needs no node and no network, so that the key can stay on a machine that has neither.

use chancery_ledger::charter::{Charter, CharterChain, check_draft, diff, requirements};
use chancery_ledger::delegation::Delegation;
use chancery_ledger::revocation::Revocation;
use chancery_ledger::suspension::{self, Count, Suspension};
use chancery_ledger::{Envelope, ForumBundle, PublicKey, RecordKind, Signer, time};
use serde::Serialize;

use crate::error::{Doing as _, Error, Result};
use crate::keyring::SignedCharters;

/// A record that waits for an authority key's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Record id.
    pub id: String,
    /// `charter`, `suspension`, `delegation` or `revocation`.
    pub kind: &'static str,
    /// Whether it is the forum's matter and the signature a vote; else it is of the member's own keys.
    pub vote: bool,
    /// What it says, a line each.
    pub text: Vec<String>,
    /// Charters signed earlier that follow the same version: who signs this one must have given them up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instead_of: Vec<String>,
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.text.join("\n  "))
    }
}

/// The ids of everything that waits: for whoever made it all.
pub fn everything(waiting: &[Waiting]) -> Result<Vec<String>> {
    Ok(waiting.iter().map(|w| w.id.clone()).collect())
}

/// Signs with `authority` what `choose` names, by record id, of that which waits for it. Returns what was signed. `signed` remembers charters.
///
/// # Errors
/// The key is no member's, something else is named than waits, the newest charter contradicts those before it, or another one that follows the
/// same version was signed and not given up. Nothing is signed then.
pub fn sign_chosen(
    bundle: &mut ForumBundle,
    authority: &dyn Signer,
    late: bool,
    now: i64,
    signed: &mut SignedCharters,
    choose: impl FnOnce(&[Waiting]) -> Result<Vec<String>>,
) -> Result<Vec<Waiting>> {
    let waiting = waiting(bundle, &authority.public_key(), late, now, signed)?;
    let ids = choose(&waiting)?;
    if let Some(id) = ids.iter().find(|id| waiting.iter().all(|w| w.id != **id)) {
        let there = waiting.iter().map(|w| format!("{} ({})", w.id, w.kind)).collect::<Vec<_>>();
        let there =
            if there.is_empty() { "nothing does".to_owned() } else { format!("these do: {}", there.join(", ")) };
        return Err(Error::not_found(format!("no record `{id}` waits for this key's signature; {there}")));
    }
    if let Some(charter) = bundle.charters.last()
        && ids.contains(&charter.id().or_invalid(malformed)?)
    {
        signed.remember(charter, now)?;
    }
    let ForumBundle { charters, delegations, revocations, suspensions, .. } = bundle;
    let records = charters.last_mut().into_iter().chain(suspensions).chain(delegations).chain(revocations);
    for record in records {
        if ids.contains(&record.id().or_invalid(malformed)?) {
            record.sign(authority).or_invalid(|| "cannot sign".to_owned())?;
        }
    }
    Ok(waiting.into_iter().filter(|w| ids.contains(&w.id)).collect())
}

/// What in `bundle` waits for the signature of the authority key `key` at `now`. A charter that enough have signed already waits only if
/// `late`: a request to renew keys is no vote.
pub fn waiting(
    bundle: &ForumBundle,
    key: &PublicKey,
    late: bool,
    now: i64,
    signed: &SignedCharters,
) -> Result<Vec<Waiting>> {
    let (_, charter) = newest(bundle)?;
    let (last, earlier) = bundle.charters.split_last().ok_or_else(|| Error::invalid("no charter"))?;
    // All but the newest must hold already: nobody signs on a broken chain.
    let before = match earlier {
        [] => None,
        _ => Some(CharterChain::verify(None, earlier).or_unverified(|| "the earlier charters do not hold".to_owned())?),
    };
    let owner = |c: &Charter| c.members.iter().find(|m| m.authority_key == *key).map(|m| m.id.clone());
    let owners = [owner(&charter), before.as_ref().map(CharterChain::current).and_then(owner)];
    let Some(member) = owners.into_iter().flatten().next() else {
        return Err(Error::denied(format!("{key} is the authority key of no member under this charter")));
    };
    let whole = CharterChain::verify(None, &bundle.charters);
    let mut waiting = Vec::new();
    if (late || whole.is_err()) && last.signed_by(key).is_err() {
        waiting.push(charter_waiting(last, &charter, before.as_ref(), signed)?);
    }
    if let Some(chain) = whole.as_ref().ok().or(before.as_ref()) {
        for envelope in bundle.suspensions.iter().filter(|e| e.signed_by(key).is_err()) {
            waiting.extend(suspension_waiting(envelope, &charter, chain, &member, now)?);
        }
    }
    // A member's mandates are given by the key that the newest charter names for it: one that this charter replaces would be signing in vain.
    let mut keys: Vec<PublicKey> = before.as_ref().map(|chain| chain.authorities(&member)).unwrap_or_default();
    keys.push(*key);
    if owner(&charter).is_some() {
        for envelope in bundle.delegations.iter().chain(&bundle.revocations) {
            if keys.iter().all(|key| envelope.signed_by(key).is_err()) {
                waiting.extend(own_mandate(envelope, &member)?);
            }
        }
    }
    Ok(waiting)
}

/// The genesis id and the newest charter.
pub(super) fn newest(bundle: &ForumBundle) -> Result<(String, Charter)> {
    let none = || Error::invalid("the bundle holds no charter");
    let genesis = bundle.charters.first().ok_or_else(none)?.id().or_invalid(malformed)?;
    let newest = bundle.charters.last().ok_or_else(none)?;
    Ok((genesis, newest.payload::<Charter>(RecordKind::Charter).or_invalid(malformed)?.body))
}

fn malformed() -> String {
    "the bundle is malformed".to_owned()
}

fn charter_waiting(
    envelope: &Envelope,
    charter: &Charter,
    before: Option<&CharterChain>,
    signed: &SignedCharters,
) -> Result<Waiting> {
    let payload = envelope.payload::<Charter>(RecordKind::Charter).or_invalid(malformed)?;
    let previous = before.map(CharterChain::current);
    check_draft(before, envelope).or_unverified(|| "the charter is not to be signed".to_owned())?;
    let mut text = vec![format!(
        "charter version {} of {}, proposed by `{}` at {}:",
        charter.version, charter.forum_name, payload.issuer, payload.issued_at
    )];
    text.extend(diff(previous, charter).into_iter().map(|c| format!("{}: {}", c.act.as_str(), c.text)));
    text.extend(requirements(previous, charter).into_iter().map(|line| format!("needs {line}")));
    let mut instead_of = Vec::new();
    for (rival, at) in signed.rivals(envelope)? {
        text.push(format!(
            "WARNING: at {at} this member's key has signed another charter that follows the same version, {rival}: two that are valid fork the \
             forum, so sign this one only if all have given that one up"
        ));
        instead_of.push(rival);
    }
    Ok(Waiting { id: envelope.id().or_invalid(malformed)?, kind: "charter", vote: true, text, instead_of })
}

/// A suspension that lacks signatures; none where this member has no vote, or where enough have signed or it is over.
fn suspension_waiting(
    envelope: &Envelope,
    charter: &Charter,
    chain: &CharterChain,
    member: &str,
    now: i64,
) -> Result<Option<Waiting>> {
    let payload = envelope.payload::<Suspension>(RecordKind::Suspension).or_invalid(malformed)?;
    let (issuer, Suspension { member: suspended, from, until, reason }) = (payload.issuer, payload.body);
    // A state does not vote on its own suspension, and an observer has no vote.
    let votes = charter.states().any(|m| m.id == member) && suspended != member;
    let over = time::parse(&until).is_none_or(|until| until <= now);
    if !votes || over {
        return Ok(None);
    }
    let counted = suspension::signatures(envelope, chain);
    let Count { signed_by, needed, .. } =
        counted.or_unverified(|| "a suspension in the bundle is refused".to_owned())?;
    if signed_by.len() >= needed {
        return Ok(None);
    }
    let by = if signed_by.is_empty() { "nobody".to_owned() } else { signed_by.join(", ") };
    let text = vec![
        format!("suspension of `{suspended}` from {from} until {until}, proposed by `{issuer}`: {reason}"),
        format!("needs {needed} other member states; signed by {by}"),
    ];
    let id = envelope.id().or_invalid(malformed)?;
    Ok(Some(Waiting { id, kind: RecordKind::Suspension.as_str(), vote: true, text, instead_of: Vec::new() }))
}

/// A delegation or revocation by `member`, in words; none for another's.
fn own_mandate(envelope: &Envelope, member: &str) -> Result<Option<Waiting>> {
    let (issuer, kind, text) = if envelope.kind() == Some(RecordKind::Revocation) {
        let payload = envelope.payload::<Revocation>(RecordKind::Revocation).or_invalid(malformed)?;
        let Revocation { key, from, reason } = payload.body;
        let text = format!("revocation of {} ({key}) from {from}: {reason}", key.fingerprint());
        (payload.issuer, RecordKind::Revocation, text)
    } else {
        let payload = envelope.payload::<Delegation>(RecordKind::Delegation).or_invalid(malformed)?;
        let Delegation { purpose, key, name, not_before, not_after } = payload.body;
        let key = format!("{} ({key})", key.fingerprint());
        let text = format!("delegation of {key} for {purpose} ({name}) from {not_before} until {not_after}");
        (payload.issuer, RecordKind::Delegation, text)
    };
    let id = envelope.id().or_invalid(malformed)?;
    let waiting = || Waiting { id, kind: kind.as_str(), vote: false, text: vec![text], instead_of: Vec::new() };
    Ok((issuer == member).then(waiting))
}
