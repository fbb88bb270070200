//! Records: DSSE envelopes over canonical JSON payloads.
//!
//! The payload bytes are signed and hashed as they stand and never re-serialised to verify (DSSE v1, PAE encoding).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audience::{excerpt, is_member_id};
use crate::json::{self, JsonError};
use crate::keys::{KeyError, PublicKey, Signer};
use crate::time;

/// Most signatures on a charter or a suspension, which states sign.
const MAX_SIGNATURES: usize = 256;
/// Most signatures on any other record, which one member signs: whoever passes one on must not make it large with others.
const MAX_OWN_SIGNATURES: usize = 8;
/// Length of a [`PublicKey`]'s text: `ed25519:` and 32 bytes of base64.
const KEYID_BYTES: usize = 52;
/// Length of a signature's base64: 64 bytes.
const SIGNATURE_BYTES: usize = 88;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A forum's constitution.
    Charter,
    /// A key's mandate.
    Delegation,
    /// The end of a key's mandate before its time.
    Revocation,
    /// A member kept out for at most 14 days.
    Suspension,
    /// A signed publication of one dataflow.
    Release,
    /// A release's tombstone.
    Withdrawal,
    /// What a member says of its figures of a dataflow.
    Metadata,
    /// What an authority outside the forum said of the time of a release.
    Timestamp,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Charter,
        Self::Delegation,
        Self::Revocation,
        Self::Suspension,
        Self::Release,
        Self::Withdrawal,
        Self::Metadata,
        Self::Timestamp,
    ];

    /// Reads [`RecordKind::as_str`]'s word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The word in leaves, payload types and database rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charter => "charter",
            Self::Delegation => "delegation",
            Self::Revocation => "revocation",
            Self::Suspension => "suspension",
            Self::Release => "release",
            Self::Withdrawal => "withdrawal",
            Self::Metadata => "metadata",
            Self::Timestamp => "timestamp",
        }
    }

    /// The DSSE payload type.
    pub fn payload_type(self) -> String {
        format!("application/vnd.chancery.{}.v1+json", self.as_str())
    }
}

/// Why an envelope is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not an envelope, or not strict JSON.
    #[error("the record is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A field is missing, unknown or of the wrong type.
    #[error("the record's {part} has the wrong shape: {reason}")]
    Shape {
        /// `envelope` or `payload`.
        part: &'static str,
        /// What serde found.
        reason: String,
    },
    /// Payload or signature is not base64.
    #[error("the record's {0} is not base64")]
    Base64(&'static str),
    /// The payload type is not the kind's.
    #[error("the payload type is `{found}`, expected `{expected}`")]
    Type {
        /// What the envelope says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// Too many signatures.
    #[error("{0} signatures, more than {1}")]
    TooManySignatures(usize, usize),
    /// A signature is malformed, or its key signed twice.
    #[error("the signature named `{keyid}` {reason}")]
    Signature {
        /// The key it names.
        keyid: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// `issued_at` is not a time.
    #[error("`{0}` is not an RFC 3339 UTC time with whole seconds")]
    Time(String),
    /// The key did not sign.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// No signature by the key.
    #[error("no valid signature by the key {0}")]
    NotSigned(PublicKey),
}

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The payload's bytes, base64.
    pub payload: String,
    /// Signatures over the pre-authentication encoding.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// The signing key, as [`PublicKey`]'s text.
    pub keyid: String,
    /// Base64.
    pub sig: String,
}

/// What every record says, around its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload<B> {
    /// The forum's id; empty in a genesis charter, whose own id it becomes.
    pub forum: String,
    /// The member that issues it.
    pub issuer: String,
    /// RFC 3339 UTC.
    pub issued_at: String,
    /// What it is.
    pub kind: RecordKind,
    /// What it says.
    pub body: B,
}

impl<B> Payload<B> {
    /// `issued_at` in unix seconds.
    pub fn issued_at_s(&self) -> Result<i64, RecordError> {
        time::parse(&self.issued_at).ok_or_else(|| RecordError::Time(excerpt(&self.issued_at)))
    }
}

