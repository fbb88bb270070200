//! C2SP tlog-proof: the proof bundle as one text that any tlog tool reads. What only this program needs — charters, delegations,
//! the record — is in its `extra` line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{FORMAT, MAX_PROOF_BYTES, ProofBundle, ProofError, decode_hashes};
use crate::audience::excerpt;
use crate::checkpoint::{self, Checkpoint};
use crate::json;
use crate::record::Envelope;
use crate::trust::ForumBundle;

/// The first line.
pub(super) const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The `extra` line's content, JSON. Nothing of it is trusted before it is checked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    #[serde(flatten)]
    forum: ForumBundle,
    record: Envelope,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    salt: Option<String>,
    /// The logged entry: the leaf's bytes, base64.
    leaf: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    withdrawal: Option<Envelope>,
}

fn malformed(reason: impl Into<String>) -> ProofError {
    ProofError::Malformed(reason.into())
}

impl ProofBundle {
    /// The bundle as a tlog-proof.
    pub fn to_tlog_proof(&self) -> Result<String, ProofError> {
        let extra = Extra {
            forum: self.forum.clone(),
            record: self.record.clone(),
            salt: self.salt.clone(),
            leaf: self.leaf.clone(),
            timestamp: self.timestamp.clone(),
            withdrawal: self.withdrawal.clone(),
        };
        let extra = STANDARD.encode(json::to_canonical(&extra).map_err(|e| malformed(e.to_string()))?);
        let hashes: String = self.inclusion.iter().map(|hash| format!("{hash}\n")).collect();
        Ok(format!("{HEADER}\nextra {extra}\nindex {}\n{hashes}\n{}", self.index, self.checkpoint))
    }

    /// Whether `bytes` begin as a tlog-proof does.
    pub fn is_tlog_proof(bytes: &[u8]) -> bool {
        bytes.strip_prefix(HEADER.as_bytes()).is_some_and(|rest| rest.starts_with(b"\n"))
    }

    /// Reads [`ProofBundle::to_tlog_proof`]'s text.
    pub fn parse_tlog_proof(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > 2 * MAX_PROOF_BYTES {
            return Err(malformed(format!("{} bytes, more than {}", bytes.len(), 2 * MAX_PROOF_BYTES)));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or_else(|| malformed("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed(format!("the first line is not `{HEADER}`")));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or_else(|| malformed("no `extra` line: the record and the charter are to be there"))?;
        let extra = STANDARD.decode(extra).map_err(|_| malformed("the `extra` line is not base64"))?;
        if extra.len() > MAX_PROOF_BYTES {
            return Err(malformed("the `extra` line is too long"));
        }
        let extra: Extra = serde_json::from_slice(&extra).map_err(|e| malformed(excerpt(&e.to_string())))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index: u64 = index
            .filter(|text| *text == "0" || !text.starts_with(['0', '+']))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| malformed("no `index` line with a decimal"))?;
        let inclusion: Vec<String> = lines.take(crate::log::MAX_PROOF + 1).map(str::to_owned).collect();
        decode_hashes(&inclusion)
            .ok_or_else(|| malformed("a line of the proof is not a hash, or there are too many"))?;
        let origin = checkpoint.lines().next().unwrap_or_default();
        if !origin.starts_with(checkpoint::ORIGIN_PREFIX) {
            return Err(malformed(format!("the checkpoint is of `{}`, no log of a forum", excerpt(origin))));
        }
        let tree_size = Checkpoint::read(checkpoint, origin).map_err(|e| malformed(e.to_string()))?.size;
        let Extra { forum, record, salt, leaf, timestamp, withdrawal } = extra;
        Ok(Self {
            format: FORMAT.to_owned(),
            forum,
            record,
            salt,
            leaf,
            index,
            tree_size,
            inclusion,
            checkpoint: checkpoint.to_owned(),
            timestamp,
            withdrawal,
        })
    }
}
