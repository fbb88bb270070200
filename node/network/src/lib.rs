//! Owns the libp2p swarm: who is let in, what is said, how long and how large it may be.
//!
//! Knows no database and no charter. Inbound requests become events with a reply channel; `exchange` answers them.

mod behaviour;
mod codec;
mod dial;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
pub mod handle;
pub mod limits;
pub mod message;
mod report;
mod service;
mod start;
mod transfer;

pub use handle::{AdmittedPeer, NetworkConfig, NetworkError, NetworkEvent, NetworkHandle};
pub use libp2p::{Multiaddr, PeerId};
pub use limits::Limits;
pub use start::{start, start_with};
pub use transfer::client::{FetchCause, FetchError};
pub use transfer::verifier::{ChunkVerifier, WrongChunk};

/// The peer id of an Ed25519 transport key; none if the key is no curve point.
pub fn peer_id_of(public_key: &[u8; 32]) -> Option<PeerId> {
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(public_key).ok()?;
    Some(libp2p::identity::PublicKey::from(key).to_peer_id())
}
