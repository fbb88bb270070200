//! When to dial whom: waits that grow with each failure, up to a limit, each with a random part, so that nodes which
//! went down together do not come back in step.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;

/// Wait after the first failure; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// A connection that stood this long was a success: one that the other side ends at once must not be tried without pause.
const STABLE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Attempt {
    failures: u32,
    next: Instant,
    under_way: Option<ConnectionId>,
    connected: Option<Instant>,
}

/// The dialling of every peer that is or should be connected.
#[derive(Debug)]
pub(crate) struct Dialling {
    attempts: HashMap<PeerId, Attempt>,
    max_backoff: Duration,
}

/// The wait after `failures`, of which `random` (0 to 1) is up to a half.
fn wait(failures: u32, max: Duration, random: f64) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(max);
    full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

fn random() -> f64 {
    // Without randomness the waits are all the longest, which is no harm.
    getrandom::u32().map_or(1.0, |r| f64::from(r) / f64::from(u32::MAX))
}

impl Dialling {
    pub(crate) fn new(max_backoff: Duration) -> Self {
        Self { attempts: HashMap::new(), max_backoff }
    }

    fn attempt(&mut self, peer: PeerId) -> &mut Attempt {
        let new = || Attempt { failures: 0, next: Instant::now(), under_way: None, connected: None };
        self.attempts.entry(peer).or_insert_with(new)
    }

    /// Whether to dial this peer now.
    pub(crate) fn due(&self, peer: &PeerId) -> bool {
        self.attempts
            .get(peer)
            .is_none_or(|a| a.under_way.is_none() && a.connected.is_none() && a.next <= Instant::now())
    }

    /// A dial has begun.
    pub(crate) fn begun(&mut self, peer: PeerId, dial: ConnectionId) {
        self.attempt(peer).under_way = Some(dial);
    }

    /// A dial has failed; those that are not this crate's own do not count.
    pub(crate) fn failed(&mut self, peer: PeerId, dial: ConnectionId) -> bool {
        let max = self.max_backoff;
        let Some(attempt) = self.attempts.get_mut(&peer).filter(|a| a.under_way == Some(dial)) else { return false };
        attempt.under_way = None;
        attempt.failures = attempt.failures.saturating_add(1);
        attempt.next = Instant::now() + wait(attempt.failures, max, random());
        true
    }

    /// A first connection stands, whoever dialled.
    pub(crate) fn connected(&mut self, peer: PeerId) {
        let attempt = self.attempt(peer);
        attempt.under_way = None;
        attempt.connected.get_or_insert_with(Instant::now);
    }

    /// The last connection is gone.
    pub(crate) fn disconnected(&mut self, peer: PeerId) {
        let max = self.max_backoff;
        let attempt = self.attempt(peer);
        let stood = attempt.connected.take().is_some_and(|since| since.elapsed() >= STABLE);
        attempt.failures = if stood { 1 } else { attempt.failures.saturating_add(1) };
        attempt.next = Instant::now() + wait(attempt.failures, max, random());
    }

    /// Forgets peers that need not be dialled any more.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&PeerId) -> bool) {
        self.attempts.retain(|peer, attempt| wanted(peer) || attempt.connected.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn waits_grow_and_are_bounded() {
        let waits: Vec<u128> = [1, 2, 3, 7, 8, 100, u32::MAX].map(|n| wait(n, MAX, 1.0).as_millis()).to_vec();
        assert_eq!(waits, [250, 500, 1_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(wait(1, MAX, 0.0).as_millis(), 125);
    }

    #[test]
    fn a_peer_is_dialled_once_at_a_time_and_not_at_once_again() {
        let (mut dialling, peer) = (Dialling::new(MAX), PeerId::random());
        assert!(dialling.due(&peer));
        let dial = ConnectionId::new_unchecked(1);
        dialling.begun(peer, dial);
        assert!(!dialling.due(&peer));
        assert!(!dialling.failed(peer, ConnectionId::new_unchecked(2)), "another's dial does not count");
        assert!(dialling.failed(peer, dial));
        assert!(!dialling.due(&peer), "it waits after a failure");
    }

    #[test]
    fn a_peer_that_hangs_up_at_once_is_not_tried_without_pause() {
        let (mut dialling, peer) = (Dialling::new(MAX), PeerId::random());
        for failures in 1..=3 {
            dialling.connected(peer);
            assert!(!dialling.due(&peer));
            dialling.disconnected(peer);
            assert_eq!(dialling.attempts[&peer].failures, failures);
            assert!(!dialling.due(&peer));
        }
        dialling.keep(|_| false);
        assert!(dialling.attempts.is_empty());
    }
}
