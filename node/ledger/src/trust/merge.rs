//! What a node takes over from another's bundle: each record that holds, alone or not at all.

use std::collections::BTreeSet;

use super::{ForumBundle, Trust, TrustError};
use crate::charter::{Charter, CharterChain, CharterError};
use crate::keys::PublicKey;
use crate::record::{Envelope, RecordKind};
use crate::release::CLOCK_SKEW_S;
use crate::revocation;
use crate::suspension::{self, MAX_LATE_S, SuspensionError, VerifiedSuspension};
use crate::time;

/// Most suspensions taken from one bundle: the signatures of each are checked.
const MAX_OFFERED: usize = 2_000;

/// What a merge took over, and what it refused.
#[derive(Debug, Default)]
pub struct Merged {
    /// New charter versions.
    pub charters: usize,
    /// New delegations.
    pub delegations: usize,
    /// New revocations.
    pub revocations: usize,
    /// New suspensions.
    pub suspensions: usize,
    /// New charters that contradict the chain held: an alarm.
    pub conflicting: usize,
    /// Delegations and revocations by an authority key that was replaced, which count once that member's log brings them.
    pub unvouched: usize,
    /// Suspensions that were not known in their time, and count for nothing.
    pub late: usize,
    /// What was refused and why.
    pub refused: Vec<TrustError>,
    /// What was held and does not count any more.
    pub dropped: Vec<TrustError>,
}

impl Merged {
    /// Whether anything changed.
    pub fn changed(&self) -> bool {
        self.charters + self.delegations + self.revocations + self.suspensions + self.conflicting > 0
    }
}

/// Counts what was new, and keeps why something was refused.
fn keep(result: Result<bool, TrustError>, count: &mut usize, refused: &mut Vec<TrustError>) {
    match result {
        Ok(new) => *count += usize::from(new),
        Err(error) => refused.push(error),
    }
}

impl Trust {
    /// Takes over from `bundle`, at `at` (unix seconds), whatever holds. An older chain changes nothing; one that
    /// contradicts the chain held is kept as evidence and freezes membership. Of delegations and revocations by an authority key that was
    /// replaced only those known already count: see [`Trust::merge_logged`].
    ///
    /// # Errors
    /// The bundle is another forum's.
    pub fn merge(&mut self, bundle: &ForumBundle, at: i64) -> Result<Merged, TrustError> {
        let mut merged = Merged::default();
        if let Some(genesis) = bundle.charters.first() {
            let (found, expected) = (genesis.id()?, self.forum().to_owned());
            if found != expected {
                return Err(CharterError::Genesis { found, expected }.into());
            }
            // Others have heard of a suspension before the charter that replaced its own.
            if bundle.charters.len() > self.chain.envelopes().len() {
                self.merge_suspensions(&bundle.suspensions, at, &mut merged);
                merged.refused.clear();
            }
            if let Err(error) = self.merge_charters(&bundle.charters, at, &mut merged) {
                merged.refused.push(error);
            }
        }
        for envelope in &bundle.conflicting {
            keep(self.add_conflicting(envelope), &mut merged.conflicting, &mut merged.refused);
        }
        self.merge_mandates(bundle, None, &mut merged);
        self.merge_suspensions(&bundle.suspensions, at, &mut merged);
        // An older member's bundle holds such.
        let all = merged.refused.len();
        let late = |e: &TrustError| {
            matches!(e, TrustError::Suspension(SuspensionError::Over { .. } | SuspensionError::Superseded { .. }))
        };
        merged.refused.retain(|error| !late(error));
        merged.late += all - merged.refused.len();
        Ok(merged)
    }

    fn merge_suspensions(&mut self, offered: &[Envelope], at: i64, merged: &mut Merged) {
        if offered.len() > MAX_OFFERED {
            merged.refused.push(TrustError::TooMany(MAX_OFFERED, "suspensions at once"));
        }
        let mut new = Vec::new();
        for envelope in offered.iter().take(MAX_OFFERED) {
            match self.hear_suspension(envelope, at) {
                Ok(heard) => new.extend(heard),
                Err(error) => merged.refused.push(error),
            }
        }
        if new.is_empty() {
            return;
        }
        let (taken, dropped, refused) = self.judge_suspensions(new);
        merged.suspensions += taken;
        merged.dropped.extend(dropped);
        merged.refused.extend(refused);
    }

