//! Every key that acts for this member: where it stands, until when, and what to do about it.

use chancery_ledger::{PublicKey, Purpose, Trust, time};
use serde::Serialize;

use super::RENEW_WITHIN_S;
use super::revoke::{DelegatedKey, delegated};
use crate::error::{Doing as _, Result};
use crate::node::Node;

/// A key of this node or its member.
#[derive(Debug, Clone, Serialize)]
pub struct KeyView {
    /// `authority`, or what it is delegated for.
    pub purpose: String,
    /// An operator's name.
    pub name: String,
    /// The key.
    pub key: String,
    /// What people compare, and what `chancery keys revoke` takes.
    pub fingerprint: String,
    /// Whether it may act now.
    pub ok: bool,
    /// Whether somebody should do something about it.
    pub attention: bool,
    /// Whether another has taken its place.
    pub replaced: bool,
    /// When its last delegation ends, RFC 3339.
    pub until: Option<String>,
    /// Until when, or why not, and what to do.
    pub state: String,
}

/// What is to be said of a key.
struct Standing {
    ok: bool,
    attention: bool,
    until: Option<i64>,
    state: String,
}

impl Node {
    /// The authority key, every delegated key here, and those that were replaced and still count.
    pub fn key_list(&self) -> Result<Vec<KeyView>> {
        let (keyring, trust) = (self.keyring(), self.trust().ok());
        let authority: PublicKey =
            keyring.authority_public()?.parse().or_invalid(|| "the authority's public key is damaged".to_owned())?;
        let mut views = vec![view("authority", "", &authority, self.authority_standing(&authority, trust.as_deref())?)];
        if let Some(trust) = trust.as_deref() {
            views.extend(self.earlier_authorities(trust, &authority));
        }
        let held = crate::forum::held(&keyring)?;
        let delegated = trust.as_deref().map(|trust| delegated(trust, self.member())).unwrap_or_default();
        for (purpose, name, key) in &held {
            let standing = match trust.as_deref() {
                None => lacking("no forum joined".to_owned()),
                Some(trust) => self.mandate_standing(trust, &delegated, *purpose, &key.public()),
            };
            views.push(view(&purpose.to_string(), operator_name(*purpose, name), &key.public(), standing));
        }
        for key in delegated.iter().filter(|d| d.may_act(self.now()) && held.iter().all(|(.., h)| h.public() != d.key))
        {
            let in_use = key.purpose != Purpose::Operator && keyring.key(key.purpose)?.public() == key.key;
            let standing = replaced_standing(key, in_use);
            let shown = view(&key.purpose.to_string(), operator_name(key.purpose, &key.name), &key.key, standing);
            views.push(KeyView { replaced: !in_use, ..shown });
        }
        Ok(views)
    }

    fn authority_standing(&self, key: &PublicKey, trust: Option<&Trust>) -> Result<Standing> {
        let (mut ok, mut state) = match self.keyring().authority_token() {
            Some(_) => (true, "signs charters and delegations, on its token".to_owned()),
            None => (true, "signs charters and delegations; keep it off this machine".to_owned()),
        };
        if let Some(member) = trust.and_then(|t| t.charter().member(self.member())) {
            ok = member.authority_key == *key;
            let next = self.keyring().next_authority_public()?;
            state = match (ok, &member.next_key_hash, next) {
                (false, ..) => format!("the charter names another: {}", member.authority_key.fingerprint()),
                (_, Some(hash), Some(next)) if next.commitment() == *hash => {
                    format!("its successor {} is announced in the charter", next.fingerprint())
                }
                (_, Some(_), _) => "its successor is announced in the charter; its key is not here".to_owned(),
                (_, None, Some(_)) => {
                    "its successor is made and not announced: give your new card for `chancery forum amend --update`"
                        .to_owned()
                }
                (_, None, None) => "no successor is announced: run `chancery keys announce`".to_owned(),
            };
            if let Some(found) = trust.and_then(|t| t.chain().endorsed(self.member(), &[])) {
                state = match found {
                    Ok(found) => format!("{state}; endorsed by `{}`", found.signer),
                    Err(error) => format!("{state}; {error}"),
                };
            }
            if self.keyring().authority_token().is_some() {
                state = format!("{state}; on its token");
            }
        }
        Ok(Standing { ok, attention: !ok, until: None, state })
    }

