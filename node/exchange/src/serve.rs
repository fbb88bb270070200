//! Serving: keeps the network fed with who may connect, answers peers, and pulls from each of them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chancery_ledger::{KeyPair, PublicKey, Purpose};
use chancery_network::{AdmittedPeer, Multiaddr, NetworkConfig, NetworkEvent, NetworkHandle};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

mod transport;

/// How often to look whether another process of this node has published or renewed.
const OWN_INTERVAL: Duration = Duration::from_secs(2);
/// Wake-ups waiting for one peer's worker: more would say the same.
const WAKES: usize = 1;
/// Requests answered at once.
const ANSWERS_AT_ONCE: usize = 32;
/// How long to wait for tasks to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Joins the network and serves until `stop`. Returns once the network listens; the tasks go on in `tracker`.
pub async fn serve_network(node: &Node, stop: CancellationToken, tracker: &TaskTracker) -> Result<()> {
    if node.network().is_some() {
        return Err(Error::conflict("this node is already on the network"));
    }
    let key = transport::key_to_start_with(node)?;
    let started = chancery_network::start(config(node, &key)?).await;
    let (network, events) = started.map_err(|e| Error::Conflict { what: e.to_string(), cause: None })?;
    node.set_network(network.clone());
    network.admit(admitted(node)?).await.or_unavailable(|| "the network has stopped".to_owned())?;
    let worker = Worker {
        node: node.clone(),
        network,
        stop,
        tracker: tracker.clone(),
        peers: HashMap::new(),
        prepared: HashSet::new(),
        preparing: None,
        open_until: node.access_now(),
        asked_until: 0,
        agreed: String::new(),
        transport: key.public(),
    };
    tracker.spawn(worker.run(events));
    Ok(())
}

/// How the network is started for a node that is known by `key`.
fn config(node: &Node, key: &KeyPair) -> Result<NetworkConfig> {
    let listen = node.config().network.listen.iter().map(|text| {
        text.parse::<Multiaddr>()
            .or_invalid(|| format!("`{text}` in `network.listen` is no multiaddress such as /ip4/0.0.0.0/tcp/8700"))
    });
    let (listen, forum) = (listen.collect::<Result<_>>()?, node.trust()?.forum().to_owned());
    Ok(NetworkConfig { seed: *key.seed(), listen, forum })
}

/// Every member whose transport key is delegated now, with its addresses.
fn admitted(node: &Node) -> Result<Vec<AdmittedPeer>> {
    let trust = node.trust()?;
    let now = node.now();
    let mut peers = Vec::new();
    for member in trust.charter().members.iter().filter(|m| m.id != node.member()) {
        let addresses: Vec<Multiaddr> = member.addresses.iter().filter_map(|a| a.parse().ok()).collect();
        for delegation in trust.in_force(&member.id, Purpose::Transport, now) {
            if let Some(peer_id) = chancery_network::peer_id_of(delegation.delegation.key.as_bytes()) {
                let not_after = delegation.not_after;
                peers.push(AdmittedPeer {
                    member: member.id.clone(),
                    peer_id,
                    addresses: addresses.clone(),
                    not_after,
                });
            }
        }
    }
    Ok(peers)
}

struct Worker {
    node: Node,
    network: NetworkHandle,
    stop: CancellationToken,
    tracker: TaskTracker,
    /// Who is connected, and how to wake the task that pulls from it.
    peers: HashMap<String, (mpsc::Sender<()>, CancellationToken)>,
    /// Releases whose files were prepared for queries.
    prepared: HashSet<String>,
    preparing: Option<tokio::task::JoinHandle<()>>,
    /// Embargoes up to then had ended at the last look.
    open_until: i64,
    /// Witnesses were asked for the time because of embargoes up to then.
    asked_until: i64,
    /// What was agreed when this member's own log was last looked after, as one hash.
    agreed: String,
    /// The key by which peers know this node now.
    transport: PublicKey,
}

