//! What a node believes: a verified charter chain and the delegations under it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audience::excerpt;
use crate::charter::{Charter, CharterChain, CharterError};
use crate::delegation::{self, DelegationError, VerifiedDelegation};
use crate::keys::{PublicKey, Purpose};
use crate::record::{Envelope, RecordError};
use crate::time;

/// Largest bundle file, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 16 << 20;
/// Most delegations held for one forum.
const MAX_DELEGATIONS: usize = 100_000;

/// The file a member passes on: every charter version and every delegation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForumBundle {
    /// Charter versions, genesis first.
    pub charters: Vec<Envelope>,
    /// Delegations, in any order.
    pub delegations: Vec<Envelope>,
}

impl ForumBundle {
    /// Reads a bundle file and checks each envelope's form.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(TrustError::Bundle(format!("{} bytes, more than {MAX_BUNDLE_BYTES}", bytes.len())));
        }
        let bundle: Self = serde_json::from_slice(bytes).map_err(|e| TrustError::Bundle(excerpt(&e.to_string())))?;
        for envelope in bundle.charters.iter().chain(&bundle.delegations) {
            envelope.check_form()?;
        }
        Ok(bundle)
    }
}

/// Why something is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not a bundle.
    #[error("not a forum bundle: {0}")]
    Bundle(String),
    /// An envelope in it is malformed.
    #[error("{0}")]
    Record(#[from] RecordError),
    /// The charter chain is refused.
    #[error("{0}")]
    Charter(#[from] CharterError),
    /// A delegation is refused.
    #[error("{0}")]
    Delegation(#[from] DelegationError),
    /// One key, two purposes or two members.
    #[error(
        "the key {key} is delegated to `{first}` for {first_purpose} and to `{second}` for {second_purpose}: one key serves one purpose"
    )]
    KeyReused {
        /// The key.
        key: PublicKey,
        /// Its first holder.
        first: String,
        /// Its first purpose.
        first_purpose: Purpose,
        /// The other holder.
        second: String,
        /// The other purpose.
        second_purpose: Purpose,
    },
    /// An authority key is delegated: it may only sign charters and delegations.
    #[error("the key {key} is the authority key of `{member}` and cannot be delegated: make a new key")]
    AuthorityReused {
        /// The key.
        key: PublicKey,
        /// Whose authority it is or was.
        member: String,
    },
    /// Not a member.
    #[error("`{0}` is not a member under the charter")]
    NotAMember(String),
    /// No such delegation.
    #[error("the key {key} has no delegation by `{member}` for {purpose}")]
    NotDelegated {
        /// The member.
        member: String,
        /// The purpose asked for.
        purpose: Purpose,
        /// The key.
        key: PublicKey,
    },
    /// The delegation is not in force.
    #[error(
        "the delegation of {key} by `{member}` for {purpose} runs from {} to {}, not at {}: ask the member to renew it (`chancery forum renew`)",
        time::format(*from), time::format(*to), time::format(*at)
    )]
    NotInForce {
        /// The member.
        member: String,
        /// The purpose asked for.
        purpose: Purpose,
        /// The key.
        key: PublicKey,
        /// Start, unix seconds.
        from: i64,
        /// End, unix seconds.
        to: i64,
        /// When it was needed, unix seconds.
        at: i64,
    },
    /// Too many.
    #[error("more than {MAX_DELEGATIONS} delegations")]
    TooMany,
}

/// A verified charter chain and its delegations.
#[derive(Debug, Clone)]
pub struct Trust {
    chain: CharterChain,
    delegations: BTreeMap<String, VerifiedDelegation>,
    /// Each delegated key's one member and purpose.
    holders: BTreeMap<PublicKey, (String, Purpose)>,
}

impl Trust {
    /// Verifies the chain and every delegation of `bundle`.
    pub fn verify(genesis_id: Option<&str>, bundle: &ForumBundle) -> Result<Self, TrustError> {
        let chain = CharterChain::verify(genesis_id, &bundle.charters)?;
        let mut trust = Self { chain, delegations: BTreeMap::new(), holders: BTreeMap::new() };
        for envelope in &bundle.delegations {
            trust.add(envelope)?;
        }
        Ok(trust)
    }

