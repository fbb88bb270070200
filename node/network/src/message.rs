//! What peers say to each other. JSON, unknown fields refused, every length bounded before and after decoding.

use serde::{Deserialize, Serialize};

/// Protocol for heads, records and bundles.
pub const SYNC: &str = "/chancery/sync/1";
/// Protocol for artefacts, a stream for each range.
pub const ARTEFACT: &str = "/chancery/artefact/1";
/// Prefix of gossip topics; the forum's id follows.
pub const HEAD_TOPIC: &str = "/chancery/head/1/";

/// Longest request, in bytes.
pub const MAX_REQUEST: usize = 64 << 10;
/// Longest answer to a sync request: a page of records, of which one may be nearly 1 MiB and grows by half in transit.
pub const MAX_SYNC_RESPONSE: usize = 4 << 20;
/// Longest piece of an artefact that the node is asked for at once: the size of the chunks whose hashes are signed.
pub const MAX_PIECE: usize = 1 << 20;
/// Longest frame of an artefact on the wire. Smaller than a piece, so that a slow line shows progress.
pub const MAX_FRAME: usize = 256 << 10;
/// Longest reason for a refusal, in bytes.
pub const MAX_REASON: usize = 2 << 10;
/// Longest gossip message: a head with its signatures.
pub const MAX_GOSSIP: usize = 16 << 10;
/// Longest signed note of a head, with the cosignatures of a forum of 60 members.
pub const MAX_CHECKPOINT: usize = 15 << 10;
/// Longest request for a cosignature: a head and 63 hashes.
pub const MAX_COSIGN: usize = 40 << 10;
/// Longest cosignature: a name, and 76 bytes of base64.
pub const MAX_COSIGNATURE: usize = 512;
/// Most leaves in one answer.
pub const MAX_LEAVES: usize = 512;
/// Most heads in one answer: one for every member a charter may ever have had.
pub const MAX_HEADS: usize = 1_000;
/// Most hashes in one proof: a tree of 2^63 leaves needs no more.
pub const MAX_PROOF: usize = 64;
/// Most envelopes in one part of a forum.
pub const MAX_ENVELOPES: usize = 4_096;
/// Most records asked for by their positions at once.
pub const MAX_MISSING: usize = 256;
/// Most pairs of heads in one answer, and most members named as known: one is enough for each log.
pub const MAX_EVIDENCE: usize = 64;
/// Longest leaf, base64.
pub const MAX_LEAF: usize = 8 << 10;

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
    /// Charters, revocations, suspensions and delegations, unless both hold the same.
    Forum {
        /// Forum id.
        forum: String,
        /// What the asker holds, as one hash.
        have: String,
        /// What it has seen of this peer before, as one hash; empty the first time.
        seen: String,
        /// How many envelopes of the answer it has already.
        from: u64,
    },
    /// Records whose leaves the asker holds already.
    Missing {
        /// Forum id.
        forum: String,
        /// Whose log.
        member: String,
        /// The leaves' indexes.
        positions: Vec<u64>,
    },
    /// How a log grew from a size: the proof against whoever shows others another log.
    Growth {
        /// Forum id.
        forum: String,
        /// Whose log.
        member: String,
        /// The smaller size.
        from: u64,
    },
    /// Pairs of signed heads by which logs contradict themselves.
    Evidence {
        /// Forum id.
        forum: String,
        /// Members whose logs the asker knows to.
        known: Vec<String>,
    },
    /// A cosignature on a head.
    Cosign {
        /// Forum id.
        forum: String,
        /// The body of C2SP tlog-witness's `add-checkpoint`.
        body: String,
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
    /// What the forum is made of.
    Forum(Box<ForumPage>),
    /// Those of the records that the asker may have.
    Missing(Vec<RecordItem>),
    /// How a log grew.
    Growth(Box<Growth>),
    /// Pairs of heads.
    Evidence(Vec<EvidenceItem>),
    /// A cosignature: a line of a signed note.
    Cosigned(String),
    /// The head cosigned last has another size: this one.
    Conflict(u64),
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
    /// An earlier head that the asker's witness has cosigned, as a note that its line alone signs: the asker may have forgotten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosigned: Option<String>,
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

/// How a log grew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// The signed head.
    pub checkpoint: String,
    /// The root at the smaller size, base64.
    pub root: String,
    /// Proof that the head extends it, base64 hashes.
    pub proof: Vec<String>,
}

