//! Every bound of the network that an operator or a test may set, with why it is what it is.
//! Bounds that are part of the protocol are constants in [`crate::message`].

use std::time::Duration;

/// Bounds on what peers may cost. The defaults suit a forum of up to 60 members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for an answer to a sync request, and for the node's own answer to one.
    pub request_timeout: Duration,
    /// Longest wait for one frame of an artefact, either way. 256 KiB in 20 s is the slowest line that still works.
    pub frame_timeout: Duration,
    /// How often to look whom to dial and whose admission has ended.
    pub reconcile_interval: Duration,
    /// Longest wait before dialling a peer again.
    pub max_backoff: Duration,
    /// Sync requests one peer may make in a second, and at once. Beyond it, requests are refused.
    pub sync_per_second: u32,
    /// Gossip messages one peer may pass on in a second, and at once. Beyond it, messages are ignored.
    pub gossip_per_second: u32,
    /// Pieces of artefacts, each at most 1 MiB, that one peer may take in a second. Beyond it, transfers are slowed.
    pub pieces_per_second: u32,
    /// Transfers to one peer at once, and from one peer at once.
    pub transfers_per_peer: usize,
    /// Transfers to all peers at once, and from all peers at once. Each holds at most one piece in memory.
    pub transfers: usize,
    /// How long to finish what is under way when the network stops.
    pub stop_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            frame_timeout: Duration::from_secs(20),
            reconcile_interval: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            sync_per_second: 200,
            gossip_per_second: 100,
            pieces_per_second: 200,
            transfers_per_peer: 4,
            transfers: 16,
            stop_within: Duration::from_secs(2),
        }
    }
}
