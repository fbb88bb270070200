//! Nodes on loopback, and a peer without manners.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part of it")]

use std::time::Duration;

use chancery_network::message::{ArtefactRequest, HeadInfo, SyncRequest, SyncResponse};
use chancery_network::{
    AdmittedPeer, Limits, Multiaddr, NetworkConfig, NetworkEvent, NetworkHandle, PeerId, start_with,
};
use futures::StreamExt as _;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{SwarmBuilder, noise, yamux};
use libp2p_stream::Control;
use tokio::sync::mpsc;

/// Longest wait for anything; reached only by a failing test.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn forum() -> String {
    "0a".repeat(32)
}

pub fn artefact(offset: u64, length: u64) -> ArtefactRequest {
    ArtefactRequest { forum: forum(), sha256: "0b".repeat(32), offset, length }
}

pub fn heads() -> SyncRequest {
    SyncRequest::Heads { forum: forum() }
}

pub fn unix_now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

pub fn peer_id(seed: u8) -> PeerId {
    libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap().public().to_peer_id()
}

pub async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits that are short enough for a test.
pub fn quick() -> Limits {
    Limits {
        reconcile_interval: Duration::from_millis(50),
        max_backoff: Duration::from_millis(500),
        ..Limits::default()
    }
}

pub struct Node {
    pub handle: NetworkHandle,
    pub events: mpsc::Receiver<NetworkEvent>,
    pub seed: u8,
    pub addresses: Vec<Multiaddr>,
}

impl Node {
    pub async fn start(seed: u8, limits: Limits) -> Self {
        Self::start_on(seed, limits, "/ip4/127.0.0.1/tcp/0").await
    }

    pub async fn start_on(seed: u8, limits: Limits, listen: &str) -> Self {
        let config = NetworkConfig { seed: [seed; 32], listen: vec![listen.parse().unwrap()], forum: forum() };
        let (handle, events) = start_with(config, limits).await.unwrap();
        let addresses = handle.addresses().await.unwrap();
        Self { handle, events, seed, addresses }
    }

    pub fn member(&self) -> String {
        format!("N{}", self.seed)
    }

    pub fn admission(&self) -> AdmittedPeer {
        AdmittedPeer { addresses: self.addresses.clone(), ..admission(self.seed, i64::MAX) }
    }

    /// The first event that `wanted` makes something of; others are dropped.
    pub async fn event<T>(&mut self, what: &str, wanted: impl Fn(NetworkEvent) -> Option<T>) -> T {
        patiently(what, async {
            loop {
                let event = self.events.recv().await.expect("the network has stopped");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        })
        .await
    }

    pub async fn connected(&mut self, member: &str) {
        self.event("a connection", |e| matches!(e, NetworkEvent::Connected { member: m } if m == member).then_some(()))
            .await;
    }

    pub async fn disconnected(&mut self, member: &str) {
        self.event("the end of a connection", |e| {
            matches!(e, NetworkEvent::Disconnected { member: m } if m == member).then_some(())
        })
        .await;
    }

    /// Waits until something was refused for a reason that holds `part`; returns whose.
    pub async fn refused(&mut self, part: &str) -> String {
        let wanted = |e| match e {
            NetworkEvent::Refused { peer, reason } if reason.contains(part) => Some(peer),
            _ => None,
        };
        self.event(part, wanted).await
    }

    /// Answers everything from now on; returns the channel of what else happens.
    pub fn serve(&mut self) -> mpsc::Receiver<NetworkEvent> {
        let (sender, receiver) = mpsc::channel(10_000);
        let mut events = std::mem::replace(&mut self.events, mpsc::channel(1).1);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                // Without a wildcard: who uses this crate matches every event too.
                match event {
                    NetworkEvent::SyncRequested { request, reply, .. } => drop(reply.send(answer(&request))),
                    NetworkEvent::ChunkRequested { request, reply, .. } => {
                        let bytes = content(request.offset, request.length as usize);
                        let _ = reply.send(chancery_network::message::ChunkResponse::Bytes(bytes));
                    }
                    event @ (NetworkEvent::Connected { .. }
                    | NetworkEvent::Disconnected { .. }
                    | NetworkEvent::HeadAnnounced { .. }
                    | NetworkEvent::Refused { .. }) => drop(sender.try_send(event)),
                }
            }
        });
        receiver
    }
}

pub fn admission(seed: u8, not_after: i64) -> AdmittedPeer {
    AdmittedPeer { member: format!("N{seed}"), peer_id: peer_id(seed), addresses: Vec::new(), not_after }
}

fn answer(request: &SyncRequest) -> SyncResponse {
    match request {
        SyncRequest::Heads { .. } => SyncResponse::Heads(vec![HeadInfo {
            member: "MEX".to_owned(),
            checkpoint: "signed".to_owned(),
            cosigned: None,
        }]),
        SyncRequest::Records { .. }
        | SyncRequest::Forum { .. }
        | SyncRequest::Cosign { .. }
        | SyncRequest::Missing { .. }
        | SyncRequest::Growth { .. }
        | SyncRequest::Evidence { .. } => SyncResponse::refused("none here"),
    }
}

/// The bytes of an endless artefact.
pub fn content(offset: u64, length: usize) -> Vec<u8> {
    (offset..).take(length).map(|i| (i % 251) as u8 ^ (i >> 16) as u8).collect()
}

/// Two nodes that have admitted each other and are connected.
pub async fn pair(limits: [Limits; 2]) -> (Node, Node) {
    let [a, b] = limits;
    let (mut a, mut b) = (Node::start(1, a).await, Node::start(2, b).await);
    a.handle.admit(vec![b.admission()]).await.unwrap();
    b.handle.admit(vec![a.admission()]).await.unwrap();
    a.connected("N2").await;
    b.connected("N1").await;
    (a, b)
}

#[derive(NetworkBehaviour)]
pub struct Unmannered {
    streams: libp2p_stream::Behaviour,
    ping: libp2p::ping::Behaviour,
}

/// A peer that has a key and connects to `node`, but says what it likes; the receiver hears of each connection's end.
pub async fn unmannered(seed: u8, node: &Node) -> (Control, PeerId, mpsc::Receiver<()>) {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(libp2p::tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Unmannered {
            streams: libp2p_stream::Behaviour::new(),
            ping: libp2p::ping::Behaviour::default(),
        })
        .unwrap()
        .with_swarm_config(|c| c.with_idle_connection_timeout(PATIENCE))
        .build();
    let control = swarm.behaviour().streams.new_control();
    swarm.dial(node.addresses[0].clone()).unwrap();
    let (ended, ends) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let event = swarm.select_next_some().await;
            if matches!(event, SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. }) {
                let _ = ended.try_send(());
            }
        }
    });
    (control, peer_id(node.seed), ends)
}
