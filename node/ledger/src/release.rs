//! Releases: what a member publishes, who prepared and approved it, and how both are checked.

mod verify;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::audience::{Audience, excerpt, is_member_id, is_plain_text};
use crate::json::{self, JsonError};
use crate::keys::{KeyPair, PublicKey};
pub use crate::record::is_sha256;
use crate::record::{Payload, RecordError, pae};
use crate::time;
use crate::trust::TrustError;
pub use verify::{check_four_eyes, verify, verify_release, verify_withdrawal};
pub(crate) use verify::{check_operators, publisher_of};

/// Bytes of a chunk: the unit in which a transfer is checked.
pub const CHUNK_BYTES: u64 = 1 << 20;
/// Media type of artefacts.
pub const PARQUET: &str = "application/vnd.apache.parquet";
/// DSSE payload type of an intent.
const INTENT_TYPE: &str = "application/vnd.chancery.intent.v1+json";
/// Most artefacts of one release.
const MAX_ARTEFACTS: usize = 64;
/// Largest artefact.
const MAX_ARTEFACT_BYTES: u64 = 8 << 30;
/// Longest title.
const MAX_TITLE_CHARS: usize = 300;
/// Longest name of a disclosure profile.
const MAX_PROFILE_CHARS: usize = 100;
/// Longest reason of a withdrawal.
const MAX_REASON_CHARS: usize = 1_000;
/// Most members an audience names: the most a forum has.
const MAX_AUDIENCE: usize = 250;
/// Most operators' signatures on one release.
const MAX_OPERATORS: usize = 8;
/// How far another node's clock may be ahead, in seconds.
pub const CLOCK_SKEW_S: i64 = 300;

/// A file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artefact {
    /// SHA-256, hexadecimal: its name.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Observations.
    pub rows: u64,
    /// [`PARQUET`].
    pub media_type: String,
    /// First and last period, as SDMX writes them.
    pub periods: [String; 2],
    /// Bytes of each chunk but the last.
    pub chunk_bytes: u64,
    /// SHA-256 of each chunk, hexadecimal.
    pub chunks: Vec<String>,
}

/// What disclosure control did, in numbers that give nothing away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosureSummary {
    /// The profile's name.
    pub profile: String,
    /// SHA-256 of the profile's text.
    pub profile_sha256: String,
    /// SHA-256 of the disclosure report.
    pub report_sha256: String,
    /// Cells suppressed by a rule.
    pub suppressed_primary: u64,
    /// Cells suppressed to protect those.
    pub suppressed_secondary: u64,
    /// Cells rounded.
    pub rounded: u64,
}

/// What two operators agree to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The forum.
    pub forum: String,
    /// The issuing member.
    pub issuer: String,
    /// `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// The data structure, likewise.
    pub structure: String,
    /// For people.
    pub title: String,
    /// Who may read it.
    pub audience: Audience,
    /// RFC 3339 UTC, if it may not be read before.
    pub embargo: Option<String>,
    /// The files.
    pub artefacts: Vec<Artefact>,
    /// What disclosure control did.
    pub disclosure: DisclosureSummary,
}

/// Which of the four eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorRole {
    /// Imported and checked it.
    Prepare,
    /// Read it and agreed.
    Approve,
}

/// An operator's signature over the intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorSignature {
    /// Which part.
    pub role: OperatorRole,
    /// The operator's key.
    pub key: PublicKey,
    /// Base64.
    pub sig: String,
}

/// The body of a release record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// What was agreed.
    pub intent: Intent,
    /// By whom.
    pub operators: Vec<OperatorSignature>,
    /// The release of the same dataflow it replaces.
    pub replaces: Option<String>,
}

/// The body of a withdrawal record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The release withdrawn.
    pub release: String,
    /// Why, for people.
    pub reason: String,
    /// Who may read it: those who may read the release. Everybody if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
}

impl Withdrawal {
    /// Who may read it.
    pub fn audience(&self) -> Audience {
        self.audience.clone().unwrap_or(Audience::Public)
    }
}

/// Why a release is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The envelope is wrong.
    #[error("the record is refused: {0}")]
    Record(#[from] RecordError),
    /// The intent cannot be written in canonical form.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// Fields contradict each other or are out of bounds.
    #[error("the record is malformed: {0}")]
    Malformed(String),
    /// Another forum's or issuer's.
    #[error("the record is for `{found}`, expected `{expected}`")]
    Misplaced {
        /// What it says.
        found: String,
        /// Where it stands.
        expected: String,
    },
    /// No publisher key in force signed it.
    #[error("no publisher key of `{issuer}` in force at {at} signed it: {reason}")]
    Publisher {
        /// Issuer.
        issuer: String,
        /// When it was issued.
        at: String,
        /// The last key's failure.
        reason: String,
    },
    /// Issued after the time it is checked at.
    #[error("the release says it was issued at {issued_at}, which is after {at}: compare the clocks of both nodes")]
    Future {
        /// When it says it was issued.
        issued_at: String,
        /// When it was checked.
        at: String,
    },
    /// An operator's signature is wrong.
    #[error(
        "the signature of operator `{name}` ({key}) over the intent does not hold: the intent was changed after it was signed"
    )]
    OperatorSignature {
        /// The operator's name, as delegated.
        name: String,
        /// The operator's key.
        key: PublicKey,
    },
    /// The operators' signatures do not meet the forum's rule.
    #[error("the forum's four-eyes rule is not met: {0}")]
    FourEyes(String),
    /// An operator's key is not delegated.
    #[error("an operator of the record may not act: {0}")]
    Operator(#[source] Box<TrustError>),
}

