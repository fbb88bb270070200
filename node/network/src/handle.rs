//! How the rest of the node talks with the network: commands in, typed events out.

use std::sync::Arc;

use libp2p::{Multiaddr, PeerId};
use libp2p_stream::Control;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};

use crate::message::{ArtefactRequest, ChunkRequest, ChunkResponse, HeadHint, SyncRequest, SyncResponse};
use crate::transfer::client::{Client, FetchCause, FetchError};

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
        f.debug_struct("NetworkConfig")
            .field("listen", &self.listen)
            .field("forum", &self.forum)
            .finish_non_exhaustive()
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
    /// Too many requests of this node are under way already.
    #[error("too many requests are under way: ask `{0}` again later")]
    Busy(String),
    /// What was to be sent is not fit to be.
    #[error("not sent, since it is malformed: {0}")]
    Unfit(String),
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
    /// A member asks for a chunk; a longer range is asked for chunk by chunk, so that each is decided anew.
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
    PeerOf { member: String, reply: oneshot::Sender<Option<PeerId>> },
    Connected(oneshot::Sender<Vec<String>>),
    Addresses(oneshot::Sender<Vec<Multiaddr>>),
    Stop(oneshot::Sender<()>),
}

/// A handle on the network task.
#[derive(Clone)]
pub struct NetworkHandle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) client: Arc<Client>,
    pub(crate) control: Control,
}

impl std::fmt::Debug for NetworkHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkHandle").finish_non_exhaustive()
    }
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

    /// Who may be connected from now on; everybody else is cut off. Connections to all of them are kept up, dialled
    /// with growing waits. May be called as often as one likes with the same peers.
    pub async fn admit(&self, peers: Vec<AdmittedPeer>) -> Result<(), NetworkError> {
        self.send(Command::Admit(peers)).await
    }

    /// Tells the forum of a new head. A hint: nobody need hear it.
    ///
    /// # Errors
    /// A head that peers would refuse, or a network that has stopped.
    pub async fn announce(&self, head: HeadHint) -> Result<(), NetworkError> {
        head.check().map_err(|e| NetworkError::Unfit(e.to_string()))?;
        self.send(Command::Announce(head)).await
    }

    /// Asks a member, and waits at most [`crate::Limits::request_timeout`]. The answer is within its bounds, and not
    /// checked further.
    ///
    /// # Errors
    /// Not connected, no answer, a malformed answer. A peer that says no answers [`SyncResponse::Refused`].
    pub async fn sync(&self, member: &str, request: SyncRequest) -> Result<SyncResponse, NetworkError> {
        request.check().map_err(|e| NetworkError::Unfit(e.to_string()))?;
        let member = member.to_owned();
        self.ask(|reply| Command::Sync { member, request, reply }).await?
    }

    /// Fetches a range of an artefact from a member into `out`, a frame at a time, and returns its length.
    ///
    /// The bytes are what the member sent: check them, for instance with [`crate::ChunkVerifier`] as `out`.
    ///
    /// # Errors
    /// Says how many bytes came before it broke off; ask for the rest from there, of this member or another.
    pub async fn fetch_artefact<W: AsyncWrite + Unpin + Send + ?Sized>(
        &self,
        member: &str,
        request: &ArtefactRequest,
        out: &mut W,
    ) -> Result<u64, FetchError> {
        let failed = |(received, cause)| FetchError { member: member.to_owned(), received, cause };
        let asked = self.ask(|reply| Command::PeerOf { member: member.to_owned(), reply }).await;
        let peer = asked.map_err(|e| failed((0, FetchCause::NotAsked(e.to_string()))))?;
        let peer = peer.ok_or_else(|| failed((0, FetchCause::NotConnected)))?;
        self.client.fetch(&mut self.control.clone(), peer, request, out).await.map_err(failed)
    }

    /// Fetches a chunk of an artefact, at most 1 MiB, into memory. Fewer bytes than asked for: the artefact ends there.
    ///
    /// # Errors
    /// Not connected, no answer, a malformed answer. A peer that says no answers [`ChunkResponse::Refused`].
    pub async fn chunk(&self, member: &str, request: ChunkRequest) -> Result<ChunkResponse, NetworkError> {
        let mut bytes = Vec::new();
        let fetched = self.fetch_artefact(member, &request.into(), &mut bytes).await;
        let Err(FetchError { member, cause, .. }) = fetched else { return Ok(ChunkResponse::Bytes(bytes)) };
        match cause {
            FetchCause::Short => Ok(ChunkResponse::Bytes(bytes)),
            FetchCause::Refused(reason) => Ok(ChunkResponse::Refused(reason)),
            FetchCause::NotConnected => Err(NetworkError::NotConnected(member)),
            FetchCause::NotAsked(reason) => Err(NetworkError::Unfit(reason)),
            FetchCause::Malformed(error) => Err(NetworkError::Malformed { member, reason: error.to_string() }),
            FetchCause::Broken(error) => Err(NetworkError::NoAnswer { member, reason: error.to_string() }),
            cause => Err(NetworkError::NoAnswer { member, reason: cause.to_string() }),
        }
    }

    /// Members connected now.
    pub async fn connected(&self) -> Result<Vec<String>, NetworkError> {
        self.ask(Command::Connected).await
    }

    /// Addresses listened on.
    pub async fn addresses(&self) -> Result<Vec<Multiaddr>, NetworkError> {
        self.ask(Command::Addresses).await
    }

    /// Ends the network: nothing new is taken, what is under way may finish for [`crate::Limits::stop_within`].
    /// Returns when the ports are free again.
    pub async fn stop(&self) {
        let _ = self.ask(Command::Stop).await;
    }
}