/// Two signed heads of one log that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceItem {
    /// Whose log.
    pub member: String,
    /// The smaller head's signed note.
    pub first: String,
    /// The other's.
    pub second: String,
    /// The root that the second's tree had at the first's size, base64, if they are not of one size.
    pub root: Option<String>,
    /// Proof of that, base64 hashes.
    pub proof: Vec<String>,
}

/// A part of what the forum is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForumPage {
    /// All that is held, as one hash.
    pub digest: String,
    /// Envelopes, JSON texts: charters first, in their order. None if the asker holds or has seen them.
    pub envelopes: Vec<String>,
    /// Charters that contradict those; in the first part only.
    pub conflicting: Vec<String>,
    /// Whether there are more.
    pub more: bool,
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
    /// Bytes: 1 to [`MAX_PIECE`].
    pub length: u32,
}

/// The bytes, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkResponse {
    /// The bytes asked for; fewer only where the artefact ends.
    Bytes(Vec<u8>),
    /// Why not.
    Refused(String),
}

/// A range of an artefact, of any length: what opens a stream of [`ARTEFACT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtefactRequest {
    /// Forum id.
    pub forum: String,
    /// The artefact.
    pub sha256: String,
    /// First byte.
    pub offset: u64,
    /// Bytes, at least 1.
    pub length: u64,
}

