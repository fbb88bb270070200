//! A witness's rules (C2SP tlog-witness): what it is asked, and when it must refuse. Remembering is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{self, Checkpoint, CheckpointError, MAX_BYTES};
use crate::cosignature;
use crate::keys::{PublicKey, Purpose};
use crate::log::{self, Hash};
use crate::proof::log_keys_in_force;
use crate::trust::Trust;

/// Most hashes in a request's proof, by the specification.
pub const MAX_PROOF: usize = 63;
/// Longest request: a head and a proof of 45 bytes a line.
pub const MAX_REQUEST: usize = MAX_BYTES + (MAX_PROOF + 1) * 64;

/// A request to cosign: `add-checkpoint`.
#[derive(Debug, Clone, PartialEq)]
pub struct AddCheckpoint {
    /// Size of the head that the witness cosigned last, as the asker believes.
    pub old: u64,
    /// Proof that the head extends that one.
    pub proof: Vec<Hash>,
    /// The log's signed head.
    pub checkpoint: String,
}

/// What a witness remembers of a log: the head it cosigned last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Witnessed {
    /// Leaves.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
}

/// Why a witness does not cosign. The numbers are the specification's HTTP statuses.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// 400.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// 404.
    #[error("the log `{0}` is not one of this forum")]
    Unknown(String),
    /// 403.
    #[error("no delegated log key signed the head of `{0}`")]
    NotSigned(String),
    /// 409.
    #[error("the head cosigned last has {0} leaves")]
    Conflict(u64),
    /// 409: two signed heads of one size.
    #[error("a head of {0} leaves with another root was cosigned or is held: the log is forked")]
    Forked(u64),
    /// 422.
    #[error("the consistency proof from {old} to {new} leaves does not hold")]
    Inconsistent {
        /// The size cosigned last.
        old: u64,
        /// The head's.
        new: u64,
    },
}

