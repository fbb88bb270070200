//! The one task that owns the swarm.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use libp2p::gossipsub::{self, MessageAcceptance};
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use libp2p::swarm::{DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};

use crate::behaviour::{Behaviour, BehaviourEvent, head_topic};
use crate::handle::{AdmittedPeer, Command, NetworkConfig, NetworkError, NetworkEvent, NetworkHandle};
use crate::message::{ChunkResponse, HeadHint, SyncResponse};

/// Commands waiting for the swarm.
const COMMANDS: usize = 256;
/// Events waiting for the node: beyond it, requests are refused rather than kept.
const EVENTS: usize = 1_024;
/// Requests one peer may make in a second, and at once.
const REQUESTS_PER_SECOND: u32 = 200;
/// How often to look whom to dial.
const DIAL_INTERVAL: Duration = Duration::from_millis(500);
/// Longest wait before dialling a peer again.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long an address may take to be listened on.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

enum Pending {
    Sync(String, oneshot::Sender<Result<SyncResponse, NetworkError>>),
    Chunk(String, oneshot::Sender<Result<ChunkResponse, NetworkError>>),
}

enum Answer {
    Sync(ResponseChannel<Vec<u8>>, Vec<u8>),
    Chunk(ResponseChannel<Vec<u8>>, Vec<u8>),
}

struct Dialling {
    next: Instant,
    failures: u32,
}

struct Service {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<NetworkEvent>,
    admitted: HashMap<PeerId, AdmittedPeer>,
    connections: HashMap<PeerId, u32>,
    dialling: HashMap<PeerId, Dialling>,
    pending: HashMap<OutboundRequestId, Pending>,
    pending_chunks: HashMap<OutboundRequestId, Pending>,
    answers: FuturesUnordered<BoxFuture<'static, Option<Answer>>>,
    limiter: DefaultKeyedRateLimiter<PeerId>,
    forum: String,
}

/// Starts the network; returns once every address is listened on. Must be called within a tokio runtime.
pub async fn start(config: NetworkConfig) -> Result<(NetworkHandle, mpsc::Receiver<NetworkEvent>), NetworkError> {
    let mut seed = config.seed;
    let started = |e: &dyn std::fmt::Display| NetworkError::Start(e.to_string());
    let key = libp2p::identity::Keypair::ed25519_from_bytes(&mut seed).map_err(|e| started(&e))?;
    let behaviour = Behaviour::new(&key, &config.forum).map_err(|e| started(&e))?;
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|e| started(&e))?
        .with_quic()
        .with_dns()
        .map_err(|e| started(&e))?
        .with_behaviour(|_| behaviour)
        .map_err(|e| started(&e))?
        .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build();
    for address in &config.listen {
        listen(&mut swarm, address).await?;
    }
    let (command_sender, commands) = mpsc::channel(COMMANDS);
    let (events, event_receiver) = mpsc::channel(EVENTS);
    let per_second = NonZeroU32::new(REQUESTS_PER_SECOND).unwrap_or(NonZeroU32::MIN);
    let service = Service {
        swarm,
        commands,
        events,
        admitted: HashMap::new(),
        connections: HashMap::new(),
        dialling: HashMap::new(),
        pending: HashMap::new(),
        pending_chunks: HashMap::new(),
        answers: FuturesUnordered::new(),
        limiter: RateLimiter::keyed(Quota::per_second(per_second)),
        forum: config.forum,
    };
    tokio::spawn(service.run());
    Ok((NetworkHandle { commands: command_sender }, event_receiver))
}