/// What is wrong with a message that is JSON of the right shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A text that is not what it should be.
    #[error("`{0}` is malformed")]
    Text(&'static str),
    /// Too many or too long.
    #[error("`{0}` is beyond its limit")]
    Limit(&'static str),
}

fn hash(name: &'static str, text: &str) -> Result<(), Unfit> {
    let lower_hex = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if lower_hex { Ok(()) } else { Err(Unfit::Text(name)) }
}

fn member(text: &str) -> Result<(), Unfit> {
    let letters = text.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    if letters && first && (2..=16).contains(&text.len()) { Ok(()) } else { Err(Unfit::Text("member")) }
}

fn at_most(name: &'static str, length: usize, limit: usize) -> Result<(), Unfit> {
    if length <= limit { Ok(()) } else { Err(Unfit::Limit(name)) }
}

impl HeadHint {
    /// Checks the bounds that JSON does not give.
    pub fn check(&self) -> Result<(), Unfit> {
        hash("forum", &self.forum)?;
        member(&self.member)?;
        at_most("checkpoint", self.checkpoint.len(), MAX_CHECKPOINT)
    }
}

impl SyncRequest {
    /// Checks the bounds that JSON does not give.
    pub fn check(&self) -> Result<(), Unfit> {
        match self {
            Self::Heads { forum } => hash("forum", forum),
            Self::Cosign { forum, body } => hash("forum", forum).and_then(|()| at_most("body", body.len(), MAX_COSIGN)),
            Self::Records { forum, member: owner, .. } | Self::Growth { forum, member: owner, .. } => {
                hash("forum", forum).and_then(|()| member(owner))
            }
            Self::Missing { forum, member: owner, positions } => {
                hash("forum", forum)?;
                member(owner)?;
                at_most("positions", positions.len(), MAX_MISSING)
            }
            Self::Evidence { forum, known } => {
                hash("forum", forum)?;
                at_most("known", known.len(), MAX_EVIDENCE)?;
                known.iter().try_for_each(|id| member(id))
            }
            Self::Forum { forum, have, seen, .. } => {
                hash("forum", forum)?;
                hash("have", have)?;
                if seen.is_empty() { Ok(()) } else { hash("seen", seen) }
            }
        }
    }
}

impl SyncResponse {
    /// Checks the bounds that JSON does not give.
    pub fn check(&self) -> Result<(), Unfit> {
        match self {
            Self::Heads(heads) => {
                at_most("heads", heads.len(), MAX_HEADS)?;
                heads.iter().try_for_each(|head| {
                    member(&head.member)?;
                    at_most("checkpoint", head.checkpoint.len(), MAX_CHECKPOINT)?;
                    at_most("checkpoint", head.cosigned.as_ref().map_or(0, String::len), MAX_CHECKPOINT)
                })
            }
            Self::Records(page) => page.check(),
            Self::Forum(page) => {
                hash("digest", &page.digest)?;
                at_most("envelopes", page.envelopes.len(), MAX_ENVELOPES)?;
                at_most("conflicting", page.conflicting.len(), 1)
            }
            Self::Missing(items) => {
                at_most("records", items.len(), MAX_MISSING)?;
                items.iter().try_for_each(RecordItem::check)
            }
            Self::Growth(growth) => {
                at_most("checkpoint", growth.checkpoint.len(), MAX_CHECKPOINT)?;
                at_most("proof", growth.proof.len(), MAX_PROOF)
            }
            Self::Evidence(items) => {
                at_most("evidence", items.len(), MAX_EVIDENCE)?;
                items.iter().try_for_each(|item| {
                    member(&item.member)?;
                    at_most("checkpoint", item.first.len().max(item.second.len()), MAX_CHECKPOINT)?;
                    at_most("proof", item.proof.len(), MAX_PROOF)
                })
            }
            Self::Cosigned(line) => at_most("cosigned", line.len(), MAX_COSIGNATURE),
            Self::Conflict(_) => Ok(()),
            Self::Refused(reason) => at_most("refused", reason.len(), MAX_REASON),
        }
    }

    /// A refusal whose reason is cut to what a peer accepts.
    pub fn refused(reason: &str) -> Self {
        Self::Refused(cut_reason(reason))
    }
}

impl RecordPage {
    fn check(&self) -> Result<(), Unfit> {
        at_most("checkpoint", self.checkpoint.len(), MAX_CHECKPOINT)?;
        at_most("leaves", self.leaves.len(), MAX_LEAVES)?;
        self.leaves.iter().try_for_each(|leaf| at_most("leaves", leaf.len(), MAX_LEAF))?;
        at_most("records", self.records.len(), self.leaves.len())?;
        self.records.iter().try_for_each(RecordItem::check)?;
        at_most("consistency", self.consistency.len(), MAX_PROOF)?;
        at_most("rest", self.rest.len(), MAX_PROOF)
    }
}

impl RecordItem {
    fn check(&self) -> Result<(), Unfit> {
        self.salt.as_ref().map_or(Ok(()), |salt| hash("salt", salt))
    }
}

impl ArtefactRequest {
    /// Checks the bounds that JSON does not give.
    pub fn check(&self) -> Result<(), Unfit> {
        hash("forum", &self.forum)?;
        hash("sha256", &self.sha256)?;
        if self.length == 0 || self.offset.checked_add(self.length).is_none() {
            Err(Unfit::Limit("length"))
        } else {
            Ok(())
        }
    }
}

impl From<ChunkRequest> for ArtefactRequest {
    fn from(chunk: ChunkRequest) -> Self {
        Self { forum: chunk.forum, sha256: chunk.sha256, offset: chunk.offset, length: u64::from(chunk.length) }
    }
}

/// A reason cut to [`MAX_REASON`] bytes, at a character.
pub(crate) fn cut_reason(reason: &str) -> String {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|i| reason.is_char_boundary(*i)).unwrap_or(0);
    reason.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> Result<(), String> {
        let request: SyncRequest = serde_json::from_str(json).map_err(|e| e.to_string())?;
        request.check().map_err(|e| e.to_string())
    }

    #[test]
    fn only_well_formed_requests_pass() {
        let forum = "0a".repeat(32);
        let good = |json: String| assert_eq!(request(&json), Ok(()), "{json}");
        let bad = |json: String| assert!(request(&json).is_err(), "{json}");
        good(format!(r#"{{"heads":{{"forum":"{forum}"}}}}"#));
        good(format!(r#"{{"records":{{"forum":"{forum}","member":"MEX","from":0}}}}"#));
        bad(format!(r#"{{"records":{{"forum":"{forum}","member":"mex","from":0}}}}"#));
        bad(format!(r#"{{"records":{{"forum":"{forum}","member":"../MEX","from":0}}}}"#));
        bad(format!(r#"{{"records":{{"forum":"{forum}","member":"MEX","from":-1}}}}"#));
        bad(format!(r#"{{"records":{{"forum":"{forum}","member":"MEX","from":0,"more":1}}}}"#));
        bad(format!(r#"{{"heads":{{"forum":"{}"}}}}"#, "0A".repeat(32)));
        good(format!(r#"{{"forum":{{"forum":"{forum}","have":"{forum}","seen":"","from":0}}}}"#));
        bad(format!(r#"{{"forum":{{"forum":"{forum}","have":"","seen":"","from":0}}}}"#));
        bad(format!(r#"{{"forum":{{"forum":"{forum}","have":"{forum}","seen":"x","from":0}}}}"#));
        bad(r#"{"heads":{"forum":""}}"#.to_owned());
        bad("[".repeat(10_000));
    }

    #[test]
    fn answers_beyond_their_limits_are_unfit() {
        let head = |size| HeadInfo { member: "MEX".to_owned(), checkpoint: "x".repeat(size), cosigned: None };
        let page = |leaves, records| {
            let item = RecordItem { position: 0, envelope: "{}".to_owned(), salt: None };
            SyncResponse::Records(Box::new(RecordPage {
                checkpoint: String::new(),
                leaves: vec!["bA==".to_owned(); leaves],
                records: vec![item; records],
                consistency: Vec::new(),
                rest: Vec::new(),
                root: String::new(),
            }))
        };
        let forum = |envelopes, conflicting| {
            SyncResponse::Forum(Box::new(ForumPage {
                digest: "0a".repeat(32),
                envelopes: vec!["{}".to_owned(); envelopes],
                conflicting: vec!["{}".to_owned(); conflicting],
                more: false,
            }))
        };
        let cases = [
            (SyncResponse::Heads(vec![head(MAX_CHECKPOINT); MAX_HEADS]), None),
            (SyncResponse::Heads(vec![head(1); MAX_HEADS + 1]), Some(Unfit::Limit("heads"))),
            (SyncResponse::Heads(vec![head(MAX_CHECKPOINT + 1)]), Some(Unfit::Limit("checkpoint"))),
            (
                SyncResponse::Heads(vec![HeadInfo { cosigned: Some("x".repeat(MAX_CHECKPOINT + 1)), ..head(1) }]),
                Some(Unfit::Limit("checkpoint")),
            ),
            (page(MAX_LEAVES, MAX_LEAVES), None),
            (page(MAX_LEAVES + 1, 0), Some(Unfit::Limit("leaves"))),
            (page(1, 2), Some(Unfit::Limit("records"))),
            (forum(MAX_ENVELOPES, 1), None),
            (forum(MAX_ENVELOPES + 1, 0), Some(Unfit::Limit("envelopes"))),
            (forum(0, 2), Some(Unfit::Limit("conflicting"))),
            (SyncResponse::refused(&"é".repeat(MAX_REASON)), None),
            (SyncResponse::Refused("x".repeat(MAX_REASON + 1)), Some(Unfit::Limit("refused"))),
        ];
        for (answer, expected) in cases {
            assert_eq!(answer.check().err(), expected);
        }
    }

    #[test]
    fn a_range_has_bytes_and_an_end() {
        let range = |offset, length| {
            ArtefactRequest { forum: "0a".repeat(32), sha256: "0b".repeat(32), offset, length }.check().is_ok()
        };
        assert_eq!([range(0, 1), range(0, 0), range(u64::MAX, 1), range(u64::MAX - 1, 1)], [true, false, false, true]);
    }
}