    /// Adds a delegation; true if it was new.
    pub fn add(&mut self, envelope: &Envelope) -> Result<bool, TrustError> {
        let verified = delegation::verify(envelope, self.chain.forum(), |member| self.chain.authorities(member))?;
        let key = verified.delegation.key;
        let reused = |first: String, first_purpose| TrustError::KeyReused {
            key,
            first,
            first_purpose,
            second: verified.member.clone(),
            second_purpose: verified.delegation.purpose,
        };
        if let Some(holder) = self.chain.authority_holder(&key) {
            return Err(TrustError::AuthorityReused { key, member: holder.to_owned() });
        }
        let serves = (verified.member.clone(), verified.delegation.purpose);
        if let Some((member, purpose)) = self.holders.get(&key).filter(|first| **first != serves) {
            return Err(reused(member.clone(), *purpose));
        }
        if self.delegations.len() >= MAX_DELEGATIONS {
            return Err(TrustError::TooMany);
        }
        self.holders.insert(key, serves);
        Ok(self.delegations.insert(verified.id.clone(), verified).is_none())
    }

    /// The forum's id.
    pub fn forum(&self) -> &str {
        self.chain.forum()
    }

    /// The charter in force.
    pub fn charter(&self) -> &Charter {
        self.chain.current()
    }

    /// The chain.
    pub fn chain(&self) -> &CharterChain {
        &self.chain
    }

    /// The charter in force at `at` (unix seconds).
    pub fn charter_at(&self, at: i64) -> &Charter {
        self.chain.at(at)
    }

    /// Whether the charter in force at `at` has expired: membership is frozen, data flows on.
    pub fn is_frozen(&self, at: i64) -> bool {
        self.charter().expires_s() <= at
    }

    /// The libp2p identities to let in at `at`: each with its member.
    pub fn transport_peers(&self, at: i64) -> Vec<(String, PublicKey)> {
        let mut peers: Vec<_> = self
            .delegations
            .values()
            .filter(|d| d.delegation.purpose == Purpose::Transport && self.holds(d, at))
            .map(|d| (d.member.clone(), d.delegation.key))
            .collect();
        peers.sort();
        peers.dedup();
        peers
    }

    /// Whether `delegation` is in force at `at` under an authority that the charter named then.
    fn holds(&self, delegation: &VerifiedDelegation, at: i64) -> bool {
        let member = self.charter_at(at).member(&delegation.member);
        delegation.in_force(at) && member.is_some_and(|m| m.authority_key == delegation.authority)
    }

    /// Every delegation, in no particular order.
    pub fn delegations(&self) -> impl Iterator<Item = &VerifiedDelegation> {
        self.delegations.values()
    }

    /// Delegations of `member` for `purpose` in force at `at`, the one that ends last first.
    pub fn in_force(&self, member: &str, purpose: Purpose, at: i64) -> Vec<&VerifiedDelegation> {
        let mut found: Vec<_> = self
            .delegations
            .values()
            .filter(|d| d.member == member && d.delegation.purpose == purpose && self.holds(d, at))
            .collect();
        found.sort_by_key(|d| std::cmp::Reverse(d.not_after));
        found
    }

    /// The delegation of `key` by `member` for `purpose` in force at `at`.
    pub fn key_for(
        &self,
        member: &str,
        purpose: Purpose,
        key: &PublicKey,
        at: i64,
    ) -> Result<&VerifiedDelegation, TrustError> {
        let Some(named) = self.charter_at(at).member(member) else {
            return Err(TrustError::NotAMember(excerpt(member)));
        };
        let mut last = None;
        for delegation in self.delegations.values() {
            let d = &delegation.delegation;
            if delegation.member == member && d.purpose == purpose && d.key == *key {
                if delegation.authority != named.authority_key {
                    continue;
                }
                if delegation.in_force(at) {
                    return Ok(delegation);
                }
                last = Some(delegation);
            }
        }
        let member = member.to_owned();
        Err(match last {
            None => TrustError::NotDelegated { member, purpose, key: *key },
            Some(d) => TrustError::NotInForce { member, purpose, key: *key, from: d.not_before, to: d.not_after, at },
        })
    }

    /// The bundle that leads here.
    pub fn bundle(&self) -> ForumBundle {
        ForumBundle {
            charters: self.chain.envelopes().to_vec(),
            delegations: self.delegations.values().map(|d| d.envelope.clone()).collect(),
        }
    }
}
