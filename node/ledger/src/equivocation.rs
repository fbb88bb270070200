//! Equivocation: two signed heads of one log that no append-only log can both have had. Whoever holds the pair can show it to anybody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{self, Checkpoint, CheckpointError};
use crate::log::{self, Hash};
use crate::proof::{decode_hashes, log_keys};
use crate::trust::Trust;

/// Two heads of `member`'s log that contradict each other.
///
/// Of one size: their roots differ. Of two sizes: `proof` shows that the tree of `second` extends a tree of the first's size with
/// another root, `root`, than `first` has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocation {
    /// Whose log.
    pub member: String,
    /// The signed note of the smaller head, or of either.
    pub first: String,
    /// The other's.
    pub second: String,
    /// The root that the tree of `second` had at the size of `first`, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The proof of that, base64 hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<String>,
}

/// Why two heads prove nothing.
#[derive(Debug, thiserror::Error)]
pub enum EquivocationError {
    /// A head is not one, or its log key did not sign it.
    #[error("{0}")]
    Head(#[from] CheckpointError),
    /// Both can be of one log.
    #[error("the heads of {0} and {1} leaves do not contradict each other")]
    Consistent(u64, u64),
}

impl Equivocation {
    /// Checks that both heads are signed by log keys of the member and contradict each other.
    pub fn verify(&self, trust: &Trust) -> Result<(), EquivocationError> {
        let (origin, keys) = (checkpoint::origin(trust.forum(), &self.member), log_keys(trust, &self.member));
        if checkpoint::contradict(&self.first, &self.second, &origin, &keys)? {
            return Ok(());
        }
        let first = Checkpoint::verify(&self.first, &origin, &keys)?;
        let second = Checkpoint::verify(&self.second, &origin, &keys)?;
        let root = self.root.as_ref().and_then(|text| STANDARD.decode(text).ok()?.try_into().ok()).map(Hash);
        let contradicted = root.zip(decode_hashes(&self.proof)).is_some_and(|(root, proof)| {
            first.size < second.size
                && root != first.root
                && log::check_consistency(&proof, second.size, second.root, first.size, root).is_ok()
        });
        if contradicted { Ok(()) } else { Err(EquivocationError::Consistent(first.size, second.size)) }
    }
}
