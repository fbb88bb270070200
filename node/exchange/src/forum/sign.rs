//! What the authority key signs, and nothing else: charters, suspensions, delegations, revocations. Needs no node and no network, so that
//! the key can stay on a machine that has neither.

use chancery_ledger::charter::{Charter, CharterChain, check_endorsements, diff, requirements, signed_states};
use chancery_ledger::delegation::{Delegation, MAX_LIFE_S};
use chancery_ledger::revocation::Revocation;
use chancery_ledger::suspension::Suspension;
use chancery_ledger::{Envelope, ForumBundle, KeyPair, Payload, Purpose, RecordKind, Signer, time};

use crate::error::{Doing as _, Error, Result};
use crate::keyring::Keyring;

/// Seconds by which delegations begin early, for peers whose clock is behind.
const EARLY_S: i64 = 600;
/// Delegations that end within so many seconds are made anew.
const RENEW_WITHIN_S: i64 = 76 * 24 * 3600;

/// Adds this member's signature to what waits for it in `bundle`, and its delegations where they are missing. Returns the genesis id and the
/// member states that have signed the newest charter.
pub fn sign(
    bundle: &mut ForumBundle,
    member: &str,
    keyring: &Keyring,
    authority: &dyn Signer,
    now: i64,
) -> Result<(String, Vec<String>)> {
    let (forum, charter) = newest(bundle)?;
    let named = charter.member(member).ok_or_else(|| {
        Error::denied(format!("the charter does not name `{member}`: this bundle is not for this node"))
    })?;
    if named.authority_key != authority.public_key() {
        return Err(Error::denied(format!(
            "the charter names another authority key for `{member}`: ask for a new draft"
        )));
    }
    let lasts = |envelope: &Envelope, key: &KeyPair| {
        let payload = envelope.payload::<Delegation>(RecordKind::Delegation);
        payload.is_ok_and(|p| {
            let end = time::parse(&p.body.not_after).unwrap_or(0);
            p.body.key == key.public()
                && end > now + RENEW_WITHIN_S
                && envelope.signed_by(&authority.public_key()).is_ok()
        })
    };
    for (purpose, name, key) in held_keys(keyring)? {
        if !bundle.delegations.iter().any(|envelope| lasts(envelope, &key)) {
            bundle.delegations.push(mandate(&forum, member, purpose, name, &key, now)?);
        }
    }
    sign_all(bundle, authority, true)?;
    let newest = bundle.charters.last().ok_or_else(|| Error::invalid("the bundle holds no charter"))?;
    Ok((forum, signed_states(newest, &charter, None)))
}

fn newest(bundle: &ForumBundle) -> Result<(String, Charter)> {
    let none = || Error::invalid("the bundle holds no charter");
    let malformed = || "the bundle is malformed".to_owned();
    let genesis = bundle.charters.first().ok_or_else(none)?.id().or_invalid(malformed)?;
    let newest = bundle.charters.last().ok_or_else(none)?;
    Ok((genesis, newest.payload::<Charter>(RecordKind::Charter).or_invalid(malformed)?.body))
}

/// Every key of the node and its operators.
pub(crate) fn held_keys(keyring: &Keyring) -> Result<Vec<(Purpose, String, KeyPair)>> {
    let mut keys = Vec::new();
    for purpose in [Purpose::Log, Purpose::Witness, Purpose::Publisher, Purpose::Transport] {
        keys.push((purpose, purpose.to_string(), keyring.newest_key(purpose)?));
    }
    for name in keyring.operators()? {
        let key = keyring.operator(&name)?;
        keys.push((Purpose::Operator, name, key));
    }
    Ok(keys)
}

/// Delegations of every key in `keyring` for 90 days, signed by the keys themselves and not yet by the authority.
pub fn mandates(forum: &str, member: &str, keyring: &Keyring, now: i64) -> Result<Vec<Envelope>> {
    let keys = held_keys(keyring)?;
    keys.into_iter().map(|(purpose, name, key)| mandate(forum, member, purpose, name, &key, now)).collect()
}

fn mandate(forum: &str, member: &str, purpose: Purpose, name: String, key: &KeyPair, now: i64) -> Result<Envelope> {
    let not_before = now - EARLY_S;
    let body = Delegation {
        purpose,
        key: key.public(),
        name,
        not_before: time::format(not_before),
        not_after: time::format(not_before + MAX_LIFE_S),
    };
    let payload = Payload {
        forum: forum.to_owned(),
        issuer: member.to_owned(),
        issued_at: time::format(now),
        kind: RecordKind::Delegation,
        body,
    };
    Envelope::seal(&payload, &[key]).or_invalid(|| "cannot write a delegation".to_owned())
}

