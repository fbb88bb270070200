//! The one task that owns the swarm. Each arm of its loop is one `on_*` call; none of them waits.

mod sync;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use libp2p::gossipsub::{self, MessageAcceptance};
use libp2p::request_response::{OutboundRequestId, ResponseChannel};
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{PeerId, Swarm};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behaviour::{Behaviour, BehaviourEvent, head_topic};
use crate::dial::Dialling;
use crate::gate::{Gate, Protocol, Refusal, now};
use crate::handle::{AdmittedPeer, Command, NetworkError, NetworkEvent};
use crate::limits::Limits;
use crate::message::{HeadHint, SyncResponse};
use crate::report::Reporter;

/// Time for a refused peer to read why, before its connection is closed under it.
const FAREWELL: Duration = Duration::from_millis(500);
/// How often to look, while stopping, whether everything has ended.
const STOP_LOOK: Duration = Duration::from_millis(20);

type SyncReply = oneshot::Sender<Result<SyncResponse, NetworkError>>;
type Answer = (ResponseChannel<Vec<u8>>, Vec<u8>);

pub(crate) struct Service {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    gate: Arc<Gate>,
    reporter: Arc<Reporter>,
    forum: String,
    limits: Limits,
    stop: CancellationToken,
    tracker: TaskTracker,
    /// Everyone in the swarm's own list of whom to let in.
    allowed: HashSet<PeerId>,
    dialling: Dialling,
    /// Connected peers and the member each was admitted as.
    connections: HashMap<PeerId, String>,
    /// Members of whom the node was told that they are connected: [`Service::tell`] brings it in line.
    told: HashSet<String>,
    requests: HashMap<OutboundRequestId, (String, SyncReply)>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Peers that were told why they are refused, and are then disconnected; each is here once.
    leaving: HashSet<PeerId>,
    farewells: FuturesUnordered<BoxFuture<'static, PeerId>>,
}

impl Service {
    #[expect(clippy::too_many_arguments, reason = "parts made once, by `start`")]
    pub(crate) fn new(
        swarm: Swarm<Behaviour>,
        commands: mpsc::Receiver<Command>,
        gate: Arc<Gate>,
        reporter: Arc<Reporter>,
        forum: String,
        limits: Limits,
        stop: CancellationToken,
        tracker: TaskTracker,
    ) -> Self {
        let dialling = Dialling::new(limits.max_backoff);
        Self {
            swarm,
            commands,
            gate,
            reporter,
            forum,
            limits,
            stop,
            tracker,
            allowed: HashSet::new(),
            dialling,
            connections: HashMap::new(),
            told: HashSet::new(),
            requests: HashMap::new(),
            answers: FuturesUnordered::new(),
            leaving: HashSet::new(),
            farewells: FuturesUnordered::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        let mut tick = tokio::time::interval(self.limits.reconcile_interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stopped = loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => break None,
                    Some(Command::Stop(done)) => break Some(done),
                    Some(command) => self.on_command(command),
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.on_answer(answer),
                Some(peer) = self.farewells.next(), if !self.farewells.is_empty() => self.on_farewell(peer),
                _ = tick.tick() => self.on_tick(),
            }
        };
        self.on_stop().await;
        drop(self);
        if let Some(done) = stopped {
            let _ = done.send(());
        }
    }

