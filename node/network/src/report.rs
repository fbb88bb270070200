//! The way out of the network's events, with what keeps strangers from filling it.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::mpsc;

use crate::handle::NetworkEvent;

/// Reports of refusals in a second, and at once. Anybody can cause one by connecting; the node writes each to disk.
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// Longest reason that is passed on: it may hold words of the peer.
const MAX_REASON_CHARS: usize = 500;

/// Sends events.
#[derive(Debug)]
pub(crate) struct Reporter {
    pub(crate) events: mpsc::Sender<NetworkEvent>,
    refusals: DefaultDirectRateLimiter,
}

impl Reporter {
    pub(crate) fn new(events: mpsc::Sender<NetworkEvent>) -> Self {
        Self { events, refusals: RateLimiter::direct(Quota::per_second(REFUSALS_PER_SECOND)) }
    }

    /// Says that something was refused. Never in the way of requests: it needs half the channel to be free.
    pub(crate) fn refused(&self, peer: String, reason: &str) {
        let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
        tracing::debug!(peer, reason, "refused");
        if self.events.capacity() > self.events.max_capacity() / 2 && self.refusals.check().is_ok() {
            let _ = self.events.try_send(NetworkEvent::Refused { peer, reason });
        }
    }
}
