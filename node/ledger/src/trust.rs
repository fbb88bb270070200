//! What a node believes: a verified charter chain and the delegations under it.

mod bundle;
mod merge;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

pub use bundle::{ForumBundle, MAX_BUNDLE_BYTES};
pub use merge::Merged;

use crate::audience::excerpt;
use crate::charter::{Charter, CharterChain, CharterError};
use crate::delegation::{self, DelegationError, VerifiedDelegation};
use crate::keys::{PublicKey, Purpose};
use crate::record::{Envelope, RecordError};
use crate::revocation::{self, RevocationError, VerifiedRevocation};
use crate::suspension::{self, SuspensionError, VerifiedSuspension};
use crate::time;

/// Most delegations held for one forum: written down, with everything else, they fit into [`MAX_BUNDLE_BYTES`].
const MAX_DELEGATIONS: usize = 25_000;
/// Most delegations by one authority key: one member must not use up what is there for all.
const MAX_DELEGATIONS_EACH: usize = 2_000;
/// Most revocations by one authority key of keys that the member has not delegated.
const MAX_REVOCATIONS_EACH: usize = 200;

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
    /// A revocation is refused.
    #[error("{0}")]
    Revocation(#[from] RevocationError),
    /// A suspension is refused.
    #[error("{0}")]
    Suspension(#[from] SuspensionError),
    /// Two valid charters of one number are known, or the charter has expired.
    #[error("membership is frozen: {0}")]
    Frozen(String),
    /// The key was revoked.
    #[error("the key {key} of `{member}` for {purpose} was revoked from {} on: {reason}", time::format(*from))]
    Revoked {
        /// The member.
        member: String,
        /// The purpose asked for.
        purpose: Purpose,
        /// The key.
        key: PublicKey,
        /// Unix seconds.
        from: i64,
        /// Why.
        reason: String,
    },
    /// The member is suspended.
    #[error("`{member}` is suspended until {}: {reason}", time::format(*until))]
    Suspended {
        /// The member.
        member: String,
        /// Unix seconds.
        until: i64,
        /// Why.
        reason: String,
    },
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
    /// By an authority key that was replaced, and nothing says that it was signed before.
    #[error(
        "the authority key of `{0}` that signed this {1} has been replaced: it counts only if it was known before, or comes in that member's log"
    )]
    Replaced(String, &'static str),
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
        "the delegation of {key} by `{member}` for {purpose} runs from {} to {}, not at {}: ask the member to renew it (`chancery keys renew`)",
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
    #[error("more than {0} {1}")]
    TooMany(usize, &'static str),
}

/// A verified charter chain and its delegations.
#[derive(Debug, Clone)]
pub struct Trust {
    chain: CharterChain,
    /// By member, then by record id.
    delegations: BTreeMap<String, BTreeMap<String, VerifiedDelegation>>,
    /// How many delegations each authority key has given.
    given: BTreeMap<PublicKey, usize>,
    /// Each delegated key's one member and purpose.
    holders: BTreeMap<PublicKey, (String, Purpose)>,
    /// By member, then by key and the authority key that signed: the one that reaches back furthest.
    revocations: BTreeMap<String, BTreeMap<(PublicKey, PublicKey), VerifiedRevocation>>,
    /// By record id: those that count, see [`suspension::counted`].
    suspensions: BTreeMap<String, VerifiedSuspension>,
    /// Charters that contradict the chain.
    conflicting: Vec<Envelope>,
}

impl Trust {
    /// Verifies the chain and everything else in `bundle`, each record by itself: one wrong record refuses it all. Suspensions are not judged
    /// together, see [`suspension::counted`], for a proof holds a part of them.
    pub fn verify(genesis_id: Option<&str>, bundle: &ForumBundle) -> Result<Self, TrustError> {
        let chain = CharterChain::verify(genesis_id, &bundle.charters)?;
        let (trust, dropped) = Self::under(chain, bundle);
        dropped.into_iter().next().map_or(Ok(trust), Err)
    }

    /// Reads what a node has stored: the chain must hold, and what else does not is dropped alone and returned. One record must not keep a node
    /// from starting.
    pub fn restore(genesis_id: &str, bundle: &ForumBundle) -> Result<(Self, Vec<TrustError>), TrustError> {
        let (mut trust, mut dropped) = Self::under(CharterChain::verify(Some(genesis_id), &bundle.charters)?, bundle);
        dropped.extend(trust.judge_suspensions(Vec::new()).1);
        Ok((trust, dropped))
    }

    /// Verifies the charters of `bundle` alone: what a newcomer knows. The rest is for [`Trust::merge`].
    pub fn found(genesis_id: &str, bundle: &ForumBundle) -> Result<Self, TrustError> {
        Ok(Self::new(CharterChain::verify(Some(genesis_id), &bundle.charters)?))
    }

    fn new(chain: CharterChain) -> Self {
        Self {
            chain,
            delegations: BTreeMap::new(),
            given: BTreeMap::new(),
            holders: BTreeMap::new(),
            revocations: BTreeMap::new(),
            suspensions: BTreeMap::new(),
            conflicting: Vec::new(),
        }
    }

    /// Everything of `bundle` but its charters that holds under `chain`, and why the rest does not.
    fn under(chain: CharterChain, bundle: &ForumBundle) -> (Self, Vec<TrustError>) {
        let (mut trust, mut dropped) = (Self::new(chain), Vec::new());
        for envelope in &bundle.suspensions {
            match suspension::verify(envelope, &trust.chain) {
                Ok(verified) => drop(trust.suspensions.insert(verified.id.clone(), verified)),
                Err(error) => dropped.push(error.into()),
            }
        }
        let mut keep = |result: Result<bool, TrustError>| dropped.extend(result.err());
        // Revocations are counted by whether the key is delegated.
        bundle.delegations.iter().for_each(|e| keep(trust.add(e)));
        bundle.revocations.iter().for_each(|e| keep(trust.hold_revocation(e)));
        bundle.conflicting.iter().for_each(|e| keep(trust.add_conflicting(e)));
        (trust, dropped)
    }

    /// Adds a revocation; true if it changed anything.
    pub fn revoke(&mut self, envelope: &Envelope) -> Result<bool, TrustError> {
        self.put_revocation(revocation::verify(envelope, &self.chain)?)
    }

    /// [`Trust::revoke`] for one of a bundle that is judged as a whole, which is bounded by its length.
    fn hold_revocation(&mut self, envelope: &Envelope) -> Result<bool, TrustError> {
        Ok(self.place_revocation(revocation::verify(envelope, &self.chain)?))
    }

    fn put_revocation(&mut self, verified: VerifiedRevocation) -> Result<bool, TrustError> {
        let (key, authority) = (verified.revocation.key, verified.authority);
        let unknown = |key: &PublicKey| self.holders.get(key).is_none_or(|(member, _)| *member != verified.member);
        if unknown(&key) && !self.knows_revocation(&verified) {
            let of = self.revocations.get(&verified.member);
            let by_it = of.into_iter().flat_map(BTreeMap::keys).filter(|(key, by)| *by == authority && unknown(key));
            let by_it: Vec<&PublicKey> = by_it.map(|(key, _)| key).collect();
            if by_it.len() >= MAX_REVOCATIONS_EACH && !by_it.contains(&&key) {
                return Err(TrustError::TooMany(
                    MAX_REVOCATIONS_EACH,
                    "revocations of unknown keys by one authority key",
                ));
            }
        }
        Ok(self.place_revocation(verified))
    }

    /// Whether it changed anything.
    fn place_revocation(&mut self, verified: VerifiedRevocation) -> bool {
        if self.knows_revocation(&verified) {
            return false;
        }
        let of = self.revocations.entry(verified.member.clone()).or_default();
        let place = (verified.revocation.key, verified.authority);
        // The earliest counts, and of two that are equal always the same.
        let order = |r: &VerifiedRevocation| (r.from, r.id.clone());
        if of.get(&place).is_some_and(|held| order(held) <= order(&verified)) {
            return false;
        }
        // The same record by an older key reaches no further.
        of.retain(|_, held| held.id != verified.id);
        of.insert(place, verified);
        true
    }

    /// Whether the record is known as signed by this authority key or a newer one: the signatures around a record are whatever its sender left there.
    fn knows_revocation(&self, new: &VerifiedRevocation) -> bool {
        let known = self.revocations.get(&new.member).and_then(|of| of.values().find(|held| held.id == new.id));
        known.is_some_and(|held| !self.is_newer(&new.member, &new.authority, &held.authority))
    }

    /// Whether `member` has had the authority key `key` after `other`.
    fn is_newer(&self, member: &str, key: &PublicKey, other: &PublicKey) -> bool {
        let authorities = self.chain.authorities(member);
        let place = |of: &PublicKey| authorities.iter().position(|a| a == of).unwrap_or(usize::MAX);
        place(key) < place(other)
    }

    /// Judges `new` suspensions together with those held, and holds those that count. Returns how many of `new` do, and why what was held does not
    /// any more and what is new does not.
    fn judge_suspensions(&mut self, new: Vec<VerifiedSuspension>) -> (usize, Vec<TrustError>, Vec<TrustError>) {
        let mut all = self.suspensions.clone();
        let brought: BTreeSet<String> = new.iter().map(|s| s.id.clone()).collect();
        all.extend(new.into_iter().map(|s| (s.id.clone(), s)));
        let (counted, not) = suspension::counted(all.values(), &self.chain);
        let (mut dropped, mut refused) = (Vec::new(), Vec::new());
        for (suspension, error) in not {
            let held = self.suspensions.contains_key(&suspension.id);
            if held { dropped.push(error.into()) } else { refused.push(error.into()) }
        }
        let taken = counted.iter().filter(|s| brought.contains(&s.id)).count();
        self.suspensions = counted.into_iter().map(|s| (s.id.clone(), s.clone())).collect();
        (taken, dropped, refused)
    }

    /// The suspension of `member` in force at `at`.
    pub fn suspended(&self, member: &str, at: i64) -> Option<&VerifiedSuspension> {
        self.suspensions.values().find(|s| s.suspension.member == member && s.in_force(at))
    }

    /// Every suspension.
    pub fn suspensions(&self) -> impl Iterator<Item = &VerifiedSuspension> {
        self.suspensions.values()
    }

    /// What ends the mandate that `authority` has given to a member's key: the earliest revocation by that authority key or one after it.
    pub fn revocation(&self, member: &str, key: &PublicKey, authority: &PublicKey) -> Option<&VerifiedRevocation> {
        let of = self.revocations.get(member)?;
        let mut authorities = self.chain.authorities(member);
        let own = authorities.iter().position(|a| a == authority)?;
        authorities.truncate(own + 1);
        let found = authorities.into_iter().filter_map(|by| of.get(&(*key, by)));
        found.min_by_key(|r| (r.from, &r.id))
    }

    /// Every revocation.
    pub fn revocations(&self) -> impl Iterator<Item = &VerifiedRevocation> {
        self.revocations.values().flat_map(BTreeMap::values)
    }

    /// Charters that contradict the chain held: both valid, both successors of one version.
    pub fn conflicting(&self) -> &[Envelope] {
        &self.conflicting
    }

    /// Adds a delegation; true if it was new.
    pub fn add(&mut self, envelope: &Envelope) -> Result<bool, TrustError> {
        self.put_delegation(self.verify_delegation(envelope)?)
    }

    fn verify_delegation(&self, envelope: &Envelope) -> Result<VerifiedDelegation, TrustError> {
        Ok(delegation::verify(envelope, self.chain.forum(), |member| self.chain.authorities(member))?)
    }

    fn put_delegation(&mut self, verified: VerifiedDelegation) -> Result<bool, TrustError> {
        if self.knows_delegation(&verified) {
            return Ok(false);
        }
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
        if self.delegations.values().map(BTreeMap::len).sum::<usize>() >= MAX_DELEGATIONS {
            return Err(TrustError::TooMany(MAX_DELEGATIONS, "delegations"));
        }
        let given = self.given.entry(verified.authority).or_default();
        if *given >= MAX_DELEGATIONS_EACH {
            return Err(TrustError::TooMany(MAX_DELEGATIONS_EACH, "delegations by one authority key"));
        }
        *given += 1;
        self.holders.insert(key, serves);
        let of = self.delegations.entry(verified.member.clone()).or_default();
        if let Some(by_older) = of.insert(verified.id.clone(), verified) {
            self.given.entry(by_older.authority).and_modify(|given| *given -= 1);
        }
        Ok(true)
    }

    /// [`Trust::knows_revocation`] for a delegation.
    fn knows_delegation(&self, new: &VerifiedDelegation) -> bool {
        let known = self.delegations.get(&new.member).and_then(|of| of.get(&new.id));
        known.is_some_and(|held| !self.is_newer(&new.member, &new.authority, &held.authority))
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

    /// Whether the charter has expired at `at`, or another contradicts it: membership is frozen, data flows on.
    pub fn is_frozen(&self, at: i64) -> bool {
        self.frozen(at).is_some()
    }

    /// Why membership is frozen at `at`.
    pub fn frozen(&self, at: i64) -> Option<String> {
        if !self.conflicting.is_empty() {
            let text = "two valid charters of one number are known, so somebody signed twice; talk to the other members; a \
                 further version signed by every member state settles it";
            return Some(text.to_owned());
        }
        let expires = &self.charter().expires;
        (self.charter().expires_s() <= at).then(|| format!("the charter expired at {expires}; the members renew it"))
    }

    /// The libp2p identities to let in at `at`: each with its member.
    pub fn transport_peers(&self, at: i64) -> Vec<(String, PublicKey)> {
        let mut peers: Vec<_> = self
            .delegations()
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
        let revocation = || self.revocation(&delegation.member, &delegation.delegation.key, &delegation.authority);
        delegation.in_force(at)
            && member.is_some_and(|m| m.authority_key == delegation.authority)
            && revocation().is_none_or(|r| at < r.from)
            && self.suspended(&delegation.member, at).is_none()
    }

    /// Every delegation, in no particular order.
    pub fn delegations(&self) -> impl Iterator<Item = &VerifiedDelegation> {
        self.delegations.values().flat_map(BTreeMap::values)
    }

    /// Every delegation of `member`.
    fn delegations_of(&self, member: &str) -> impl Iterator<Item = &VerifiedDelegation> {
        self.delegations.get(member).into_iter().flat_map(BTreeMap::values)
    }

    /// Delegations of `member` for `purpose` in force at `at`, the one that ends last first.
    pub fn in_force(&self, member: &str, purpose: Purpose, at: i64) -> Vec<&VerifiedDelegation> {
        let mut found: Vec<_> =
            self.delegations_of(member).filter(|d| d.delegation.purpose == purpose && self.holds(d, at)).collect();
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
        if let Some(s) = self.suspended(member, at) {
            let (member, reason) = (member.to_owned(), s.suspension.reason.clone());
            return Err(TrustError::Suspended { member, until: s.until, reason });
        }
        if let Some(r) = self.revocation(member, key, &named.authority_key).filter(|r| r.from <= at) {
            let (member, reason) = (member.to_owned(), r.revocation.reason.clone());
            return Err(TrustError::Revoked { member, purpose, key: *key, from: r.from, reason });
        }
        let mut last = None;
        for delegation in self.delegations_of(member) {
            let d = &delegation.delegation;
            if d.purpose == purpose && d.key == *key {
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
            delegations: self.delegations().map(|d| d.envelope.clone()).collect(),
            revocations: self.revocations().map(|r| r.envelope.clone()).collect(),
            suspensions: self.suspensions.values().map(|s| s.envelope.clone()).collect(),
            conflicting: self.conflicting.clone(),
        }
    }

    /// Names everything held, so that two nodes can tell whether they hold the same: SHA-256 of the sorted record ids, those of delegations and
    /// revocations with the authority key that each counts by, those of suspensions with the states that signed.
    pub fn digest(&self) -> String {
        let charters = self.chain.envelopes().iter().chain(&self.conflicting).filter_map(|e| e.id().ok());
        let mut ids: Vec<String> = charters.collect();
        ids.extend(self.suspensions.values().map(|s| format!("{} {}", s.id, s.signed_by.join(" "))));
        ids.extend(self.delegations().map(|d| format!("{} {}", d.id, d.authority)));
        ids.extend(self.revocations().map(|r| format!("{} {}", r.id, r.authority)));
        ids.sort();
        hex::encode(Sha256::digest(ids.join("\n")))
    }
}
