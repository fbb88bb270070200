//! Reference metadata records: what a member says of its figures of a dataflow, who prepared and approved it. Signed like a release;
//! always public, as figures cannot be read without it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::audience::excerpt;
use crate::json::{self, JsonError};
use crate::keys::{KeyPair, PublicKey};
use crate::record::{Envelope, Payload, RecordKind, is_sha256, pae};
use crate::release::{OperatorRole, OperatorSignature, ReleaseError, check_operators, is_reference, publisher_of};
use crate::trust::Trust;

/// DSSE payload type of an intent: no operator's signature over it is one over a release's.
const INTENT_TYPE: &str = "application/vnd.chancery.metadata-intent.v1+json";
/// Largest payload: a record must fit a page of a log with others.
const MAX_BYTES: usize = 512 << 10;

/// What two operators agree to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataIntent {
    /// The forum.
    pub forum: String,
    /// The issuing member.
    pub issuer: String,
    /// What it is about: `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// The metadataflow, likewise: which attributes there are.
    pub metadataflow: String,
    /// 1 for the member's first set of the dataflow, then one more each time.
    pub version: u32,
    /// Values by attribute, as JSON: what they may be is for the metadataflow to say.
    pub reported: BTreeMap<String, serde_json::Value>,
}

/// The body of a metadata record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// What was agreed.
    pub intent: MetadataIntent,
    /// By whom.
    pub operators: Vec<OperatorSignature>,
    /// The record it replaces.
    pub replaces: Option<String>,
}

impl MetadataIntent {
    /// The bytes operators sign.
    pub fn message(&self) -> Result<Vec<u8>, JsonError> {
        Ok(pae(INTENT_TYPE, &json::to_canonical(self)?))
    }

    /// An operator's signature.
    pub fn sign(&self, role: OperatorRole, key: &KeyPair) -> Result<OperatorSignature, JsonError> {
        let sig = STANDARD.encode(key.sign(&self.message()?));
        Ok(OperatorSignature { role, key: key.public(), sig })
    }
}

/// Metadata whose signatures all hold. Whether the values fit the metadataflow is for who has the structures to say.
#[derive(Debug, Clone)]
pub struct VerifiedMetadata {
    /// Record id.
    pub id: String,
    /// What it says.
    pub payload: Payload<Metadata>,
    /// When it was issued, unix seconds.
    pub issued_at: i64,
    /// The publisher key that signed.
    pub publisher: PublicKey,
    /// Operators' names by role, as delegated.
    pub operators: Vec<(OperatorRole, String)>,
}

/// Checks everything about a metadata record that needs no structures and no clock: form, forum, issuer, publisher, four eyes. Keys,
/// membership and rules are those in force when it was issued.
pub fn verify_metadata(trust: &Trust, envelope: &Envelope, issuer: &str) -> Result<VerifiedMetadata, ReleaseError> {
    let malformed = |what: String| Err(ReleaseError::Malformed(what));
    let bytes = envelope.payload_bytes()?.len();
    if bytes > MAX_BYTES {
        return malformed(format!("{bytes} bytes of metadata, more than {MAX_BYTES}"));
    }
    let payload = envelope.payload::<Metadata>(RecordKind::Metadata)?;
    let Metadata { intent, operators, replaces } = &payload.body;
    let place = |member: &str, forum: &str| format!("{member} in {forum}");
    let expected = place(issuer, trust.forum());
    for found in [place(&payload.issuer, &payload.forum), place(&intent.issuer, &intent.forum)] {
        if found != expected {
            return Err(ReleaseError::Misplaced { found: excerpt(&found), expected });
        }
    }
    if let Some(wrong) = [&intent.dataflow, &intent.metadataflow].into_iter().find(|r| !is_reference(r)) {
        return malformed(format!("`{}` is not a reference such as `RCP:RETURNS(1.0.0)`", excerpt(wrong)));
    }
    // The first replaces nothing, every other something.
    if intent.version == 0 || replaces.is_some() != (intent.version > 1) || replaces.iter().any(|id| !is_sha256(id)) {
        return malformed(format!("version {} does not go with what it replaces", intent.version));
    }
    let issued_at = payload.issued_at_s()?;
    let publisher = publisher_of(trust, envelope, issuer, issued_at)?;
    let operators = check_operators(trust, operators, &intent.message()?, issuer, issued_at)?;
    Ok(VerifiedMetadata { id: envelope.id()?, payload, issued_at, publisher, operators })
}
