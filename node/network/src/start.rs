//! Starts the network: key, transports, addresses, tasks.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behaviour::Behaviour;
use crate::gate::Gate;
use crate::handle::{NetworkConfig, NetworkError, NetworkEvent, NetworkHandle};
use crate::limits::Limits;
use crate::message::ARTEFACT;
use crate::report::Reporter;
use crate::service::Service;
use crate::transfer::client::Client;
use crate::transfer::server::Server;

/// Commands waiting for the swarm: beyond it, the node's own tasks wait.
const COMMANDS: usize = 256;
/// Events waiting for the node: beyond it, requests are refused rather than kept.
const EVENTS: usize = 1_024;
/// How long an address may take to be listened on.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams of one connection whose protocol is still being settled.
const MAX_NEGOTIATING: usize = 64;
/// Peers are asked for heads all the time; a connection this long without use is a dead one.
const IDLE: Duration = Duration::from_secs(3600);

/// Starts the network with the default limits; see [`start_with`].
pub async fn start(config: NetworkConfig) -> Result<(NetworkHandle, mpsc::Receiver<NetworkEvent>), NetworkError> {
    start_with(config, Limits::default()).await
}

/// Starts the network; returns once every address is listened on. Must be called within a tokio runtime.
///
/// Nobody is let in before [`NetworkHandle::admit`].
///
/// # Errors
/// The key or the forum is no such thing, or an address cannot be listened on.
pub async fn start_with(
    config: NetworkConfig,
    limits: Limits,
) -> Result<(NetworkHandle, mpsc::Receiver<NetworkEvent>), NetworkError> {
    let started = |e: &dyn std::fmt::Display| NetworkError::Start(e.to_string());
    let mut swarm = build(&config, &limits).map_err(|e| started(&e))?;
    for address in &config.listen {
        listen(&mut swarm, address).await?;
    }
    let mut control = swarm.behaviour().streams.new_control();
    let streams = control.accept(StreamProtocol::new(ARTEFACT)).map_err(|e| started(&e))?;
    let (command_sender, commands) = mpsc::channel(COMMANDS);
    let (event_sender, events) = mpsc::channel(EVENTS);
    let (gate, reporter) = (Arc::new(Gate::new(&limits)), Arc::new(Reporter::new(event_sender)));
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let server = Server::new(Arc::clone(&gate), Arc::clone(&reporter), limits.clone(), stop.clone());
    tracker.spawn(Arc::new(server).accept(streams, tracker.clone()));
    let client = Arc::new(Client::new(limits.clone()));
    let service = Service::new(swarm, commands, gate, reporter, config.forum, limits, stop, tracker);
    tokio::spawn(service.run());
    Ok((NetworkHandle { commands: command_sender, client, control }, events))
}

fn build(
    config: &NetworkConfig,
    limits: &Limits,
) -> Result<Swarm<Behaviour>, Box<dyn std::error::Error + Send + Sync>> {
    let mut seed = config.seed;
    let key = libp2p::identity::Keypair::ed25519_from_bytes(&mut seed)?;
    let behaviour = Behaviour::new(&key, &config.forum, limits)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_dns()?
        .with_behaviour(|_| behaviour)?
        .with_swarm_config(|c| {
            c.with_idle_connection_timeout(IDLE).with_max_negotiating_inbound_streams(MAX_NEGOTIATING)
        })
        .build();
    Ok(swarm)
}

/// Whether a TCP port is free. libp2p listens with SO_REUSEPORT, so that a second process of the same user would share
/// the port without a word and get half the connections; a socket without it finds out. UDP ports are not shared.
fn check_free(address: &Multiaddr) -> std::io::Result<()> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

/// Listens on `address` and waits until it is so: a port in use is an error at the start, not a silence later.
async fn listen(swarm: &mut Swarm<Behaviour>, address: &Multiaddr) -> Result<(), NetworkError> {
    let refuse = |reason: String| NetworkError::Listen { address: address.to_string(), reason };
    check_free(address).map_err(|e| refuse(e.to_string()))?;
    let id = swarm.listen_on(address.clone()).map_err(|e| refuse(e.to_string()))?;
    let listening = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, .. } if listener_id == id => return Ok(()),
                SwarmEvent::ListenerClosed { listener_id, reason, .. } if listener_id == id => {
                    return Err(refuse(reason.err().map_or_else(|| "closed".to_owned(), |e| e.to_string())));
                }
                SwarmEvent::ListenerError { listener_id, error } if listener_id == id => {
                    return Err(refuse(error.to_string()));
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(LISTEN_TIMEOUT, listening).await.unwrap_or_else(|_| Err(refuse("no answer".to_owned())))
}
