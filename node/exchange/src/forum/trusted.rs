//! What this node believes of its forum, beside the bundle that it is stored as, and how much of it each peer knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chancery_ledger::{ForumBundle, Trust};
use chancery_store::Store;
use sha2::{Digest as _, Sha256};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// How soon a peer is asked again for what was refused: its time may have come.
const AGAIN: Duration = Duration::from_secs(600);

/// The forum as this process knows it.
#[derive(Default)]
pub(crate) struct Trusted {
    believed: RwLock<Option<Believed>>,
    /// Held by whoever reads the stored bundle or writes it: what is believed must not be older than what was stored last.
    one_at_a_time: tokio::sync::Mutex<()>,
    peers: Mutex<HashMap<String, Peer>>,
}

struct Believed {
    trust: Arc<Trust>,
    /// Of the stored bundle.
    sha256: String,
}

/// Digests of forums, as [`Trust::digest`] gives them.
#[derive(Default)]
struct Peer {
    /// The peer's when it was last taken over.
    seen: String,
    /// Until when that counts, if not all of it was taken.
    until: Option<Instant>,
    /// This node's, when the peer last said that it has taken it over.
    knows: String,
}

impl Node {
    /// What this node believes of its forum.
    pub fn trust(&self) -> Result<Arc<Trust>> {
        let believed = self.trusted().believed.read().unwrap_or_else(PoisonError::into_inner);
        let trust = believed.as_ref().map(|b| Arc::clone(&b.trust));
        trust.ok_or_else(|| Error::invalid("this node has joined no forum yet: run `chancery forum join`"))
    }

    fn believe(&self, trust: Trust, bundle: &[u8]) -> Arc<Trust> {
        let trust = Arc::new(trust);
        let believed = Believed { trust: Arc::clone(&trust), sha256: sha256(bundle) };
        *self.trusted().believed.write().unwrap_or_else(PoisonError::into_inner) = Some(believed);
        trust
    }

    /// Stores `trust` as `bundle` with `store`, and believes it if that says that it was stored.
    pub(super) async fn store_trust(
        &self,
        trust: Trust,
        bundle: Vec<u8>,
        store: impl FnOnce(&Store, &[u8]) -> Result<bool, chancery_store::StoreError> + Send + 'static,
    ) -> Result<bool> {
        let one = self.trusted().one_at_a_time.lock().await;
        let written = move |s: &Store| Ok((store(s, &bundle)?, bundle));
        let (stored, bundle) = self.store().run(written).await.or_storage(|| "cannot store the forum".to_owned())?;
        if stored {
            self.believe(trust, &bundle);
        }
        drop(one);
        // Another charter asks other witnesses; and before the first nobody's clock counted but this node's.
        self.read_forum_time().await?;
        Ok(stored)
    }

    /// Reads the forum's bundle again if another process has changed it. Returns it as it is stored, and what it says.
    pub(crate) async fn reload_trust(&self) -> Result<Option<(Vec<u8>, Arc<Trust>)>> {
        let one = self.trusted().one_at_a_time.lock().await;
        let forums = self.store().run(Store::forum_list).await.or_storage(|| "cannot read the forum".to_owned())?;
        let Some(row) = forums.into_iter().next() else {
            // Without a forum nobody else's clock counts.
            self.set_forum_time(i64::MAX);
            return Ok(None);
        };
        let believed = {
            let believed = self.trusted().believed.read().unwrap_or_else(PoisonError::into_inner);
            believed.as_ref().filter(|b| b.sha256 == sha256(&row.bundle)).map(|b| Arc::clone(&b.trust))
        };
        let (bundle, trust) = match believed {
            Some(trust) => (row.bundle, trust),
            None => {
                let work = move || restored(&row.id, &row.bundle).map(|trust| (row.bundle, trust));
                let restored = tokio::task::spawn_blocking(work).await;
                let (bundle, trust) = restored.or_storage(|| "a check was cut off".to_owned())??;
                let trust = self.believe(trust, &bundle);
                (bundle, trust)
            }
        };
        drop(one);
        self.read_forum_time().await?;
        Ok(Some((bundle, trust)))
    }

    /// The forum of `peer` that was taken over last, as its digest; empty if it is to be asked for anew.
    pub(crate) fn seen_forum(&self, peer: &str) -> String {
        let peers = self.trusted().peers.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = peers.get(peer).filter(|peer| peer.until.is_none_or(|until| Instant::now() < until));
        seen.map(|peer| peer.seen.clone()).unwrap_or_default()
    }

    /// Notes that the forum of `peer` was taken over; `all` of it, or some was refused.
    pub(crate) fn set_seen_forum(&self, peer: &str, seen: String, all: bool) {
        let mut peers = self.trusted().peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.entry(peer.to_owned()).or_default();
        (peer.seen, peer.until) = (seen, (!all).then(|| Instant::now() + AGAIN));
    }

    /// Whether `peer` has taken over all that this node believes now.
    pub(crate) fn is_told(&self, peer: &str, digest: &str) -> bool {
        let peers = self.trusted().peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.get(peer).is_some_and(|peer| peer.knows == digest)
    }

    /// Notes that `peer` has said so.
    pub(crate) fn set_told(&self, peer: &str, digest: &str) {
        let mut peers = self.trusted().peers.lock().unwrap_or_else(PoisonError::into_inner);
        digest.clone_into(&mut peers.entry(peer.to_owned()).or_default().knows);
    }
}

fn restored(id: &str, bundle: &[u8]) -> Result<Trust> {
    let bundle = ForumBundle::parse_stored(bundle).or_unverified(|| "the stored forum bundle is damaged".to_owned())?;
    let restored = Trust::restore(id, &bundle);
    let (trust, dropped) = restored.or_unverified(|| "the stored forum bundle does not hold".to_owned())?;
    for error in &dropped {
        tracing::warn!(%error, "a stored record of the forum does not hold and is passed over");
    }
    Ok(trust)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
