//! The swarm's behaviour. Who may connect comes first, so that its denial comes first.

use std::collections::HashSet;

use libp2p::allow_block_list::{self, AllowedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{
    self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode, WhitelistSubscriptionFilter,
};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{StreamProtocol, identify, memory_connection_limits, ping};
use sha2::{Digest, Sha256};

use crate::codec::Bounded;
use crate::limits::Limits;
use crate::message::{HEAD_TOPIC, MAX_GOSSIP, MAX_REQUEST, MAX_SYNC_RESPONSE, SYNC};

pub(crate) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// Connections still being set up: strangers cost a handshake each.
const MAX_PENDING: u32 = 32;
/// Connections to one peer: both sides may dial at once, over TCP and QUIC.
const MAX_PER_PEER: u32 = 4;
/// Connections in all: a forum of 60 members at the limit for each, and some that are being replaced.
const MAX_ESTABLISHED: u32 = 256;
/// Beyond this much memory of the process, no new connections.
const MAX_PROCESS_BYTES: usize = 4 << 30;
/// Sync requests of one connection under way at once.
const MAX_STREAMS: usize = 32;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) allowed: allow_block_list::Behaviour<AllowedPeers>,
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
    pub(crate) gossip: Gossip,
    pub(crate) sync: request_response::Behaviour<Bounded>,
    pub(crate) streams: libp2p_stream::Behaviour,
}

/// The topic of a forum's heads.
pub(crate) fn head_topic(forum: &str) -> IdentTopic {
    IdentTopic::new(format!("{HEAD_TOPIC}{forum}"))
}

impl Behaviour {
    pub(crate) fn new(key: &Keypair, forum: &str, limits: &Limits) -> Result<Self, String> {
        let connections = ConnectionLimits::default()
            .with_max_pending_incoming(Some(MAX_PENDING))
            .with_max_pending_outgoing(Some(MAX_PENDING))
            .with_max_established(Some(MAX_ESTABLISHED))
            .with_max_established_per_peer(Some(MAX_PER_PEER));
        // The agent says no version: a list of who runs what is of use to an attacker only. Addresses come from the
        // charter alone: none are told, and what a peer says of its own is not kept.
        let identify = identify::Config::new("/chancery/1".to_owned(), key.public())
            .with_agent_version("chancery".to_owned())
            .with_hide_listen_addrs(true)
            .with_cache_size(0);
        let codec = Bounded { max_request: MAX_REQUEST, max_response: MAX_SYNC_RESPONSE };
        let sync = request_response::Config::default()
            .with_request_timeout(limits.request_timeout)
            .with_max_concurrent_streams(MAX_STREAMS);
        let protocols = [(StreamProtocol::new(SYNC), ProtocolSupport::Full)];
        Ok(Self {
            allowed: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(connections),
            memory: memory_connection_limits::Behaviour::with_max_bytes(MAX_PROCESS_BYTES),
            ping: ping::Behaviour::default(),
            identify: identify::Behaviour::new(identify),
            gossip: gossip(key, forum)?,
            sync: request_response::Behaviour::with_codec(codec, protocols, sync),
            streams: libp2p_stream::Behaviour::new(),
        })
    }
}

fn gossip(key: &Keypair, forum: &str) -> Result<Gossip, String> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .max_transmit_size(MAX_GOSSIP)
        .flood_publish(true)
        .message_id_fn(|message| MessageId::from(Sha256::digest(&message.data).to_vec()))
        .build()
        .map_err(|e| e.to_string())?;
    let topic = head_topic(forum);
    let filter = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let authenticity = MessageAuthenticity::Signed(key.clone());
    let mut gossip = Gossip::new_with_subscription_filter(authenticity, config, filter).map_err(str::to_owned)?;
    gossip.subscribe(&topic).map_err(|e| e.to_string())?;
    Ok(gossip)
}