    /// Lets what is under way finish, for a while.
    async fn on_stop(&mut self) {
        self.stop.cancel();
        self.tracker.close();
        self.commands.close();
        let deadline = tokio::time::sleep(self.limits.stop_within);
        tokio::pin!(deadline);
        let mut look = tokio::time::interval(STOP_LOOK);
        while !(self.answers.is_empty() && self.tracker.is_empty()) {
            tokio::select! {
                () = &mut deadline => return,
                event = self.swarm.select_next_some() => self.on_event(event),
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.on_answer(answer),
                _ = look.tick() => {}
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Admit(peers) => self.admit(peers),
            Command::Announce(head) => self.announce(&head),
            Command::Sync { member, request, reply } => self.ask(member, &request, reply),
            Command::PeerOf { member, reply } => drop(reply.send(self.peer_of(&member))),
            Command::Connected(reply) => {
                let members: HashSet<&String> = self.connections.values().collect();
                let _ = reply.send(members.into_iter().cloned().collect());
            }
            Command::Addresses(reply) => drop(reply.send(self.swarm.listeners().cloned().collect())),
            Command::Stop(done) => drop(done),
        }
    }

    /// A connected peer of the member.
    fn peer_of(&self, member: &str) -> Option<PeerId> {
        self.connections.iter().find(|(_, m)| *m == member).map(|(peer, _)| *peer)
    }

    fn admit(&mut self, peers: Vec<AdmittedPeer>) {
        let (own, at) = (*self.swarm.local_peer_id(), now());
        let wanted = peers.into_iter().filter(|p| p.peer_id != own);
        let wanted: HashMap<PeerId, AdmittedPeer> = wanted.map(|p| (p.peer_id, p)).collect();
        let allowed = wanted.values().filter(|p| p.not_after > at).map(|p| p.peer_id).collect();
        // Those whose admission has ended stay known to the gate, which can then say why they are refused.
        self.gate.admit(wanted);
        self.allow(&allowed);
        self.on_tick();
    }

    /// Brings the swarm's own list in line; who leaves it is disconnected at once.
    fn allow(&mut self, wanted: &HashSet<PeerId>) {
        let behaviour = self.swarm.behaviour_mut();
        for peer in self.allowed.difference(wanted) {
            behaviour.allowed.disallow_peer(*peer);
            behaviour.gossip.remove_explicit_peer(peer);
        }
        for peer in wanted.difference(&self.allowed) {
            behaviour.allowed.allow_peer(*peer);
            behaviour.gossip.add_explicit_peer(peer);
        }
        self.allowed.clone_from(wanted);
        self.dialling.keep(|peer| wanted.contains(peer));
    }

    fn refuse(&self, peer: &PeerId, reason: &str) {
        self.reporter.refused(self.gate.name(peer), reason);
    }

    fn announce(&mut self, head: &HeadHint) {
        let bytes = serde_json::to_vec(head).unwrap_or_default();
        let topic = head_topic(&self.forum);
        if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic, bytes) {
            // No peer need be there: those who come later ask for heads.
            tracing::debug!(%error, "the new head was not gossiped");
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => self.on_connected(peer_id),
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => self.on_disconnected(peer_id),
            SwarmEvent::IncomingConnectionError { error, send_back_addr, peer_id, .. } => {
                let peer = peer_id.map_or_else(|| "unknown".to_owned(), |p| self.gate.name(&p));
                self.reporter.refused(peer, &format!("connection from {send_back_addr} refused: {error}"));
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), connection_id, error }
                if self.dialling.failed(peer, connection_id) =>
            {
                tracing::debug!(peer = self.gate.name(&peer), %error, "dialling failed");
            }
            SwarmEvent::Behaviour(BehaviourEvent::Sync(event)) => self.on_sync(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            })) => {
                let acceptance = self.on_gossip(&propagation_source, &message);
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&message_id, &propagation_source, acceptance);
            }
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: PeerId) {
        match self.gate.member(&peer) {
            Ok(member) => {
                self.dialling.connected(peer);
                self.connections.insert(peer, member);
                self.tell();
            }
            Err(refusal) => {
                self.refuse(&peer, &refusal.to_string());
                let _ = self.swarm.disconnect_peer_id(peer);
            }
        }
    }

    fn on_disconnected(&mut self, peer: PeerId) {
        if self.connections.remove(&peer).is_some() {
            self.dialling.disconnected(peer);
            self.tell();
        }
    }

    /// Tells the node who has come and gone since it was told last; what finds no room is told at the next tick.
    fn tell(&mut self) {
        let connected: HashSet<String> = self.connections.values().cloned().collect();
        let gone: Vec<String> = self.told.difference(&connected).cloned().collect();
        let come: Vec<String> = connected.difference(&self.told).cloned().collect();
        for member in gone {
            if self.reporter.events.try_send(NetworkEvent::Disconnected { member: member.clone() }).is_ok() {
                self.told.remove(&member);
            }
        }
        for member in come {
            if self.reporter.events.try_send(NetworkEvent::Connected { member: member.clone() }).is_ok() {
                self.told.insert(member);
            }
        }
    }

    /// Reconciles: cuts off those whose admission has ended, dials those who should be connected and are not.
    fn on_tick(&mut self) {
        let in_force = self.gate.in_force();
        let wanted: HashSet<PeerId> = in_force.iter().map(|a| a.peer_id).collect();
        for peer in self.connections.keys().filter(|p| !wanted.contains(*p)) {
            self.refuse(peer, "its admission has ended: it is disconnected");
        }
        self.allow(&wanted);
        self.tell();
        for peer in in_force {
            if peer.addresses.is_empty()
                || self.connections.contains_key(&peer.peer_id)
                || !self.dialling.due(&peer.peer_id)
            {
                continue;
            }
            let options = DialOpts::peer_id(peer.peer_id).addresses(peer.addresses).build();
            let dial = options.connection_id();
            self.dialling.begun(peer.peer_id, dial);
            if let Err(error) = self.swarm.dial(options) {
                self.dialling.failed(peer.peer_id, dial);
                tracing::debug!(peer = peer.member, %error, "cannot dial");
            }
        }
    }

    fn on_gossip(&mut self, carrier: &PeerId, message: &gossipsub::Message) -> MessageAcceptance {
        // Who passes it on is bounded; who wrote it, as the signature shows, must be admitted too.
        let entered = self.gate.enter(carrier, Protocol::Gossip);
        let author = message.source.ok_or(Refusal::NotAdmitted).and_then(|source| self.gate.member(&source));
        let from = match entered.and(author) {
            Ok(from) => from,
            Err(refusal) => {
                self.refuse(carrier, &format!("gossip: {refusal}"));
                if refusal.ends_connection() && self.gate.member(carrier).is_err() {
                    let _ = self.swarm.disconnect_peer_id(*carrier);
                }
                return MessageAcceptance::Ignore;
            }
        };
        let head = serde_json::from_slice::<HeadHint>(&message.data)
            .ok()
            .filter(|h| h.check().is_ok() && h.forum == self.forum);
        let Some(head) = head else {
            self.refuse(carrier, &format!("gossip of `{from}` is malformed"));
            return MessageAcceptance::Reject;
        };
        // A hint that finds no room is lost: the node asks for heads all the time.
        let _ = self.reporter.events.try_send(NetworkEvent::HeadAnnounced { from, head });
        MessageAcceptance::Accept
    }

    /// Lets the peer read why it is refused, then disconnects it.
    fn leave(&mut self, peer: PeerId) {
        if self.leaving.insert(peer) {
            self.farewells.push(Box::pin(async move {
                tokio::time::sleep(FAREWELL).await;
                peer
            }));
        }
    }

    fn on_farewell(&mut self, peer: PeerId) {
        self.leaving.remove(&peer);
        if self.gate.member(&peer).is_err() {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }
}
