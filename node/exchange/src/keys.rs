//! A member's keys: what each may do until when, renewing, replacing, revoking, and what follows the authority key.
//!
//! Everything the authority key must sign is first a request: a bundle with the forum's charters and the records that lack its signature.
//! The request is signed here, or on a machine without network, and comes back as a response.

mod list;
mod revoke;

pub use list::KeyView;

use chancery_ledger::charter::Member;
use chancery_ledger::trust::Merged;
use chancery_ledger::{Envelope, ForumBundle, KeyPair, Purpose, Trust};

use crate::error::{Error, Result};
use crate::forum::{Amendment, amend, mandates};
use crate::node::Node;

/// Delegations that end within so many seconds are to be renewed.
pub(crate) const RENEW_WITHIN_S: i64 = 14 * 24 * 3600;

/// What keys of a node serve that is no operator's.
const OWN: [Purpose; 4] = [Purpose::Log, Purpose::Witness, Purpose::Publisher, Purpose::Transport];

/// Reads `log`, `witness`, `publisher` or `transport`.
pub fn parse_purpose(text: &str) -> Result<Purpose> {
    OWN.into_iter()
        .find(|purpose| purpose.to_string() == text)
        .ok_or_else(|| Error::invalid(format!("`{text}` is no purpose: use log, witness, publisher or transport")))
}

impl Node {
    /// What must be signed to renew every key here for 90 days. The delegations held go on beside the new ones.
    pub fn request_renewal(&self) -> Result<ForumBundle> {
        let trust = self.trust()?;
        Ok(ForumBundle {
            charters: trust.chain().envelopes().to_vec(),
            delegations: self.own_mandates(&trust)?,
            ..ForumBundle::default()
        })
    }

    /// A delegation of every key here that was not revoked, without the authority's signature. One that an earlier authority key revoked is
    /// left out too, unless the present one has delegated it since: that is out of the earlier one's reach, whoever has it now.
    fn own_mandates(&self, trust: &Trust) -> Result<Vec<Envelope>> {
        let mut mandates = mandates(trust.forum(), self.member(), &self.keyring(), self.now())?;
        let revoked = |key| trust.revocations().any(|r| r.member == self.member() && r.revocation.key == key);
        let stands = |key| revoke::delegated(trust, self.member()).iter().any(|d| d.key == key && d.stands);
        mandates.retain(|e| e.signers().all(|key| !revoked(key) || stands(key)));
        Ok(mandates)
    }

    /// Makes a key for a new operator, and what must be signed to delegate it.
    pub fn request_operator(&self, name: &str) -> Result<ForumBundle> {
        let key = self.keyring().add_operator(name)?;
        self.request_for(&key)
    }

    /// Makes a new key that is to take the place of one of the node's, and what must be signed to delegate it. The old one acts until its
    /// delegation ends, or is revoked.
    pub fn request_replacement(&self, purpose: Purpose) -> Result<ForumBundle> {
        let key = self.keyring().next_key(purpose)?;
        self.request_for(&key)
    }

    fn request_for(&self, key: &KeyPair) -> Result<ForumBundle> {
        let mut request = self.request_renewal()?;
        let of = |e: &Envelope| e.signers().any(|signer| signer == key.public());
        request.delegations.retain(of);
        Ok(request)
    }

    /// The charter that puts the announced authority key in the place of the present one, with delegations for it to sign. The other
    /// states must sign it too. `announce`: the hash of the key after it.
    pub fn request_rotation(&self, announce: Option<String>) -> Result<ForumBundle> {
        let trust = self.trust()?;
        let next = self.keyring().next_authority_public()?;
        let next = next.ok_or_else(|| {
            Error::not_found("there is no next authority key here: make and announce it by `chancery keys announce`")
        })?;
        let member = trust.charter().member(self.member());
        let member = member.ok_or_else(|| Error::denied("this node is no member under the charter"))?;
        // What the national PKI said was of the old key.
        let endorsement = self.keyring().endorsement(true)?;
        let update = Member { authority_key: next, next_key_hash: announce, endorsement, ..member.clone() };
        let amendment = Amendment { update: vec![update], ..Amendment::default() };
        let mut draft = amend(&trust.bundle(), amendment, self.member(), self.now())?;
        draft.delegations.extend(self.own_mandates(&trust)?);
        Ok(draft)
    }

    /// Takes a signed request back, whole or not at all: the keys in it act from now on, and the log says so.
    ///
    /// # Errors
    /// A part of it does not hold: then nothing is taken over. A revocation is refused together with the key's successor, or the next
    /// attempt would revoke that.
    pub async fn accept(&self, response: &ForumBundle) -> Result<Merged> {
        let whole = |merged: &Merged| match merged.refused.first() {
            Some(error) => Err(Error::unverified(format!("nothing of the response was accepted: {error}"))),
            None if merged.unvouched > 0 => Err(Error::unverified(
                "nothing of the response was accepted: the authority key that signed it has been replaced",
            )),
            None => Ok(()),
        };
        let merged = self.take_over_if(response, whole).await?;
        self.follow_own_keys().await?;
        Ok(merged)
    }
}