/// Whether `text` is a lower-case hexadecimal SHA-256: a record's or artefact's id.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// DSSE's pre-authentication encoding: what is signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    /// Writes `payload` in canonical form and signs it with every key.
    pub fn seal<B: Serialize>(payload: &Payload<B>, keys: &[&dyn Signer]) -> Result<Self, RecordError> {
        let bytes = json::to_canonical(payload)?;
        let mut envelope = Self {
            payload_type: payload.kind.payload_type(),
            payload: STANDARD.encode(&bytes),
            signatures: Vec::new(),
        };
        for key in keys {
            envelope.sign(*key)?;
        }
        Ok(envelope)
    }

    /// Adds a signature; one by the same key is replaced.
    pub fn sign(&mut self, key: &dyn Signer) -> Result<(), RecordError> {
        let message = self.message()?;
        let keyid = key.public_key().to_string();
        let sig = STANDARD.encode(key.try_sign(&message)?);
        self.signatures.retain(|s| s.keyid != keyid);
        self.signatures.push(EnvelopeSignature { keyid, sig });
        Ok(())
    }

    /// Takes over the signatures of `other`, a copy of the same record, that hold and are not here. Returns how many.
    pub fn collect(&mut self, other: &Self) -> Result<usize, RecordError> {
        let (message, mut added) = (self.message()?, 0);
        if other.payload_type != self.payload_type || other.payload != self.payload {
            return Ok(0);
        }
        for signature in &other.signatures {
            let Ok(key) = signature.keyid.parse() else { continue };
            if self.signatures.len() < self.max_signatures()
                && !self.holds(&key, &message)
                && other.holds(&key, &message)
            {
                self.signatures.retain(|s| s.keyid != signature.keyid);
                self.signatures.push(signature.clone());
                added += 1;
            }
        }
        Ok(added)
    }

    /// Reads an envelope and checks its form, not its signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let value = json::parse(bytes)?;
        let envelope: Self = serde_json::from_value(value)
            .map_err(|e| RecordError::Shape { part: "envelope", reason: excerpt(&e.to_string()) })?;
        envelope.check_form()?;
        Ok(envelope)
    }

    /// Checks that the payload is strict canonical JSON and signatures are bounded; for envelopes read inside other files.
    pub fn check_form(&self) -> Result<(), RecordError> {
        let (found, most) = (self.signatures.len(), self.max_signatures());
        if found > most {
            return Err(RecordError::TooManySignatures(found, most));
        }
        let mut keyids = BTreeSet::new();
        for signature in &self.signatures {
            let keyid = signature.keyid.as_str();
            let refuse = |reason| RecordError::Signature { keyid: excerpt(keyid), reason };
            if keyid.len() != KEYID_BYTES || !keyid.starts_with("ed25519:") || signature.sig.len() != SIGNATURE_BYTES {
                return Err(refuse("is not an Ed25519 key and signature in base64"));
            }
            // One signature a key: else a sender could make a reader check the same key hundreds of times.
            if !keyids.insert(keyid) {
                return Err(refuse("is there twice"));
            }
        }
        json::parse_canonical(&self.payload_bytes()?)?;
        Ok(())
    }

    /// The envelope as JSON bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        Ok(json::to_canonical(self)?)
    }

    /// The payload's bytes as signed.
    pub fn payload_bytes(&self) -> Result<Vec<u8>, RecordError> {
        STANDARD.decode(&self.payload).map_err(|_| RecordError::Base64("payload"))
    }

    /// The record's id: SHA-256 of the payload's bytes, hexadecimal.
    pub fn id(&self) -> Result<String, RecordError> {
        Ok(hex::encode(Sha256::digest(self.payload_bytes()?)))
    }

    /// The payload, if it is a record of `kind`. Signatures are not checked.
    pub fn payload<B: DeserializeOwned>(&self, kind: RecordKind) -> Result<Payload<B>, RecordError> {
        if self.payload_type != kind.payload_type() {
            return Err(RecordError::Type { found: excerpt(&self.payload_type), expected: kind.payload_type() });
        }
        let value = json::parse_canonical(&self.payload_bytes()?)?;
        let payload: Payload<B> = serde_json::from_value(value)
            .map_err(|e| RecordError::Shape { part: "payload", reason: excerpt(&e.to_string()) })?;
        if payload.kind != kind {
            return Err(RecordError::Type { found: payload.kind.payload_type(), expected: kind.payload_type() });
        }
        payload.issued_at_s()?;
        // Only a genesis charter has no forum yet.
        let has_forum = is_sha256(&payload.forum) || (payload.forum.is_empty() && kind == RecordKind::Charter);
        if !is_member_id(&payload.issuer) || !has_forum {
            let reason = "`issuer` is not a member id or `forum` is not a record id".to_owned();
            return Err(RecordError::Shape { part: "payload", reason });
        }
        Ok(payload)
    }

    /// The kind the payload type names.
    pub fn kind(&self) -> Option<RecordKind> {
        RecordKind::ALL.into_iter().find(|kind| kind.payload_type() == self.payload_type)
    }

    /// Whether `key` signed it.
    pub fn signed_by(&self, key: &PublicKey) -> Result<(), RecordError> {
        if self.holds(key, &self.message()?) { Ok(()) } else { Err(RecordError::NotSigned(*key)) }
    }

    /// The bytes signed: DSSE's pre-authentication encoding of type and payload.
    pub fn message(&self) -> Result<Vec<u8>, RecordError> {
        Ok(pae(&self.payload_type, &self.payload_bytes()?))
    }

    /// [`Envelope::signed_by`] for a [`Envelope::message`] already made, when many keys are asked for.
    pub(crate) fn holds(&self, key: &PublicKey, message: &[u8]) -> bool {
        let keyid = key.to_string();
        self.signatures
            .iter()
            .filter(|s| s.keyid == keyid)
            .any(|s| STANDARD.decode(&s.sig).is_ok_and(|signature| key.verifies(message, &signature)))
    }

    fn max_signatures(&self) -> usize {
        match self.kind() {
            Some(RecordKind::Charter | RecordKind::Suspension) => MAX_SIGNATURES,
            _ => MAX_OWN_SIGNATURES,
        }
    }

    /// The keys the signatures name, whether or not they hold.
    pub fn signers(&self) -> impl Iterator<Item = PublicKey> + '_ {
        self.signatures.iter().filter_map(|s| s.keyid.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::KeyPair;

    fn sealed() -> (Envelope, PublicKey) {
        let key = KeyPair::from_seed(&[1; 32]);
        let payload = Payload {
            forum: "f".repeat(64),
            issuer: "GTM".to_owned(),
            issued_at: "2026-11-23T19:05:00Z".to_owned(),
            kind: RecordKind::Withdrawal,
            body: serde_json::json!({ "reason": "wrong table" }),
        };
        (Envelope::seal(&payload, &[&key]).unwrap(), key.public())
    }

    #[test]
    fn an_envelope_reads_what_it_writes() {
        let (envelope, key) = sealed();
        let read = Envelope::parse(&envelope.to_bytes().unwrap()).unwrap();
        assert_eq!(read, envelope);
        read.signed_by(&key).unwrap();
        assert!(read.payload::<serde_json::Value>(RecordKind::Withdrawal).is_ok());
        assert!(matches!(read.payload::<serde_json::Value>(RecordKind::Release), Err(RecordError::Type { .. })));
        assert!(read.signed_by(&KeyPair::from_seed(&[2; 32]).public()).is_err());
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_refused(position in 0usize..10_000, flip in 1u8..=255) {
            let (envelope, key) = sealed();
            let id = envelope.id().unwrap();
            let mut bytes = envelope.to_bytes().unwrap();
            let position = position % bytes.len();
            bytes[position] ^= flip;
            let accepted = Envelope::parse(&bytes).is_ok_and(|e| {
                e.payload::<serde_json::Value>(RecordKind::Withdrawal).is_ok()
                    && e.signed_by(&key).is_ok()
                    && e.id().is_ok_and(|found| found != id || e != envelope)
            });
            prop_assert!(!accepted, "byte {position}");
        }
    }
}
