//! The charter: a forum's signed constitution, as a chain of versions by the rules of TUF roots (TUF specification 5.3).
//!
//! Version N+1 names N's id, is exactly N+1, and counts when the thresholds of both N and N+1 signed it, one signature
//! for each member state. Observers and the secretariat are never counted. The genesis needs every founding member state.
//! Each act has its threshold, never less than a simple majority, so that two valid successors of one version share a signer.

mod acts;
mod chain;
mod diff;
mod thresholds;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use acts::{Acts, Requirement};
pub use chain::{CharterChain, check_draft, signed_states};
pub use diff::{Act, Change, diff, requirements};
pub use thresholds::{Fraction, Thresholds};

use crate::audience::{excerpt, is_member_id, is_plain_text};
use crate::endorsement::{Endorsement, EndorsementError};
use crate::keys::PublicKey;
use crate::record::{RecordError, is_sha256};
use crate::time;

/// Most members of a forum.
const MAX_MEMBERS: usize = 250;
/// Most versions of a charter.
const MAX_VERSIONS: usize = 1_000;
/// Longest name of a forum, agency or schema.
const MAX_NAME_CHARS: usize = 200;
/// Most addresses of a member.
const MAX_ADDRESSES: usize = 16;
/// Longest address.
const MAX_ADDRESS_CHARS: usize = 256;

/// A member's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A state: publishes, votes.
    MemberState,
    /// Reads and verifies.
    Observer,
    /// Proposes, aggregates; no vote.
    Secretariat,
}

impl Role {
    /// The word in charters and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemberState => "member-state",
            Self::Observer => "observer",
            Self::Secretariat => "secretariat",
        }
    }

    /// Reads [`Role::as_str`]'s word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::MemberState, Self::Observer, Self::Secretariat].into_iter().find(|role| role.as_str() == text)
    }
}

/// A member, as the charter names it. Also the card a member gives to whoever drafts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Member id.
    pub id: String,
    /// The agency's name.
    pub name: String,
    /// Standing.
    pub role: Role,
    /// The offline key that delegates all others.
    pub authority_key: PublicKey,
    /// SHA-256 of the authority key that will follow this one, announced while that key has never been used: who steals the
    /// present key cannot choose the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_key_hash: Option<String>,
    /// The member's national PKI says that the authority key is its.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endorsement: Option<Endorsement>,
    /// libp2p multiaddresses.
    pub addresses: Vec<String>,
}

/// Rules of the forum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Whether a release needs two different operators.
    pub four_eyes: bool,
    /// The shared schema's version.
    pub schema: String,
    /// How many other member states must have cosigned a head before it is published; none where it is not said. More than there
    /// are counts as all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness_quorum: Option<u32>,
}

/// What a charter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// The forum's name.
    pub forum_name: String,
    /// From 1.
    pub version: u64,
    /// Record id of the version before; none in the genesis.
    pub previous: Option<String>,
    /// Members.
    pub members: Vec<Member>,
    /// Thresholds.
    pub thresholds: Thresholds,
    /// Rules.
    pub rules: Rules,
    /// RFC 3339 UTC. An expired charter freezes membership, not data.
    pub expires: String,
}