/// A release whose signatures all hold.
#[derive(Debug, Clone)]
pub struct VerifiedRelease {
    /// Record id.
    pub id: String,
    /// What it says.
    pub payload: Payload<Release>,
    /// When it was issued, unix seconds.
    pub issued_at: i64,
    /// The publisher key that signed.
    pub publisher: PublicKey,
    /// Operators' names by role, as delegated.
    pub operators: Vec<(OperatorRole, String)>,
}

impl Intent {
    /// The bytes operators sign.
    pub fn message(&self) -> Result<Vec<u8>, JsonError> {
        Ok(pae(INTENT_TYPE, &json::to_canonical(self)?))
    }

    /// An operator's signature.
    pub fn sign(&self, role: OperatorRole, key: &KeyPair) -> Result<OperatorSignature, JsonError> {
        let sig = STANDARD.encode(key.sign(&self.message()?));
        Ok(OperatorSignature { role, key: key.public(), sig })
    }

    /// Observations in all files.
    pub fn rows(&self) -> u64 {
        self.artefacts.iter().map(|a| a.rows).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.artefacts.iter().map(|a| a.bytes).sum()
    }

    fn check(&self) -> Result<(), ReleaseError> {
        let refuse = |what: String| Err(ReleaseError::Malformed(what));
        if self.artefacts.is_empty() || self.artefacts.len() > MAX_ARTEFACTS {
            return refuse(format!("{} artefacts, expected 1 to {MAX_ARTEFACTS}", self.artefacts.len()));
        }
        if self.title.is_empty() || !is_plain_text(&self.title, MAX_TITLE_CHARS) {
            return refuse(format!("the title is empty, longer than {MAX_TITLE_CHARS} characters or not plain text"));
        }
        for reference in [&self.dataflow, &self.structure] {
            if !is_reference(reference) {
                let shown: String = excerpt(reference);
                return refuse(format!("`{shown}` is not a reference such as `RCP:RETURNS(1.0.0)`"));
            }
        }
        let disclosure = &self.disclosure;
        if disclosure.profile.is_empty() || !is_plain_text(&disclosure.profile, MAX_PROFILE_CHARS) {
            return refuse("the disclosure profile has no name or too long a one".to_owned());
        }
        if !is_sha256(&disclosure.profile_sha256) || !is_sha256(&disclosure.report_sha256) {
            return refuse("a hash of the disclosure profile or report is not 64 hexadecimal digits".to_owned());
        }
        if let Some(embargo) = &self.embargo
            && time::parse(embargo).is_none()
        {
            return refuse(format!("the embargo `{}` is not a time", excerpt(embargo)));
        }
        if let Audience::Members(members) = &self.audience {
            let distinct: BTreeSet<_> = members.iter().collect();
            let valid = !members.is_empty() && members.len() <= MAX_AUDIENCE && distinct.len() == members.len();
            if !valid || !members.iter().all(|m| is_member_id(m)) {
                return refuse("the audience names no members, malformed ones, or one twice".to_owned());
            }
        }
        let distinct: BTreeSet<_> = self.artefacts.iter().map(|a| &a.sha256).collect();
        if distinct.len() != self.artefacts.len() {
            return refuse("an artefact is there twice".to_owned());
        }
        self.artefacts.iter().try_for_each(Artefact::check)
    }
}

impl Artefact {
    fn check(&self) -> Result<(), ReleaseError> {
        let refuse = |what: String| Err(ReleaseError::Malformed(what));
        if !is_sha256(&self.sha256) || !self.chunks.iter().all(|c| is_sha256(c)) {
            return refuse("an artefact's or chunk's hash is not 64 hexadecimal digits".to_owned());
        }
        if self.bytes == 0 || self.bytes > MAX_ARTEFACT_BYTES || self.media_type != PARQUET {
            let media_type: String = excerpt(&self.media_type);
            return refuse(format!("artefact `{}` has {} bytes of `{media_type}`", self.sha256, self.bytes));
        }
        if self.chunk_bytes != CHUNK_BYTES || self.chunks.len() as u64 != self.bytes.div_ceil(self.chunk_bytes) {
            return refuse(format!(
                "artefact `{}` has {} chunks for {} bytes",
                self.sha256,
                self.chunks.len(),
                self.bytes
            ));
        }
        if self.periods.iter().any(|p| !is_period(p)) {
            return refuse(format!("the periods of artefact `{}` are not SDMX periods", self.sha256));
        }
        // One chunk holds its artefact whole, so the two hashes are of the same bytes.
        if let [only] = self.chunks.as_slice()
            && *only != self.sha256
        {
            return refuse(format!("artefact `{}` and its only chunk have different hashes", self.sha256));
        }
        Ok(())
    }
}

/// Whether `text` is a reference with a version: `RCP:RETURNS(1.0.0)`.
pub(crate) fn is_reference(text: &str) -> bool {
    let word = |part: &str| {
        (1..=80).contains(&part.len())
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'@' | b'$' | b'.'))
    };
    let number = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let parts = text.strip_suffix(')').and_then(|t| t.split_once('(')).and_then(|(name, version)| {
        let (agency, id) = name.split_once(':')?;
        Some((agency, id, version))
    });
    parts.is_some_and(|(agency, id, version)| {
        word(agency) && word(id) && version.split('.').count() == 3 && version.split('.').all(number)
    })
}

/// Whether `text` could be an SDMX period; the schema crate checks which.
fn is_period(text: &str) -> bool {
    (4..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'/'))
}