    /// Authority keys that charters have replaced.
    fn earlier_authorities(&self, trust: &Trust, here: &PublicKey) -> Vec<KeyView> {
        let named = trust.charter().member(self.member()).map(|m| m.authority_key);
        let earlier = trust.chain().authorities(self.member()).into_iter();
        let earlier = earlier.filter(|key| key != here && Some(*key) != named);
        let state = "replaced by a charter: nothing that it signs from then on counts, so there is nothing to revoke";
        let standing = || Standing { ok: false, attention: false, until: None, state: state.to_owned() };
        earlier.map(|key| KeyView { replaced: true, ..view("authority", "", &key, standing()) }).collect()
    }

    fn mandate_standing(
        &self,
        trust: &Trust,
        delegated: &[DelegatedKey],
        purpose: Purpose,
        key: &PublicKey,
    ) -> Standing {
        let now = self.now();
        let ends = delegated.iter().find(|d| d.key == *key && d.stands).map(|d| d.until);
        match (trust.key_for(self.member(), purpose, key, now), ends) {
            (_, Some(end)) if end <= now => Standing { until: Some(end), ..lacking(ended(end)) },
            (Err(error), _) => lacking(error.to_string()),
            (Ok(_), end) => {
                let end = end.unwrap_or(now);
                let (mut attention, mut state) = lasting(end, now);
                // It acts all the same, so it was an earlier authority key's, out of whose reach it is.
                if trust.revocations().any(|r| r.member == self.member() && r.revocation.key == *key) {
                    attention = true;
                    state += "; revoked by an authority key that was replaced since, and delegated by the present one: if the revocation was \
                              yours, run `chancery keys revoke` again";
                }
                Standing { ok: true, attention, until: Some(end), state }
            }
        }
    }
}

/// How long a delegation lasts, and whether it is to be renewed.
fn lasting(end: i64, now: i64) -> (bool, String) {
    let until = format!("until {}", time::format(end));
    if end - now >= RENEW_WITHIN_S {
        return (false, until);
    }
    let left = match (end - now) / (24 * 3600) {
        0 => "within a day".to_owned(),
        1 => "in a day".to_owned(),
        days => format!("in {days} days"),
    };
    (true, format!("{until}: it ends {left}, run `chancery keys renew`"))
}

fn ended(end: i64) -> String {
    format!("ended {}: it may act no more, run `chancery keys renew`", time::format(end))
}

fn replaced_standing(key: &DelegatedKey, in_use: bool) -> Standing {
    let until = time::format(key.until);
    let state = if in_use {
        format!("in use until its successor is delegated, at most until {until}")
    } else {
        format!(
            "not used here any more, and counts until {until}: `chancery keys revoke {} --reason …` if others may have it",
            key.key.fingerprint()
        )
    };
    Standing { ok: true, attention: false, until: Some(key.until), state }
}

fn lacking(state: String) -> Standing {
    Standing { ok: false, attention: true, until: None, state }
}

fn operator_name(purpose: Purpose, name: &str) -> &str {
    if purpose == Purpose::Operator { name } else { "" }
}

fn view(purpose: &str, name: &str, key: &PublicKey, standing: Standing) -> KeyView {
    let Standing { ok, attention, until, state } = standing;
    KeyView {
        purpose: purpose.to_owned(),
        name: name.to_owned(),
        key: key.to_string(),
        fingerprint: key.fingerprint(),
        ok,
        attention,
        replaced: false,
        until: until.map(time::format),
        state,
    }
}
