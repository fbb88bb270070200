//! Who may speak now, and how often. Asked again for every request, every gossip message and every piece of an
//! artefact, since an admission may end while a connection stands.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use libp2p::PeerId;

use crate::handle::AdmittedPeer;
use crate::limits::Limits;

/// What is asked of the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Sync,
    Gossip,
    Artefact,
}

/// Why a peer may not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no transport key of the forum: this peer is not admitted")]
    NotAdmitted,
    #[error("the transport delegation of `{0}` has ended: renew it and send the new one to the forum")]
    Expired(String),
    #[error("more than {1} requests a second from `{0}`: ask less often")]
    TooMany(String, u32),
}

impl Refusal {
    /// Whether the peer has no business being connected.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::NotAdmitted | Self::Expired(_))
    }
}

/// Shared between the swarm's task, which writes it, and the transfers, which ask it.
#[derive(Debug)]
pub(crate) struct Gate {
    admitted: RwLock<HashMap<PeerId, AdmittedPeer>>,
    sync: Bucket,
    gossip: Bucket,
    artefact: Bucket,
}

/// A token bucket a peer. Only admitted peers have one, so their number is bounded by the charter.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    limiter: DefaultKeyedRateLimiter<PeerId>,
}

impl Bucket {
    fn new(per_second: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        Self { per_second, limiter: RateLimiter::keyed(quota) }
    }
}

/// Unix seconds.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            admitted: RwLock::default(),
            sync: Bucket::new(limits.sync_per_second),
            gossip: Bucket::new(limits.gossip_per_second),
            artefact: Bucket::new(limits.pieces_per_second),
        }
    }

    /// Replaces who is admitted. Buckets that are full again are forgotten, those of peers still limited stay.
    pub(crate) fn admit(&self, peers: HashMap<PeerId, AdmittedPeer>) {
        *self.admitted.write().unwrap_or_else(PoisonError::into_inner) = peers;
        for bucket in [&self.sync, &self.gossip, &self.artefact] {
            bucket.limiter.retain_recent();
        }
    }

    /// The member behind a peer, if it is admitted now.
    pub(crate) fn member(&self, peer: &PeerId) -> Result<String, Refusal> {
        self.member_at(peer, now())
    }

    fn member_at(&self, peer: &PeerId, at: i64) -> Result<String, Refusal> {
        let admitted = self.admitted.read().unwrap_or_else(PoisonError::into_inner);
        match admitted.get(peer) {
            None => Err(Refusal::NotAdmitted),
            Some(peer) if peer.not_after <= at => Err(Refusal::Expired(peer.member.clone())),
            Some(peer) => Ok(peer.member.clone()),
        }
    }

    /// The member behind a peer, if it is admitted now and does not ask too often. Takes one token.
    pub(crate) fn enter(&self, peer: &PeerId, protocol: Protocol) -> Result<String, Refusal> {
        let member = self.member(peer)?;
        let bucket = match protocol {
            Protocol::Sync => &self.sync,
            Protocol::Gossip => &self.gossip,
            Protocol::Artefact => &self.artefact,
        };
        if bucket.limiter.check_key(peer).is_err() {
            return Err(Refusal::TooMany(member, bucket.per_second));
        }
        Ok(member)
    }

    /// What to call a peer in a report: its member id, or its peer id if it is a stranger.
    pub(crate) fn name(&self, peer: &PeerId) -> String {
        let admitted = self.admitted.read().unwrap_or_else(PoisonError::into_inner);
        admitted.get(peer).map_or_else(|| peer.to_string(), |a| a.member.clone())
    }

    /// A copy of everyone admitted whose admission is in force.
    pub(crate) fn in_force(&self) -> Vec<AdmittedPeer> {
        let at = now();
        let admitted = self.admitted.read().unwrap_or_else(PoisonError::into_inner);
        admitted.values().filter(|a| a.not_after > at).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(not_after: i64) -> (Gate, PeerId) {
        let gate = Gate::new(&Limits { sync_per_second: 3, ..Limits::default() });
        let peer = PeerId::random();
        let admitted = AdmittedPeer { member: "MEX".to_owned(), peer_id: peer, addresses: Vec::new(), not_after };
        gate.admit(HashMap::from([(peer, admitted)]));
        (gate, peer)
    }

    #[test]
    fn an_admission_ends_at_its_last_second() {
        let (gate, peer) = gate(1_000);
        assert_eq!(gate.member_at(&peer, 999), Ok("MEX".to_owned()));
        assert_eq!(gate.member_at(&peer, 1_000), Err(Refusal::Expired("MEX".to_owned())));
        assert_eq!(gate.member_at(&PeerId::random(), 999), Err(Refusal::NotAdmitted));
    }

    #[test]
    fn the_fourth_of_three_is_too_many_and_other_protocols_are_not_touched() {
        let (gate, peer) = gate(i64::MAX);
        let answers: Vec<bool> = (0..4).map(|_| gate.enter(&peer, Protocol::Sync).is_ok()).collect();
        assert_eq!(answers, [true, true, true, false]);
        assert!(gate.enter(&peer, Protocol::Gossip).is_ok());
    }

    #[test]
    fn who_is_no_longer_admitted_is_a_stranger() {
        let (gate, peer) = gate(i64::MAX);
        gate.admit(HashMap::new());
        assert_eq!(gate.enter(&peer, Protocol::Artefact), Err(Refusal::NotAdmitted));
        assert_eq!(gate.name(&peer), peer.to_string());
    }
}
