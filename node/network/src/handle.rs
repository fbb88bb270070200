//! How the rest of the node talks with the network: commands in, typed events out.

use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};

use crate::message::{ChunkRequest, ChunkResponse, HeadHint, SyncRequest, SyncResponse};

/// How the network starts.
pub struct NetworkConfig {
    /// Seed of the Ed25519 transport key.
    pub seed: [u8; 32],
    /// Addresses to listen on.
    pub listen: Vec<Multiaddr>,
    /// The forum whose heads are gossiped.
    pub forum: String,
}

impl std::fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkConfig").field("listen", &self.listen).field("forum", &self.forum).finish_non_exhaustive()
    }
}

/// A peer that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedPeer {
    /// Member id.
    pub member: String,
    /// From its transport key.
    pub peer_id: PeerId,
    /// Where to find it.
    pub addresses: Vec<Multiaddr>,
    /// Until when, unix seconds.
    pub not_after: i64,
}

/// Why the network did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It could not start.
    #[error("cannot start the network: {0}")]
    Start(String),
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`: {reason}; is the port in use? change `network.listen` in chancery.toml")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// The member is not connected.
    #[error("`{0}` is not connected")]
    NotConnected(String),
    /// The peer did not answer, or broke off.
    #[error("`{member}` did not answer: {reason}")]
    NoAnswer {
        /// The member.
        member: String,
        /// Why.
        reason: String,
    },
    /// The peer's answer is not one.
    #[error("`{member}` sent an answer that is malformed: {reason}")]
    Malformed {
        /// The member.
        member: String,
        /// Why.
        reason: String,
    },
    /// The network task has ended.
    #[error("the network has stopped")]
    Stopped,
}

/// What happens on the network.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A first connection to a member stands.
    Connected {
        /// Who.
        member: String,
    },
    /// The last connection to a member is gone.
    Disconnected {
        /// Who.
        member: String,
    },
    /// A member says a log has a new head.
    HeadAnnounced {
        /// Who says so.
        from: String,
        /// What.
        head: HeadHint,
    },
    /// A member asks.
    SyncRequested {
        /// Who.
        member: String,
        /// What.
        request: SyncRequest,
        /// Where the answer goes; dropping it refuses.
        reply: oneshot::Sender<SyncResponse>,
    },
    /// A member asks for a chunk.
    ChunkRequested {
        /// Who.
        member: String,
        /// What.
        request: ChunkRequest,
        /// Where the answer goes; dropping it refuses.
        reply: oneshot::Sender<ChunkResponse>,
    },
    /// Something was refused here already.
    Refused {
        /// Member id, or peer id of a stranger.
        peer: String,
        /// Why.
        reason: String,
    },
}

#[derive(Debug)]
pub(crate) enum Command {
    Admit(Vec<AdmittedPeer>),
    Announce(HeadHint),
    Sync { member: String, request: SyncRequest, reply: oneshot::Sender<Result<SyncResponse, NetworkError>> },
    Chunk { member: String, request: ChunkRequest, reply: oneshot::Sender<Result<ChunkResponse, NetworkError>> },
    Connected(oneshot::Sender<Vec<String>>),
    Addresses(oneshot::Sender<Vec<Multiaddr>>),
    Stop,
}

/// A handle on the network task.
#[derive(Debug, Clone)]
pub struct NetworkHandle {
    pub(crate) commands: mpsc::Sender<Command>,
}

impl NetworkHandle {
    async fn send(&self, command: Command) -> Result<(), NetworkError> {
        self.commands.send(command).await.map_err(|_| NetworkError::Stopped)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, NetworkError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        answer.await.map_err(|_| NetworkError::Stopped)
    }

    /// Who may be connected from now on; everybody else is cut off.
    pub async fn admit(&self, peers: Vec<AdmittedPeer>) -> Result<(), NetworkError> {
        self.send(Command::Admit(peers)).await
    }

    /// Tells the forum of a new head. A hint: nobody need hear it.
    pub async fn announce(&self, head: HeadHint) -> Result<(), NetworkError> {
        self.send(Command::Announce(head)).await
    }

    /// Asks a member.
    pub async fn sync(&self, member: &str, request: SyncRequest) -> Result<SyncResponse, NetworkError> {
        let member = member.to_owned();
        self.ask(|reply| Command::Sync { member, request, reply }).await?
    }

    /// Asks a member for a chunk of an artefact.
    pub async fn chunk(&self, member: &str, request: ChunkRequest) -> Result<ChunkResponse, NetworkError> {
        let member = member.to_owned();
        self.ask(|reply| Command::Chunk { member, request, reply }).await?
    }

    /// Members connected now.
    pub async fn connected(&self) -> Result<Vec<String>, NetworkError> {
        self.ask(Command::Connected).await
    }

    /// Addresses listened on.
    pub async fn addresses(&self) -> Result<Vec<Multiaddr>, NetworkError> {
        self.ask(Command::Addresses).await
    }

    /// Ends the network task.
    pub async fn stop(&self) {
        let _ = self.send(Command::Stop).await;
    }
}
