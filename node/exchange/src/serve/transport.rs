//! A new transport key while the node serves: peers let in only keys that they know, so the one they know is used until they have heard
//! of the new one; then the node goes over to it by itself.

use std::time::Duration;

use chancery_ledger::{KeyPair, PublicKey, Purpose};
use chancery_network::{NetworkEvent, NetworkHandle};
use tokio::sync::mpsc;

use super::{Worker, admitted, config};
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// How long to wait before the ports are tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The key that peers know: one that was replaced, as long as it is delegated and they may not have heard of its successor.
pub(super) fn key_to_start_with(node: &Node) -> Result<KeyPair> {
    let (trust, now) = (node.trust()?, node.now());
    let known = |key: &KeyPair| trust.key_for(node.member(), Purpose::Transport, &key.public(), now).is_ok();
    match node.keyring().replaced_transport()?.into_iter().find(known) {
        Some(replaced) => Ok(replaced),
        None => node.keyring().key(Purpose::Transport),
    }
}

impl Worker {
    /// Goes over to the keyring's transport key once that may be.
    pub(super) async fn follow_transport_key(&mut self, events: &mut mpsc::Receiver<NetworkEvent>) {
        match self.new_transport_key().await {
            Ok(None) => {}
            Ok(Some(key)) => self.go_over(&key, events).await,
            Err(error) => tracing::warn!(%error, "cannot look after the transport key"),
        }
    }

    /// The keyring's transport key if it is another than the one in use, and either every connected peer knows it or the old one is over.
    async fn new_transport_key(&self) -> Result<Option<KeyPair>> {
        let key = self.node.keyring().key(Purpose::Transport)?;
        let (trust, now) = (self.node.trust()?, self.node.now());
        let delegated = |key: &PublicKey| trust.key_for(self.node.member(), Purpose::Transport, key, now).is_ok();
        if key.public() == self.transport || !delegated(&key.public()) {
            return Ok(None);
        }
        let connected = self.network.connected().await.or_unavailable(|| "the network has stopped".to_owned())?;
        let ours = trust.digest();
        let known = !connected.is_empty() && connected.iter().all(|peer| self.node.is_told(peer, &ours));
        Ok((known || !delegated(&self.transport)).then_some(key))
    }

    async fn go_over(&mut self, key: &KeyPair, events: &mut mpsc::Receiver<NetworkEvent>) {
        tracing::info!(key = key.public().fingerprint(), "goes over to the new transport key");
        for (_, (_, stop)) in self.peers.drain() {
            stop.cancel();
        }
        self.network.stop().await;
        loop {
            match self.start(key).await {
                Ok((network, new)) => {
                    self.node.set_network(network.clone());
                    (self.network, *events, self.transport) = (network, new, key.public());
                    break;
                }
                Err(error) => tracing::error!(%error, "cannot start with the new transport key; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        if let Err(error) = self.node.keyring().forget_replaced_transport() {
            tracing::warn!(%error, "the replaced transport key will be used again for a moment at the next start");
        }
    }

    async fn start(&self, key: &KeyPair) -> Result<(NetworkHandle, mpsc::Receiver<NetworkEvent>)> {
        let started = chancery_network::start(config(&self.node, key)?).await;
        let (network, events) = started.map_err(|e| Error::Conflict { what: e.to_string(), cause: None })?;
        network.admit(admitted(&self.node)?).await.or_unavailable(|| "the network has stopped".to_owned())?;
        Ok((network, events))
    }
}