/// Listens on `address` and waits until it is so: a port in use is an error at the start, not a silence later.
async fn listen(swarm: &mut Swarm<Behaviour>, address: &Multiaddr) -> Result<(), NetworkError> {
    let refuse = |reason: String| NetworkError::Listen { address: address.to_string(), reason };
    let id = swarm.listen_on(address.clone()).map_err(|e| refuse(e.to_string()))?;
    let listening = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, .. } if listener_id == id => return Ok(()),
                SwarmEvent::ListenerClosed { listener_id, reason, .. } if listener_id == id => {
                    return Err(refuse(reason.err().map_or_else(|| "closed".to_owned(), |e| e.to_string())));
                }
                SwarmEvent::ListenerError { listener_id, error } if listener_id == id => return Err(refuse(error.to_string())),
                _ => {}
            }
        }
    };
    tokio::time::timeout(LISTEN_TIMEOUT, listening).await.unwrap_or_else(|_| Err(refuse("no answer".to_owned())))
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

impl Service {
    async fn run(mut self) {
        let mut tick = tokio::time::interval(DIAL_INTERVAL);
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    None | Some(Command::Stop) => break,
                    Some(command) => self.on_command(command),
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.on_answer(answer),
                _ = tick.tick() => self.on_tick(),
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Admit(peers) => self.admit(peers),
            Command::Announce(head) => self.announce(&head),
            Command::Sync { member, request, reply } => match self.peer_of(&member) {
                None => drop(reply.send(Err(NetworkError::NotConnected(member)))),
                Some(peer) => {
                    let bytes = serde_json::to_vec(&request).unwrap_or_default();
                    let id = self.swarm.behaviour_mut().sync.send_request(&peer, bytes);
                    self.pending.insert(id, Pending::Sync(member, reply));
                }
            },
            Command::Chunk { member, request, reply } => match self.peer_of(&member) {
                None => drop(reply.send(Err(NetworkError::NotConnected(member)))),
                Some(peer) => {
                    let bytes = serde_json::to_vec(&request).unwrap_or_default();
                    let id = self.swarm.behaviour_mut().artefact.send_request(&peer, bytes);
                    self.pending_chunks.insert(id, Pending::Chunk(member, reply));
                }
            },
            Command::Connected(reply) => {
                let members = self.connections.keys().filter_map(|p| self.admitted.get(p)).map(|a| a.member.clone());
                let _ = reply.send(members.collect());
            }
            Command::Addresses(reply) => drop(reply.send(self.swarm.listeners().cloned().collect())),
            Command::Stop => {}
        }
    }

    fn peer_of(&self, member: &str) -> Option<PeerId> {
        self.connections.keys().find(|p| self.admitted.get(p).is_some_and(|a| a.member == member)).copied()
    }

    fn admit(&mut self, peers: Vec<AdmittedPeer>) {
        let own = *self.swarm.local_peer_id();
        let wanted: HashMap<PeerId, AdmittedPeer> =
            peers.into_iter().filter(|p| p.peer_id != own && p.not_after > now()).map(|p| (p.peer_id, p)).collect();
        let gone: Vec<PeerId> = self.admitted.keys().filter(|p| !wanted.contains_key(p)).copied().collect();
        for peer in gone {
            self.swarm.behaviour_mut().allowed.disallow_peer(peer);
            self.swarm.behaviour_mut().gossip.remove_explicit_peer(&peer);
            self.dialling.remove(&peer);
        }
        for peer in wanted.keys() {
            self.swarm.behaviour_mut().allowed.allow_peer(*peer);
            self.swarm.behaviour_mut().gossip.add_explicit_peer(peer);
        }
        self.admitted = wanted;
    }

    /// The member behind a peer, if it is admitted now; asked again for every request.
    fn admitted_now(&self, peer: &PeerId) -> Option<String> {
        self.admitted.get(peer).filter(|a| a.not_after > now()).map(|a| a.member.clone())
    }

    fn refuse(&mut self, peer: &PeerId, reason: String) {
        let peer = self.admitted.get(peer).map_or_else(|| peer.to_string(), |a| a.member.clone());
        let _ = self.events.try_send(NetworkEvent::Refused { peer, reason });
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
            SwarmEvent::ConnectionClosed { peer_id, num_established, .. } => self.on_closed(peer_id, num_established),
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                let reason = format!("connection from {send_back_addr} refused: {error}");
                let _ = self.events.try_send(NetworkEvent::Refused { peer: "unknown".to_owned(), reason });
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => self.on_dial_failed(peer, &error),
            SwarmEvent::Behaviour(BehaviourEvent::Sync(event)) => self.on_sync(event),
            SwarmEvent::Behaviour(BehaviourEvent::Artefact(event)) => self.on_artefact(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message })) => {
                let acceptance = self.on_gossip(&message);
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&message_id, &propagation_source, acceptance);
            }
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: PeerId) {
        let Some(member) = self.admitted_now(&peer) else {
            self.refuse(&peer, "connected without an admission in force".to_owned());
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        };
        self.dialling.remove(&peer);
        let count = self.connections.entry(peer).or_default();
        *count += 1;
        if *count == 1 {
            let _ = self.events.try_send(NetworkEvent::Connected { member });
        }
    }

    fn on_closed(&mut self, peer: PeerId, left: u32) {
        if left > 0 {
            self.connections.insert(peer, left);
        } else if self.connections.remove(&peer).is_some() {
            let member = self.admitted.get(&peer).map_or_else(|| peer.to_string(), |a| a.member.clone());
            let _ = self.events.try_send(NetworkEvent::Disconnected { member });
        }
    }

    fn on_dial_failed(&mut self, peer: PeerId, error: &DialError) {
        let entry = self.dialling.entry(peer).or_insert(Dialling { next: Instant::now(), failures: 0 });
        entry.failures = entry.failures.saturating_add(1);
        let wait = Duration::from_millis(250).saturating_mul(1 << entry.failures.min(8)).min(MAX_BACKOFF);
        entry.next = Instant::now() + wait;
        tracing::debug!(%peer, %error, wait_ms = wait.as_millis() as u64, "dialling failed");
    }

    /// Dials those who should be connected and are not; cuts off those whose admission has ended.
    fn on_tick(&mut self) {
        let now_s = now();
        let ended: Vec<PeerId> =
            self.connections.keys().filter(|p| self.admitted.get(p).is_none_or(|a| a.not_after <= now_s)).copied().collect();
        for peer in ended {
            self.refuse(&peer, "its transport delegation has ended: it is disconnected".to_owned());
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let due: Vec<(PeerId, Vec<Multiaddr>)> = self
            .admitted
            .values()
            .filter(|a| a.not_after > now_s && !a.addresses.is_empty() && !self.connections.contains_key(&a.peer_id))
            .filter(|a| self.dialling.get(&a.peer_id).is_none_or(|d| d.next <= Instant::now()))
            .map(|a| (a.peer_id, a.addresses.clone()))
            .collect();
        for (peer, addresses) in due {
            // Until the dial ends one way or the other, it is not tried again.
            let failures = self.dialling.get(&peer).map_or(0, |d| d.failures);
            self.dialling.insert(peer, Dialling { next: Instant::now() + MAX_BACKOFF, failures });
            let options = libp2p::swarm::dial_opts::DialOpts::peer_id(peer).addresses(addresses).build();
            if let Err(error) = self.swarm.dial(options) {
                self.on_dial_failed(peer, &error);
            }
        }
    }

    fn on_gossip(&mut self, message: &gossipsub::Message) -> MessageAcceptance {
        let Some(source) = message.source else { return MessageAcceptance::Reject };
        let Some(from) = self.admitted_now(&source) else {
            self.refuse(&source, "gossip from a peer that is not admitted".to_owned());
            return MessageAcceptance::Reject;
        };
        if self.limiter.check_key(&source).is_err() {
            return MessageAcceptance::Ignore;
        }
        match serde_json::from_slice::<HeadHint>(&message.data) {
            Ok(head) if head.forum == self.forum => {
                let _ = self.events.try_send(NetworkEvent::HeadAnnounced { from, head });
                MessageAcceptance::Accept
            }
            _ => {
                self.refuse(&source, "malformed gossip".to_owned());
                MessageAcceptance::Reject
            }
        }
    }

    /// The member behind an inbound request, unless it must be refused.
    fn gate(&mut self, peer: &PeerId) -> Option<String> {
        let Some(member) = self.admitted_now(peer) else {
            self.refuse(peer, "request without an admission in force: disconnected".to_owned());
            let _ = self.swarm.disconnect_peer_id(*peer);
            return None;
        };
        if self.limiter.check_key(peer).is_err() {
            self.refuse(peer, format!("more than {REQUESTS_PER_SECOND} requests a second"));
            return None;
        }
        Some(member)
    }

    fn on_sync(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message { peer, message: request_response::Message::Request { request, channel, .. }, .. } => {
                let Some(member) = self.gate(&peer) else { return };
                let Ok(request) = serde_json::from_slice(&request) else {
                    return self.refuse(&peer, "malformed sync request".to_owned());
                };
                let (reply, answer) = oneshot::channel();
                if self.events.try_send(NetworkEvent::SyncRequested { member, request, reply }).is_err() {
                    return self.refuse(&peer, "too busy to answer".to_owned());
                }
                let answer = async move { Some(Answer::Sync(channel, serde_json::to_vec(&answer.await.ok()?).ok()?)) };
                self.answers.push(Box::pin(answer));
            }
            request_response::Event::Message { message: request_response::Message::Response { request_id, response }, .. } => {
                if let Some(Pending::Sync(member, reply)) = self.pending.remove(&request_id) {
                    let decoded = serde_json::from_slice(&response)
                        .map_err(|e| NetworkError::Malformed { member, reason: e.to_string() });
                    let _ = reply.send(decoded);
                }
            }
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                if let Some(Pending::Sync(member, reply)) = self.pending.remove(&request_id) {
                    let _ = reply.send(Err(NetworkError::NoAnswer { member, reason: error.to_string() }));
                }
            }
            request_response::Event::InboundFailure { peer, error, .. } => self.on_inbound_failure(&peer, &error),
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_artefact(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message { peer, message: request_response::Message::Request { request, channel, .. }, .. } => {
                let Some(member) = self.gate(&peer) else { return };
                let Ok(request) = serde_json::from_slice(&request) else {
                    return self.refuse(&peer, "malformed chunk request".to_owned());
                };
                let (reply, answer) = oneshot::channel();
                if self.events.try_send(NetworkEvent::ChunkRequested { member, request, reply }).is_err() {
                    return self.refuse(&peer, "too busy to answer".to_owned());
                }
                let answer = async move { Some(Answer::Chunk(channel, answer.await.ok()?.encode())) };
                self.answers.push(Box::pin(answer));
            }
            request_response::Event::Message { message: request_response::Message::Response { request_id, response }, .. } => {
                if let Some(Pending::Chunk(member, reply)) = self.pending_chunks.remove(&request_id) {
                    let malformed = || NetworkError::Malformed { member, reason: "an empty chunk".to_owned() };
                    let _ = reply.send(ChunkResponse::decode(&response).ok_or_else(malformed));
                }
            }
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                if let Some(Pending::Chunk(member, reply)) = self.pending_chunks.remove(&request_id) {
                    let _ = reply.send(Err(NetworkError::NoAnswer { member, reason: error.to_string() }));
                }
            }
            request_response::Event::InboundFailure { peer, error, .. } => self.on_inbound_failure(&peer, &error),
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_inbound_failure(&mut self, peer: &PeerId, error: &request_response::InboundFailure) {
        if !matches!(error, request_response::InboundFailure::ConnectionClosed) {
            self.refuse(peer, format!("its request failed: {error}"));
        }
    }

    fn on_answer(&mut self, answer: Option<Answer>) {
        match answer {
            Some(Answer::Sync(channel, bytes)) => drop(self.swarm.behaviour_mut().sync.send_response(channel, bytes)),
            Some(Answer::Chunk(channel, bytes)) => drop(self.swarm.behaviour_mut().artefact.send_response(channel, bytes)),
            // The node dropped the reply: the peer sees the request fail.
            None => {}
        }
    }
}