/// Signs with `authority` whatever in `bundle` waits for it. Returns what was signed, in words. A charter that enough have signed already is
/// signed too only if `late`: a request to renew keys is no vote.
///
/// # Errors
/// Nothing waits for this key, or what would be signed contradicts the charters before it.
pub fn sign_all(bundle: &mut ForumBundle, authority: &dyn Signer, late: bool) -> Result<Vec<String>> {
    let key = authority.public_key();
    let votes = late || CharterChain::verify(None, &bundle.charters).is_err();
    let (_, charter) = newest(bundle)?;
    let (last, earlier) = bundle.charters.split_last_mut().ok_or_else(|| Error::invalid("no charter"))?;
    // All but the newest must hold already: nobody signs on a broken chain.
    let before = match earlier {
        [] => None,
        _ => Some(CharterChain::verify(None, earlier).or_unverified(|| "the earlier charters do not hold".to_owned())?),
    };
    let previous = before.as_ref().map(CharterChain::current);
    let owner = |c: &Charter| c.members.iter().find(|m| m.authority_key == key).map(|m| m.id.clone());
    let owners = [owner(&charter), previous.and_then(owner)];
    let Some(member) = owners.into_iter().flatten().next() else {
        return Err(Error::denied(format!("{key} is the authority key of no member under this charter")));
    };
    let mut signed = Vec::new();
    if votes && last.signed_by(&key).is_err() {
        if let Some(chain) = &before
            && charter.previous.as_deref() != Some(chain.current_id())
        {
            return Err(Error::unverified("the newest charter does not follow the one before it"));
        }
        let issued = last.payload::<Charter>(RecordKind::Charter).and_then(|p| p.issued_at_s());
        let issued = issued.or_invalid(|| "the bundle is malformed".to_owned())?;
        check_endorsements(previous, &charter, issued)
            .or_unverified(|| "the charter is not to be signed".to_owned())?;
        last.sign(authority).or_invalid(|| "cannot sign the charter".to_owned())?;
        signed.push(format!("charter version {}:", charter.version));
        signed.extend(diff(previous, &charter).into_iter().map(|c| format!("  {}: {}", c.act.as_str(), c.text)));
        signed.extend(requirements(previous, &charter).into_iter().map(|text| format!("  needs {text}")));
    }
    sign_others(bundle, authority, &charter, &member, &mut signed)?;
    Ok(signed)
}

fn sign_others(
    bundle: &mut ForumBundle,
    authority: &dyn Signer,
    charter: &Charter,
    member: &str,
    signed: &mut Vec<String>,
) -> Result<()> {
    let malformed = || "the bundle is malformed".to_owned();
    let key = authority.public_key();
    for envelope in &mut bundle.suspensions {
        let what = envelope.payload::<Suspension>(RecordKind::Suspension).or_invalid(malformed)?.body;
        // A state does not vote on its own suspension, and an observer has no vote.
        let votes = charter.states().any(|m| m.id == member) && what.member != member;
        if votes && envelope.signed_by(&key).is_err() {
            envelope.sign(authority).or_invalid(|| "cannot sign the suspension".to_owned())?;
            signed.push(format!("suspension of `{}` until {}: {}", what.member, what.until, what.reason));
        }
    }
    for envelope in bundle.delegations.iter_mut().chain(&mut bundle.revocations) {
        if let Some(what) = own_mandate(envelope, member).or_invalid(malformed)?
            && envelope.signatures.len() < 2
            && envelope.signed_by(&key).is_err()
        {
            envelope.sign(authority).or_invalid(|| "cannot sign a delegation".to_owned())?;
            signed.push(what);
        }
    }
    Ok(())
}

/// A delegation or revocation by `member`, in words; none for another's.
fn own_mandate(envelope: &Envelope, member: &str) -> Result<Option<String>, chancery_ledger::record::RecordError> {
    if envelope.kind() == Some(RecordKind::Revocation) {
        let payload = envelope.payload::<Revocation>(RecordKind::Revocation)?;
        let Revocation { key, from, reason } = payload.body;
        return Ok((payload.issuer == member).then(|| format!("revocation of {key} from {from}: {reason}")));
    }
    let payload = envelope.payload::<Delegation>(RecordKind::Delegation)?;
    let Delegation { purpose, key, name, not_after, .. } = payload.body;
    Ok((payload.issuer == member).then(|| format!("delegation of {key} for {purpose} ({name}) until {not_after}")))
}