impl AddCheckpoint {
    /// Reads a request's body.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::Malformed(reason.to_owned());
        if text.len() > MAX_REQUEST {
            return Err(Refusal::Malformed(format!("{} bytes, more than {MAX_REQUEST}", text.len())));
        }
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or_else(|| refuse("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let size = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = size.and_then(decimal).ok_or_else(|| refuse("the first line is not `old` and a size"))?;
        let mut proof = Vec::new();
        for line in lines {
            let hash = STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok()).map(Hash);
            proof.push(hash.ok_or_else(|| refuse("a line of the proof is not a hash in base64"))?);
            if proof.len() > MAX_PROOF {
                return Err(refuse("more than 63 hashes"));
            }
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// The body that [`AddCheckpoint::parse`] reads.
    pub fn to_text(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {}\n{proof}\n{}", self.old, self.checkpoint)
    }

    /// The log that the head is of.
    pub fn origin(&self) -> &str {
        self.checkpoint.lines().next().unwrap_or_default()
    }

    /// The member of `trust`'s forum whose log it is.
    pub fn owner(&self, trust: &Trust) -> Result<String, Refusal> {
        let origin = self.origin();
        let named = trust.charter().members.iter().find(|m| checkpoint::origin(trust.forum(), &m.id) == origin);
        named.map(|m| m.id.clone()).ok_or_else(|| Refusal::Unknown(crate::audience::excerpt(origin)))
    }

    /// Whether the head may be cosigned after `last`. The caller must remember it, in one step with asking whether `last` is still
    /// the last, before it answers.
    pub fn check(&self, trust: &Trust, last: Option<Witnessed>, at: i64) -> Result<Checkpoint, Refusal> {
        let owner = self.owner(trust)?;
        let keys = log_keys_in_force(trust, &owner, at);
        let head = Checkpoint::verify(&self.checkpoint, self.origin(), &keys).map_err(|e| match e {
            CheckpointError::NotSigned(origin) => Refusal::NotSigned(origin),
            other => Refusal::Malformed(other.to_string()),
        })?;
        let (old, old_root) = last.map_or((0, log::empty_root()), |w| (w.size, w.root));
        if self.old > head.size {
            return Err(Refusal::Malformed(format!("`old` is {}, the head has {} leaves", self.old, head.size)));
        }
        if head.size == old && last.is_some_and(|w| w.root != head.root) {
            return Err(Refusal::Forked(old));
        }
        if self.old != old {
            return Err(Refusal::Conflict(old));
        }
        log::check_consistency(&self.proof, head.size, head.root, old, old_root)
            .map_err(|_| Refusal::Inconsistent { old, new: head.size })?;
        Ok(head)
    }
}

/// A decimal without leading zeroes.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    text.parse().ok().filter(|_| canonical)
}

/// What a verifier without this program needs to judge heads of `owner`'s log, as C2SP tlog-policy: the log's keys, the witnesses'
/// and the quorum. A member counts once, whatever keys it has, and not if it is suspended at `at` (unix seconds). Keys whose delegation has ended are
/// there, for a head may be old; keys that were revoked, or that only a replaced authority key has delegated, are not. None while the log has no key, or fewer have
/// a witness's key than must cosign: no policy could say so, and one that asks for fewer would be wrong.
pub fn policy(trust: &Trust, owner: &str, at: i64) -> Option<String> {
    let keys = |member: &str, purpose| {
        let present = trust.chain().authorities(member).into_iter().next();
        let of = trust.delegations().filter(|d| {
            let given = d.member == member && d.delegation.purpose == purpose && Some(d.authority) == present;
            given && trust.revocation(member, &d.delegation.key, &d.authority).is_none()
        });
        let mut keys: Vec<PublicKey> = of.map(|d| d.delegation.key).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let origin = checkpoint::origin(trust.forum(), owner);
    let logs = keys(owner, Purpose::Log);
    if logs.is_empty() {
        return None;
    }
    let mut text: String = logs.iter().map(|key| format!("log {}\n", checkpoint::verifier_key(&origin, key))).collect();
    let mut groups = Vec::new();
    for state in trust.charter().states().filter(|m| m.id != owner && trust.suspended(&m.id, at).is_none()) {
        let name = cosignature::witness_name(trust.forum(), &state.id);
        let witnesses = keys(&state.id, Purpose::Witness);
        for (number, key) in (1..).zip(&witnesses) {
            text += &format!("witness {}-{number} {}\n", state.id, cosignature::verifier_key(&name, key));
        }
        if !witnesses.is_empty() {
            let names: Vec<String> = (1..=witnesses.len()).map(|number| format!("{}-{number}", state.id)).collect();
            text += &format!("group {} any {}\n", state.id, names.join(" "));
            groups.push(state.id.clone());
        }
    }
    match trust.charter().witness_quorum(owner) {
        0 => Some(text + "quorum none\n"),
        quorum if quorum > groups.len() => None,
        quorum => Some(text + &format!("group witnesses {quorum} {}\nquorum witnesses\n", groups.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_reads_what_it_writes() {
        for proof in [vec![], vec![log::leaf_hash(b"x"); MAX_PROOF]] {
            let request = AddCheckpoint { old: 7, proof, checkpoint: "a\n9\nAA==\n\n— a b\n".to_owned() };
            assert_eq!(AddCheckpoint::parse(&request.to_text()).unwrap(), request);
        }
        let long =
            AddCheckpoint { old: 7, proof: vec![log::leaf_hash(b"x"); MAX_PROOF + 1], checkpoint: "a".to_owned() };
        for bad in
            ["", "old 07\n\na", "old +7\n\na", "old -1\n\na", "new 7\n\na", "old 7\nx\n\na", "old 7\n", &long.to_text()]
        {
            assert!(matches!(AddCheckpoint::parse(bad), Err(Refusal::Malformed(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in "(old [0-9]{1,20}\n)?([A-Za-z0-9+/=]{0,60}\n){0,4}\n?(.|\n){0,200}") {
            if let Ok(request) = AddCheckpoint::parse(&body) {
                prop_assert_eq!(AddCheckpoint::parse(&request.to_text()).unwrap(), request);
            }
        }
    }
}