impl Worker {
    async fn run(mut self, mut events: mpsc::Receiver<NetworkEvent>) {
        let answers = std::sync::Arc::new(tokio::sync::Semaphore::new(ANSWERS_AT_ONCE));
        let mut own = tokio::time::interval(OWN_INTERVAL);
        own.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut known_head = String::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                event = events.recv() => match event {
                    None => break,
                    Some(event) => self.on_event(event, &answers).await,
                },
                _ = own.tick() => {
                    self.on_own_tick(&mut known_head).await;
                    self.follow_transport_key(&mut events).await;
                }
            }
        }
        for (_, stop) in self.peers.values() {
            stop.cancel();
        }
        let _ = tokio::time::timeout(STOP_WITHIN, self.network.stop()).await;
    }

    async fn on_event(&mut self, event: NetworkEvent, answers: &std::sync::Arc<tokio::sync::Semaphore>) {
        match event {
            NetworkEvent::Connected { member } => self.on_connected(member).await,
            NetworkEvent::Disconnected { member } => {
                tracing::info!(peer = member, "disconnected");
                if let Some((_, stop)) = self.peers.remove(&member) {
                    stop.cancel();
                }
                self.seen(&member).await;
            }
            NetworkEvent::HeadAnnounced { from, head } => {
                tracing::debug!(peer = from, member = head.member, "new head announced");
                // Whoever speaks of a new head holds it.
                if let Some((wake, _)) = self.peers.get(&from) {
                    let _ = wake.try_send(());
                }
            }
            NetworkEvent::SyncRequested { member, request, reply } => {
                let (node, answers) = (self.node.clone(), std::sync::Arc::clone(answers));
                self.tracker.spawn(async move {
                    let Ok(_permit) = answers.acquire_owned().await else {
                        return;
                    };
                    let _ = reply.send(node.answer_sync(&member, request).await);
                });
            }
            NetworkEvent::ChunkRequested { member, request, reply } => {
                let (node, answers) = (self.node.clone(), std::sync::Arc::clone(answers));
                self.tracker.spawn(async move {
                    let Ok(_permit) = answers.acquire_owned().await else {
                        return;
                    };
                    let _ = reply.send(node.answer_chunk(&member, request).await);
                });
            }
            NetworkEvent::Refused { peer, reason } => {
                self.node.note_refusal(&peer, "network", &Error::denied(reason)).await;
            }
        }
    }

    async fn on_connected(&mut self, member: String) {
        tracing::info!(peer = member, "connected");
        self.seen(&member).await;
        let (wake, woken) = mpsc::channel(WAKES);
        let stop = self.stop.child_token();
        let pull = pull_loop(self.node.clone(), self.network.clone(), member.clone(), woken, stop.clone());
        self.tracker.spawn(pull);
        if let Some((_, old)) = self.peers.insert(member, (wake, stop)) {
            old.cancel();
        }
    }

    async fn seen(&self, member: &str) {
        let Ok(trust) = self.node.trust() else { return };
        let (forum, member, now) = (trust.forum().to_owned(), member.to_owned(), self.node.now());
        if let Err(error) = self.node.store().run(move |s| s.peer_seen(&forum, &member, now)).await {
            tracing::error!(%error, "cannot note a peer");
        }
    }

    /// Announces a head that is new since the last look, and admits whom the delegations say now.
    async fn on_own_tick(&mut self, known_head: &mut String) {
        if let Err(error) = self.look_after_own(known_head).await {
            tracing::warn!(%error, "cannot look after this node's own log");
        }
    }

    async fn look_after_own(&mut self, known_head: &mut String) -> Result<()> {
        self.node.keep_decisions().await?;
        self.node.reload_trust().await?;
        // What this member proposed may have been adopted elsewhere first, its new authority key among it.
        let agreed = self.node.trust()?.digest();
        if agreed != self.agreed {
            self.node.follow_own_keys().await?;
            self.agreed = agreed;
        }
        let peers = admitted(&self.node)?;
        self.network.admit(peers).await.or_unavailable(|| "the network has stopped".to_owned())?;
        let (forum, member) = (self.node.trust()?.forum().to_owned(), self.node.member().to_owned());
        let head = self
            .node
            .store()
            .run(move |s| s.head_get(&forum, &member))
            .await
            .or_storage(|| "cannot read the head".to_owned())?;
        let head = head.map(|h| h.checkpoint).unwrap_or_default();
        // At an embargo's end peers may have what they could not have before, once they have agreed on the time.
        let (now, open) = (self.node.now(), self.node.access_now());
        let ended = self.node.embargo_between(self.open_until, open).await?.is_some();
        let waiting = self.node.embargo_between(self.asked_until.max(open), now).await?;
        self.open_until = open;
        self.asked_until = waiting.unwrap_or(self.asked_until);
        if head != *known_head || ended || waiting.is_some() {
            self.node.announce(&self.network).await?;
            *known_head = head;
            // Each of them is to cosign it.
            for (wake, _) in self.peers.values() {
                let _ = wake.try_send(());
            }
        }
        self.prepare().await
    }

    /// Prepares for queries of releases that are new here, aside; what was not done when this was last asked is done first.
    async fn prepare(&mut self) -> Result<()> {
        if self.preparing.as_ref().is_some_and(|task| !task.is_finished()) {
            return Ok(());
        }
        let sources = self.node.new_sources(&mut self.prepared).await?;
        if !sources.is_empty() {
            let node = self.node.clone();
            self.preparing = Some(self.tracker.spawn(async move {
                // Queries are answered without it, more slowly; and a damaged file is told to whoever asks for its figures.
                if let Err(error) = node.prepare(sources).await {
                    tracing::warn!(%error, "cannot prepare for queries");
                }
            }));
        }
        Ok(())
    }
}

/// Pulls from one peer: at once, whenever woken, and at an interval, since a hint can be lost.
async fn pull_loop(
    node: Node,
    network: NetworkHandle,
    peer: String,
    mut woken: mpsc::Receiver<()>,
    stop: CancellationToken,
) {
    let interval = Duration::from_secs(node.config().network.anti_entropy_s.max(1));
    loop {
        let pull = node.pull_from(&network, &peer);
        tokio::select! {
            () = stop.cancelled() => return,
            result = pull => if let Err(error) = result {
                node.note_refusal(&peer, "sync", &error).await;
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
            wake = woken.recv() => if wake.is_none() { return },
        }
    }
}