    /// A suspension that is not known, or is now known to be signed by more states; none if it says nothing new.
    fn hear_suspension(&self, envelope: &Envelope, at: i64) -> Result<Option<VerifiedSuspension>, TrustError> {
        // Who signs spends its days, so whoever passes it on must not add what was signed with a key that was replaced.
        let mut present = envelope.clone();
        let keys: BTreeSet<String> = self.charter().states().map(|m| m.authority_key.to_string()).collect();
        present.signatures.retain(|s| keys.contains(&s.keyid));
        let heard = suspension::verify(&present, &self.chain);
        let heard = heard.or_else(|_| suspension::verify(envelope, &self.chain))?;
        let Some(held) = self.suspensions.get(&heard.id) else {
            suspension::check_new(&heard, &self.chain, at)?;
            return Ok(Some(heard));
        };
        // Nor may anybody sign it when it is over.
        if held.until.saturating_add(MAX_LATE_S) <= at {
            return Ok(None);
        }
        let mut both = held.envelope.clone();
        both.collect(&present)?;
        let both = suspension::verify(&both, &self.chain)?;
        Ok((both.signed_by != held.signed_by).then_some(both))
    }

    /// Takes over the delegations and revocations in `bundle`, which stand in the log of `owner` and were proved to. Its log key, which its
    /// present authority key has delegated, then vouches for what its earlier authority keys signed.
    pub fn merge_logged(&mut self, bundle: &ForumBundle, owner: &str) -> Merged {
        let mut merged = Merged::default();
        self.merge_mandates(bundle, Some(owner), &mut merged);
        merged
    }

    fn merge_mandates(&mut self, bundle: &ForumBundle, logged_by: Option<&str>, merged: &mut Merged) {
        for envelope in &bundle.delegations {
            keep(self.hear_delegation(envelope, logged_by), &mut merged.delegations, &mut merged.refused);
        }
        for envelope in &bundle.revocations {
            keep(self.hear_revocation(envelope, logged_by), &mut merged.revocations, &mut merged.refused);
        }
        // Any bundle of a forum holds such, and there is nothing wrong with most.
        let all = merged.refused.len();
        merged.refused.retain(|error| !matches!(error, TrustError::Replaced(..)));
        merged.unvouched += all - merged.refused.len();
    }

    fn hear_revocation(&mut self, envelope: &Envelope, logged_by: Option<&str>) -> Result<bool, TrustError> {
        let verified = revocation::verify(envelope, &self.chain)?;
        if !self.knows_revocation(&verified) && self.is_replaced(&verified.member, &verified.authority, logged_by) {
            return Err(TrustError::Replaced(verified.member, "revocation"));
        }
        self.put_revocation(verified)
    }

    fn hear_delegation(&mut self, envelope: &Envelope, logged_by: Option<&str>) -> Result<bool, TrustError> {
        let verified = self.verify_delegation(envelope)?;
        if !self.knows_delegation(&verified) && self.is_replaced(&verified.member, &verified.authority, logged_by) {
            return Err(TrustError::Replaced(verified.member, "delegation"));
        }
        self.put_delegation(verified)
    }

    /// Whether `authority` is not the last authority key of `member`, and the member's own log does not vouch for it. Who stole one that was replaced can
    /// still sign with it and write a date before: a node that runs believes only what it knew in time, or what the member itself has put into
    /// its log.
    fn is_replaced(&self, member: &str, authority: &PublicKey, logged_by: Option<&str>) -> bool {
        logged_by != Some(member) && self.chain.authorities(member).first() != Some(authority)
    }

    /// Goes over to `chain`, and judges everything held by it: a record may hold by a newer key than was known, or by none any more.
    fn go_over(&mut self, chain: CharterChain, merged: &mut Merged) {
        let (trust, dropped) = Self::under(chain, &self.bundle());
        *self = trust;
        merged.dropped.extend(dropped);
        merged.dropped.extend(self.judge_suspensions(Vec::new()).1);
    }

