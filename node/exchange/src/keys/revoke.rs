//! Revoking: which key is meant, exactly, and what must be signed to end its mandate.

use std::collections::BTreeMap;

use chancery_ledger::revocation::Revocation;
use chancery_ledger::{Envelope, ForumBundle, Payload, PublicKey, Purpose, RecordKind, Trust, time};

use super::OWN;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// A key that a member has delegated, by however many delegations.
#[derive(Debug, Clone)]
pub(super) struct DelegatedKey {
    pub(super) key: PublicKey,
    pub(super) purpose: Purpose,
    /// An operator's name.
    pub(super) name: String,
    /// Record ids of its delegations.
    ids: Vec<String>,
    /// When the last of them ends, unix seconds.
    pub(super) until: i64,
    /// Whether one of them is by the authority key that the charter names, and it was not revoked: it acts until they end.
    pub(super) stands: bool,
}

impl DelegatedKey {
    /// Whether it may act now or later.
    pub(super) fn may_act(&self, now: i64) -> bool {
        self.stands && self.until > now
    }

    fn is(&self, name: &str) -> bool {
        name == self.key.fingerprint() || name == self.key.to_string() || self.ids.iter().any(|id| id == name)
    }

    /// How `chancery keys revoke` may name it, for people.
    fn line(&self, now: i64) -> String {
        let what = match self.purpose {
            Purpose::Operator => format!("operator/{}", self.name),
            purpose => purpose.to_string(),
        };
        let until = time::format(self.until);
        let state = match (self.stands, self.until > now) {
            (false, _) => "acts no more".to_owned(),
            (true, true) => format!("until {until}"),
            (true, false) => format!("ended {until}"),
        };
        format!("{} ({what}, {state})", self.key.fingerprint())
    }
}

/// Every key that `member` ever delegated, by purpose and name.
pub(super) fn delegated(trust: &Trust, member: &str) -> Vec<DelegatedKey> {
    let authority = trust.charter().member(member).map(|m| m.authority_key);
    let mut keys: BTreeMap<PublicKey, DelegatedKey> = BTreeMap::new();
    for d in trust.delegations().filter(|d| d.member == member) {
        let key = d.delegation.key;
        let found = keys.entry(key).or_insert_with(|| DelegatedKey {
            key,
            purpose: d.delegation.purpose,
            name: d.delegation.name.clone(),
            ids: Vec::new(),
            until: i64::MIN,
            stands: false,
        });
        let stands = Some(d.authority) == authority && trust.revocation(member, &key, &d.authority).is_none();
        // What does not stand says nothing of how long the rest does.
        if (stands && !found.stands) || (stands == found.stands && d.not_after > found.until) {
            found.until = d.not_after;
        }
        found.stands |= stands;
        found.ids.push(d.id.clone());
    }
    let mut keys: Vec<_> = keys.into_values().collect();
    keys.sort_by(|a, b| (a.purpose, &a.name, a.until).cmp(&(b.purpose, &b.name, b.until)));
    keys
}

/// The one key that `name` names. Never the nearest: where it names none or several, all that come into question are told.
fn choose(keys: &[DelegatedKey], name: &str, now: i64) -> Result<DelegatedKey> {
    let shown = |keys: &[&DelegatedKey]| keys.iter().map(|k| k.line(now)).collect::<Vec<_>>().join("; ");
    if let Some(key) = keys.iter().find(|k| k.is(name)) {
        return Ok(key.clone());
    }
    let serves = |key: &DelegatedKey| match name.split_once('/') {
        Some(("operator", of)) => key.purpose == Purpose::Operator && key.name == of,
        _ => OWN.contains(&key.purpose) && key.purpose.to_string() == name,
    };
    let acting: Vec<_> = keys.iter().filter(|k| k.may_act(now)).collect();
    let named: Vec<_> = acting.iter().copied().filter(|k| serves(k)).collect();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Error::not_found(format!(
            "`{name}` names no key that may act: name one by its fingerprint. There are {}",
            shown(&acting)
        ))),
        several => Err(Error::invalid(format!(
            "`{name}` names {} keys that may act: name the one by its fingerprint. They are {}",
            several.len(),
            shown(several)
        ))),
    }
}

impl Node {
    /// What must be signed to revoke the key that `name` names from `from` (unix seconds) on: a fingerprint, the key, the record id of its
    /// delegation, or a purpose or `operator/NAME` that only one key serves. A key that the node uses is replaced by a new one at once: the
    /// log goes on.
    ///
    /// # Errors
    /// `name` names none or several, or the revocation would be refused. Nothing was made then.
    pub fn request_revocation(&self, name: &str, from: i64, reason: &str) -> Result<ForumBundle> {
        let (keyring, trust, now) = (self.keyring(), self.trust()?, self.now());
        let authorities = trust.chain().authorities(self.member());
        if authorities.iter().any(|key| key.fingerprint() == name || key.to_string() == name) {
            return Err(Error::invalid(format!(
                "`{name}` is an authority key, which a charter replaces: run `chancery keys rotate`"
            )));
        }
        let key = choose(&delegated(&trust, self.member()), name, now)?;
        let body = Revocation { key: key.key, from: time::format(from), reason: reason.to_owned() };
        body.check(now).or_invalid(|| "nothing was revoked".to_owned())?;
        let in_use = OWN.contains(&key.purpose) && keyring.key(key.purpose)?.public() == key.key;
        let mut request = if in_use {
            self.request_replacement(key.purpose)?
        } else {
            ForumBundle { charters: trust.chain().envelopes().to_vec(), ..ForumBundle::default() }
        };
        let payload = Payload {
            forum: trust.forum().to_owned(),
            issuer: self.member().to_owned(),
            issued_at: time::format(now),
            kind: RecordKind::Revocation,
            body,
        };
        request.revocations.push(Envelope::seal(&payload, &[]).or_invalid(|| "cannot write it".to_owned())?);
        Ok(request)
    }
}
