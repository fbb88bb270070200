//! How many transfers go on at once, with one peer and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use libp2p::PeerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Peers remembered before those without a transfer are forgotten.
const REMEMBERED: usize = 256;

/// Places for transfers.
#[derive(Debug)]
pub(crate) struct Slots {
    per_peer: usize,
    waiting_per_peer: usize,
    all: Arc<Semaphore>,
    peers: Mutex<HashMap<PeerId, Peer>>,
}

#[derive(Debug, Clone)]
struct Peer {
    /// Those at work.
    places: Arc<Semaphore>,
    /// Those at work and those waiting.
    queue: Arc<Semaphore>,
}

/// A place, held until dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _all: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
    _queued: OwnedSemaphorePermit,
}

impl Slots {
    /// `per_peer` and `all` at work; beyond them, `waiting_per_peer` may wait.
    pub(crate) fn new(per_peer: usize, all: usize, waiting_per_peer: usize) -> Self {
        let all = Arc::new(Semaphore::new(all.max(1)));
        Self { per_peer: per_peer.max(1), waiting_per_peer, all, peers: Mutex::default() }
    }

    fn peer(&self, peer: PeerId) -> Peer {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() > REMEMBERED {
            let queue = self.per_peer + self.waiting_per_peer;
            peers.retain(|_, p| p.queue.available_permits() < queue);
        }
        let new = || Peer {
            places: Arc::new(Semaphore::new(self.per_peer)),
            queue: Arc::new(Semaphore::new(self.per_peer + self.waiting_per_peer)),
        };
        peers.entry(peer).or_insert_with(new).clone()
    }

    /// Waits for a place; none if too many wait already.
    pub(crate) async fn enter(&self, peer: PeerId) -> Option<Slot> {
        let peer = self.peer(peer);
        let queued = peer.queue.try_acquire_owned().ok()?;
        // The peer's own place first: one that asks much must not hold the common ones while it waits.
        let place = peer.places.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Slot { _all: all, _place: place, _queued: queued })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn places_are_bounded_by_peer_and_in_all_and_given_back() {
        let slots = Slots::new(2, 3, 1);
        let (one, other) = (PeerId::random(), PeerId::random());
        let first = slots.enter(one).await.unwrap();
        let _second = slots.enter(one).await.unwrap();
        let mut third = Box::pin(slots.enter(one));
        assert!(third.as_mut().now_or_never().is_none(), "the third waits");
        assert!(slots.enter(one).await.is_none(), "the fourth may not even wait");
        let _other = slots.enter(other).await.unwrap();
        assert!(slots.enter(other).now_or_never().is_none(), "all places are taken");
        drop(first);
        assert!(third.await.is_some());
    }
}