    fn merge_charters(&mut self, offered: &[Envelope], at: i64, merged: &mut Merged) -> Result<(), TrustError> {
        let (common, held) = (self.chain.common(offered), self.chain.envelopes().len());
        if common == offered.len() {
            return Ok(());
        }
        if common < held {
            return self.merge_fork(offered, common, merged);
        }
        let mut result = Ok(());
        for envelope in &offered[common..] {
            let mut next = self.chain.clone();
            result = next.push(envelope).map_err(Into::into).and_then(|()| self.check_adoptable(&next, at));
            if result.is_err() {
                break;
            }
            if self.fork().is_some_and(|fork| next.settles(fork)) {
                self.conflicting.clear();
            }
            self.chain = next;
            merged.charters += 1;
        }
        if merged.charters > 0 {
            self.go_over(self.chain.clone(), merged);
        }
        result
    }

    /// Whether a running node may go over to `next`, which is one version longer. What it cannot know when it verifies an old
    /// chain it asks here: the time it is now.
    fn check_adoptable(&self, next: &CharterChain, at: i64) -> Result<(), TrustError> {
        if next.at(at.saturating_add(CLOCK_SKEW_S)).version != next.current().version {
            let reason = format!("it says it was issued at {}, which is after {}", next.issued_at(), time::format(at));
            return Err(CharterError::Chain { version: next.envelopes().len(), reason }.into());
        }
        if let Some(fork) = self.fork() {
            let reason = self.frozen(at).unwrap_or_default();
            return if next.settles(fork) { Ok(()) } else { Err(TrustError::Frozen(reason)) };
        }
        // Nor may a charter written after the expiry say it was issued before it.
        if self.charter().expires_s() <= at && next.current().members != self.charter().members {
            return Err(TrustError::Frozen(self.frozen(at).unwrap_or_default()));
        }
        match next.current().members.iter().find(|m| self.holders.contains_key(&m.authority_key)) {
            None => Ok(()),
            Some(m) => Err(TrustError::AuthorityReused { key: m.authority_key, member: m.id.clone() }),
        }
    }

    /// `offered` differs from the chain held after `common` versions: evidence that somebody signed twice, if it holds.
    fn merge_fork(&mut self, offered: &[Envelope], common: usize, merged: &mut Merged) -> Result<(), TrustError> {
        let other = CharterChain::verify(Some(self.forum()), offered)?;
        if self.chain.settles(common + 1) {
            return Ok(());
        }
        if other.settles(common + 1) {
            merged.charters += other.envelopes().len() - common;
            self.conflicting.clear();
            self.go_over(other, merged);
            return Ok(());
        }
        merged.conflicting += usize::from(self.add_conflicting(&offered[common])?);
        Ok(())
    }

    /// Keeps a valid successor of a version that has another successor here; true if it was not known.
    pub(super) fn add_conflicting(&mut self, envelope: &Envelope) -> Result<bool, TrustError> {
        let id = envelope.id()?;
        let payload = envelope.payload::<Charter>(RecordKind::Charter)?;
        let before = payload.body.previous.as_deref().and_then(|id| self.chain.number_of(id));
        let known = self.conflicting.iter().any(|e| e.id().is_ok_and(|found| found == id));
        if known || self.chain.number_of(&id).is_some() {
            return Ok(false);
        }
        let Some(before) = before.filter(|number| *number < self.chain.envelopes().len()) else {
            return Err(TrustError::Bundle("a charter said to contradict the others follows none of them".to_owned()));
        };
        let mut branch = CharterChain::verify(Some(self.forum()), &self.chain.envelopes()[..before])?;
        branch.push(envelope)?;
        // One is evidence enough; more would let signers who equivocate fill every node.
        if self.chain.settles(before + 1) || !self.conflicting.is_empty() {
            return Ok(false);
        }
        self.conflicting.push(envelope.clone());
        Ok(true)
    }

    /// The number of the version that exists twice.
    fn fork(&self) -> Option<usize> {
        let payload = self.conflicting.first()?.payload::<Charter>(RecordKind::Charter).ok()?;
        usize::try_from(payload.body.version).ok()
    }
}