/// Why a charter is refused.
#[derive(Debug, thiserror::Error)]
pub enum CharterError {
    /// The envelope is wrong.
    #[error("charter version {version}: the record is refused: {source}")]
    Record {
        /// Position in the chain, from 1.
        version: usize,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// No versions, or too many.
    #[error("the chain has {0} versions, expected 1 to {MAX_VERSIONS}")]
    Length(usize),
    /// Not the forum asked for.
    #[error("the genesis id is `{found}`, expected `{expected}`: this is another forum")]
    Genesis {
        /// What the chain has.
        found: String,
        /// What was told out of band.
        expected: String,
    },
    /// The chain is broken.
    #[error("charter version {version}: {reason}")]
    Chain {
        /// Position in the chain, from 1.
        version: usize,
        /// What is wrong.
        reason: String,
    },
    /// Too few member states signed.
    #[error(
        "charter version {version}: {signed} of the {needed} member states needed by version {by} signed; missing: {missing}"
    )]
    Threshold {
        /// The version to be signed.
        version: usize,
        /// The version whose threshold it is.
        by: usize,
        /// Valid signatures, one a state.
        signed: usize,
        /// Signatures needed.
        needed: usize,
        /// States that did not sign.
        missing: String,
    },
    /// Two versions of one number, both signed by enough: somebody signed twice. Both envelopes are evidence.
    #[error(
        "charter version {version} exists twice, as `{held}` and as `{other}`: the forum is forked; keep both files, admit and remove nobody, and tell the other members"
    )]
    Forked {
        /// The first version that differs.
        version: usize,
        /// Record id of the one held.
        held: String,
        /// Record id of the other.
        other: String,
    },
    /// A member's key was changed in a way it did not agree to.
    #[error("charter version {version}: the authority key of `{member}` {reason}")]
    AuthorityKey {
        /// Position in the chain, from 1.
        version: usize,
        /// Whose key.
        member: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A national PKI's endorsement of a key does not hold.
    #[error("charter version {version}: the endorsement of the authority key of `{member}` is refused: {source}")]
    Endorsement {
        /// Position in the chain, from 1.
        version: usize,
        /// Whose key.
        member: String,
        /// Why.
        #[source]
        source: Box<EndorsementError>,
    },
    /// The other chain ends before the one held.
    #[error("the charter ends at version {offered}, but version {held} is already known: it is out of date")]
    Rollback {
        /// Versions held.
        held: usize,
        /// Versions offered.
        offered: usize,
    },
}

impl Charter {
    /// The member `id`.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }

    /// The member states.
    pub fn states(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.role == Role::MemberState)
    }

    /// How many member states other than `owner` must have cosigned a head of its log. Suspensions, which few states can decide, do not lower it:
    /// while fewer can cosign, for 14 days within 90 at most, no head is published.
    pub fn witness_quorum(&self, owner: &str) -> usize {
        let others = self.states().filter(|m| m.id != owner).count();
        others.min(self.rules.witness_quorum.unwrap_or(0) as usize)
    }

    /// Unix seconds.
    pub fn expires_s(&self) -> i64 {
        time::parse(&self.expires).unwrap_or(0)
    }

    fn check_form(&self, version: usize) -> Result<(), CharterError> {
        let refuse = |reason: String| Err(CharterError::Chain { version, reason });
        if self.version != version as u64 {
            return refuse(format!("it says it is version {}", self.version));
        }
        if self.members.is_empty() || self.members.len() > MAX_MEMBERS || self.states().next().is_none() {
            return refuse(format!("{} members, expected 1 to {MAX_MEMBERS} with a member state", self.members.len()));
        }
        let (mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for member in &self.members {
            if !is_member_id(&member.id) || !ids.insert(&member.id) {
                return refuse(format!("member id `{}` is malformed or twice there", excerpt(&member.id)));
            }
            if !keys.insert(member.authority_key) {
                return refuse(format!("member `{}` shares its authority key with another", member.id));
            }
            if member.next_key_hash.as_ref().is_some_and(|hash| !is_sha256(hash)) {
                return refuse(format!("the next key's hash of `{}` is not 64 hexadecimal digits", member.id));
            }
            if !is_plain_text(&member.name, MAX_NAME_CHARS)
                || member.addresses.len() > MAX_ADDRESSES
                || member.addresses.iter().any(|a| !is_plain_text(a, MAX_ADDRESS_CHARS))
            {
                return refuse(format!("member `{}` has too long a name or too many addresses", member.id));
            }
        }
        if self.forum_name.is_empty() || !is_plain_text(&self.forum_name, MAX_NAME_CHARS) {
            return refuse(format!(
                "the forum's name is empty, longer than {MAX_NAME_CHARS} characters or not plain text"
            ));
        }
        if !is_plain_text(&self.rules.schema, MAX_NAME_CHARS) {
            return refuse("the name of the shared schema is too long or not plain text".to_owned());
        }
        Ok(())
    }
}
