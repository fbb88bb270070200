//! What peers say to each other. JSON, unknown fields refused, every length bounded before and after decoding.

use serde::{Deserialize, Serialize};

/// Protocol for heads, records and bundles.
pub const SYNC: &str = "/chancery/sync/1";
/// Protocol for artefacts, one chunk a request.
pub const ARTEFACT: &str = "/chancery/artefact/1";
/// Prefix of gossip topics; the forum's id follows.
pub const HEAD_TOPIC: &str = "/chancery/head/1/";

/// Longest request, in bytes.
pub const MAX_REQUEST: usize = 64 << 10;
/// Longest answer to a sync request: a page of records, of which one may be nearly 1 MiB and grows by half in transit.
pub const MAX_SYNC_RESPONSE: usize = 4 << 20;
/// Longest chunk of an artefact, and the byte before it that says whether there is one.
pub const MAX_CHUNK_RESPONSE: usize = (1 << 20) + 1;
/// Longest gossip message: a head with its signatures.
pub const MAX_GOSSIP: usize = 16 << 10;
/// Most leaves in one answer.
pub const MAX_LEAVES: usize = 512;

/// A new head, as a hint: the one who hears it asks for the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadHint {
    /// Forum id.
    pub forum: String,
    /// Whose log.
    pub member: String,
    /// The signed note.
    pub checkpoint: String,
}

/// What a peer asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SyncRequest {
    /// The newest heads of every log held.
    Heads {
        /// Forum id.
        forum: String,
    },
    /// A log's leaves and records from a position.
    Records {
        /// Forum id.
        forum: String,
        /// Whose log.
        member: String,
        /// First leaf wanted: the size the asker holds.
        from: u64,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SyncResponse {
    /// The newest heads.
    Heads(Vec<HeadInfo>),
    /// Leaves, records and what proves them.
    Records(Box<RecordPage>),
    /// Nothing, and why.
    Refused(String),
}

/// A log's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadInfo {
    /// Whose log.
    pub member: String,
    /// The signed note.
    pub checkpoint: String,
}

/// Leaves and records of a log from a position on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordPage {
    /// The signed head that the leaves lead towards.
    pub checkpoint: String,
    /// Leaves from the position asked for, base64.
    pub leaves: Vec<String>,
    /// Records behind these leaves that the asker may have.
    pub records: Vec<RecordItem>,
    /// Proof that the head extends the asker's, base64 hashes.
    pub consistency: Vec<String>,
    /// Proof that the head extends the tree of the asker's leaves and these; empty if they reach it.
    pub rest: Vec<String>,
    /// The root of that tree, base64.
    pub root: String,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordItem {
    /// Its leaf's index.
    pub position: u64,
    /// The envelope, JSON text.
    pub envelope: String,
    /// The leaf's salt, hexadecimal, if it is not public.
    pub salt: Option<String>,
}

/// A chunk of an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkRequest {
    /// Forum id.
    pub forum: String,
    /// The artefact.
    pub sha256: String,
    /// First byte.
    pub offset: u64,
    /// Bytes: at most 1 MiB.
    pub length: u32,
}

/// The bytes, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkResponse {
    /// The bytes asked for.
    Bytes(Vec<u8>),
    /// Why not.
    Refused(String),
}

impl ChunkResponse {
    pub(crate) fn encode(self) -> Vec<u8> {
        let (mark, body) = match self {
            Self::Bytes(bytes) => (0u8, bytes),
            Self::Refused(reason) => (1, reason.into_bytes()),
        };
        let mut out = Vec::with_capacity(body.len() + 1);
        out.push(mark);
        out.extend(body);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, body) => Some(Self::Bytes(body.to_vec())),
            (1, body) => Some(Self::Refused(String::from_utf8_lossy(body).chars().take(500).collect())),
            _ => None,
        }
    }
}
