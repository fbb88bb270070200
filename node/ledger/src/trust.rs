//! What a node believes: a verified charter chain and the delegations under it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::charter::{Charter, CharterChain, CharterError};
use crate::delegation::{self, DelegationError, VerifiedDelegation};
use crate::keys::{PublicKey, Purpose};
use crate::record::{Envelope, RecordError};

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
        let bundle: Self = serde_json::from_slice(bytes).map_err(|e| TrustError::Bundle(e.to_string()))?;
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
    #[error("the key {key} is delegated to `{first}` for {first_purpose} and to `{second}` for {second_purpose}: one key serves one purpose")]
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
    #[error("the delegation of {key} by `{member}` for {purpose} runs from {from} to {to}, not at {at}: ask the member to renew it (`chancery forum renew`)")]
    NotInForce {
        /// The member.
        member: String,
        /// The purpose asked for.
        purpose: Purpose,
        /// The key.
        key: PublicKey,
        /// Start.
        from: String,
        /// End.
        to: String,
        /// When it was needed.
        at: String,
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
}

impl Trust {
    /// Verifies the chain and every delegation of `bundle`.
    pub fn verify(genesis_id: Option<&str>, bundle: &ForumBundle) -> Result<Self, TrustError> {
        let chain = CharterChain::verify(genesis_id, &bundle.charters)?;
        let mut trust = Self { chain, delegations: BTreeMap::new() };
        for envelope in &bundle.delegations {
            trust.add(envelope)?;
        }
        Ok(trust)
    }

    /// Adds a delegation; true if it was new.
    pub fn add(&mut self, envelope: &Envelope) -> Result<bool, TrustError> {
        let charter = self.chain.current();
        let authority = |member: &str| charter.member(member).map(|m| m.authority_key);
        let verified = delegation::verify(envelope, self.chain.forum(), authority)?;
        let key = verified.delegation.key;
        let reused = |first: String, first_purpose| TrustError::KeyReused {
            key,
            first,
            first_purpose,
            second: verified.member.clone(),
            second_purpose: verified.delegation.purpose,
        };
        if let Some(holder) = charter.members.iter().find(|m| m.authority_key == key) {
            return Err(reused(format!("{} (authority)", holder.id), verified.delegation.purpose));
        }
        let other = self.delegations.values().find(|d| {
            d.delegation.key == key && (d.member != verified.member || d.delegation.purpose != verified.delegation.purpose)
        });
        if let Some(other) = other {
            return Err(reused(other.member.clone(), other.delegation.purpose));
        }
        if self.delegations.len() >= MAX_DELEGATIONS {
            return Err(TrustError::TooMany);
        }
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

    /// Every delegation, in no particular order.
    pub fn delegations(&self) -> impl Iterator<Item = &VerifiedDelegation> {
        self.delegations.values()
    }

    /// Delegations of `member` for `purpose` in force at `at`, the one that ends last first.
    pub fn in_force(&self, member: &str, purpose: Purpose, at: i64) -> Vec<&VerifiedDelegation> {
        let mut found: Vec<_> = self
            .delegations
            .values()
            .filter(|d| d.member == member && d.delegation.purpose == purpose && d.in_force(at))
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
        if self.charter().member(member).is_none() {
            return Err(TrustError::NotAMember(member.to_owned()));
        }
        let mut last = None;
        for delegation in self.delegations.values() {
            let d = &delegation.delegation;
            if delegation.member == member && d.purpose == purpose && d.key == *key {
                if delegation.in_force(at) {
                    return Ok(delegation);
                }
                last = Some(delegation);
            }
        }
        let member = member.to_owned();
        Err(match last {
            None => TrustError::NotDelegated { member, purpose, key: *key },
            Some(d) => TrustError::NotInForce {
                member,
                purpose,
                key: *key,
                from: d.delegation.not_before.clone(),
                to: d.delegation.not_after.clone(),
                at: crate::time::format(at),
            },
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
