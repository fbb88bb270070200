//! A member's part in a bundle: its signature of what it was shown, and the delegations of its node's keys.

use chancery_ledger::charter::signed_states;
use chancery_ledger::delegation::{Delegation, MAX_LIFE_S};
use chancery_ledger::revocation::Revocation;
use chancery_ledger::{Envelope, ForumBundle, KeyPair, Payload, PublicKey, Purpose, RecordKind, Signer, time};

use super::waiting::{Waiting, newest, sign_chosen, waiting};
use crate::error::{Doing as _, Error, Result};
use crate::keyring::{Keyring, SignedCharters};

/// Seconds by which delegations begin early, for peers whose clock is behind.
const EARLY_S: i64 = 600;
/// Delegations that end within so many seconds are made anew.
const RENEW_WITHIN_S: i64 = 76 * 24 * 3600;

/// Adds this member's delegations where they are missing, and its signature to them and to what `choose` names of everything else that waits
/// for it. Returns the genesis id and the member states that have signed the newest charter.
pub fn sign(
    bundle: &mut ForumBundle,
    member: &str,
    keyring: &Keyring,
    authority: &dyn Signer,
    now: i64,
    signed: &mut SignedCharters,
    choose: impl FnOnce(&[Waiting]) -> Result<Vec<String>>,
) -> Result<(String, Vec<String>)> {
    check_named(bundle, member, &authority.public_key())?;
    let (forum, charter) = newest(bundle)?;
    let made = delegate_held(bundle, &forum, member, keyring, &authority.public_key(), now)?;
    sign_chosen(bundle, authority, true, now, signed, |waiting| {
        let (own, others): (Vec<_>, Vec<_>) = waiting.iter().cloned().partition(|w| made.contains(&w.id));
        let mut ids = choose(&others)?;
        ids.extend(own.into_iter().map(|w| w.id));
        Ok(ids)
    })?;
    let newest = bundle.charters.last().ok_or_else(|| Error::invalid("the bundle holds no charter"))?;
    Ok((forum, signed_states(newest, &charter, None)))
}

/// What [`sign`] would ask about.
pub fn waiting_for(
    bundle: &ForumBundle,
    member: &str,
    keyring: &Keyring,
    now: i64,
    signed: &SignedCharters,
) -> Result<Vec<Waiting>> {
    let authority: PublicKey =
        keyring.authority_public()?.parse().or_invalid(|| "the authority's public key is damaged".to_owned())?;
    check_named(bundle, member, &authority)?;
    waiting(bundle, &authority, true, now, signed)
}

fn check_named(bundle: &ForumBundle, member: &str, authority: &PublicKey) -> Result<()> {
    let charter = newest(bundle)?.1;
    let named = charter.member(member).ok_or_else(|| {
        Error::denied(format!("the charter does not name `{member}`: this bundle is not for this node"))
    })?;
    if named.authority_key != *authority {
        return Err(Error::denied(format!(
            "the charter names another authority key for `{member}`: ask for a new draft"
        )));
    }
    Ok(())
}

/// Adds a delegation of each key held here that has none of enough length. Returns their record ids.
fn delegate_held(
    bundle: &mut ForumBundle,
    forum: &str,
    member: &str,
    keyring: &Keyring,
    authority: &PublicKey,
    now: i64,
) -> Result<Vec<String>> {
    let lasts = |envelope: &Envelope, key: &KeyPair| {
        let payload = envelope.payload::<Delegation>(RecordKind::Delegation);
        payload.is_ok_and(|p| {
            let end = time::parse(&p.body.not_after).unwrap_or(0);
            p.body.key == key.public() && end > now + RENEW_WITHIN_S && envelope.signed_by(authority).is_ok()
        })
    };
    let revoked = |key: &KeyPair| {
        let payloads = bundle.revocations.iter().filter_map(|e| e.payload::<Revocation>(RecordKind::Revocation).ok());
        payloads.into_iter().any(|p| p.issuer == member && p.body.key == key.public())
    };
    let mut keys = held_keys(keyring)?;
    // A revoked key comes back by no signature of a charter, only by one that names it.
    keys.retain(|(.., key)| !revoked(key));
    let mut made = Vec::new();
    for (purpose, name, key) in keys {
        if !bundle.delegations.iter().any(|envelope| lasts(envelope, &key)) {
            let mandate = mandate(forum, member, purpose, name, &key, now)?;
            made.push(mandate.id().or_invalid(|| "cannot write a delegation".to_owned())?);
            bundle.delegations.push(mandate);
        }
    }
    Ok(made)
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
