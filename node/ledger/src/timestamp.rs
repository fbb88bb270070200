//! Time-stamps (RFC 3161): an authority outside the forum says that a release's record existed at a time. Optional, and beside the record: it
//! comes after the release, and travels in a record of its own ([`Timestamp`]). It is believed only by who names a CA of that authority when
//! verifying; nothing here trusts one by itself.

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::asn1::{Any, OctetString};
use der::oid::ObjectIdentifier;
use der::oid::db::rfc5912::ID_SHA_256;
use der::{Decode as _, Encode as _};
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId};
use x509_tsp::{MessageImprint, TimeStampReq, TimeStampResp, TspVersion, TstInfo};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::audience::Audience;
use crate::record::{Envelope, Payload, RecordError, RecordKind};
use crate::release::{ReleaseError, publisher_of};
use crate::time;
use crate::trust::Trust;

/// Longest token or answer, in bytes.
pub const MAX_BYTES: usize = 64 << 10;
/// Most certificates of authorities that a reader may name.
const MAX_CAS: usize = 100;
/// What a token's content is (RFC 3161, 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// As for endorsements.
const SECURITY_LEVEL: i32 = 2;

/// The body of a time-stamp record: so an authority's stamp reaches whoever has the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// The release stamped.
    pub release: String,
    /// The authority's token, DER, base64.
    pub token: String,
    /// Who may read it: those who may read the release. Everybody if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
}

impl Timestamp {
    /// Who may read it.
    pub fn audience(&self) -> Audience {
        self.audience.clone().unwrap_or(Audience::Public)
    }

    /// The token, and the time it says (unix seconds), if it is of the release named. Its signature is not checked.
    pub fn token(&self) -> Result<(Vec<u8>, i64), TimestampError> {
        if self.token.len() > 2 * MAX_BYTES {
            return Err(malformed(format!("a token of {} characters", self.token.len())));
        }
        let token = STANDARD.decode(&self.token).map_err(malformed)?;
        let at = read(&token, &self.release)?;
        Ok((token, at))
    }
}

/// Checks a time-stamp record: that `issuer`'s publisher signed it, and that its token is of the release it names.
pub fn verify_record(trust: &Trust, envelope: &Envelope, issuer: &str) -> Result<Payload<Timestamp>, ReleaseError> {
    let payload = envelope.payload::<Timestamp>(RecordKind::Timestamp)?;
    if payload.issuer != issuer || payload.forum != trust.forum() {
        return Err(ReleaseError::Misplaced { found: payload.issuer, expected: issuer.to_owned() });
    }
    payload.body.token().map_err(|e| ReleaseError::Malformed(e.to_string()))?;
    publisher_of(trust, envelope, issuer, payload.issued_at_s()?)?;
    Ok(payload)
}

/// Why a time-stamp is refused.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// Not an answer or token that can be read.
    #[error("not a time-stamp that can be read: {0}")]
    Malformed(String),
    /// The authority did not stamp.
    #[error("the time-stamping authority refused: status {0}")]
    Refused(String),
    /// It is of something else.
    #[error("the time-stamp is of other data than this release's record")]
    OtherData,
    /// The signature, or the chain to a CA named, does not hold.
    #[error("the time-stamp of {} does not hold under the CA given: {reason}", time::format(*at))]
    Signature {
        /// What it says, unix seconds.
        at: i64,
        /// What OpenSSL says.
        reason: String,
    },
    /// The record is malformed.
    #[error("{0}")]
    Record(#[from] RecordError),
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

fn malformed(what: impl std::fmt::Display) -> TimestampError {
    TimestampError::Malformed(what.to_string())
}

/// The hash that is stamped: SHA-256 of the record's payload, which is its id.
fn imprint(id: &str) -> Result<MessageImprint, TimestampError> {
    let hash = hex::decode(id).map_err(malformed)?;
    Ok(MessageImprint {
        hash_algorithm: cms::cert::x509::spki::AlgorithmIdentifier { oid: ID_SHA_256, parameters: Some(Any::null()) },
        hashed_message: OctetString::new(hash).map_err(malformed)?,
    })
}

/// The request to an authority, DER: `application/timestamp-query`.
pub fn request(record: &Envelope) -> Result<Vec<u8>, TimestampError> {
    let request = TimeStampReq {
        version: TspVersion::V1,
        message_imprint: imprint(&record.id()?)?,
        req_policy: None,
        // The imprint is unique and an old stamp of it no worse than a new one: nothing to be gained by a nonce.
        nonce: None,
        cert_req: true,
        extensions: None,
    };
    request.to_der().map_err(malformed)
}

/// The token in an authority's answer (`application/timestamp-reply`), if it is of `record`. Its signature is not checked.
pub fn token_of(answer: &[u8], record: &Envelope) -> Result<Vec<u8>, TimestampError> {
    if answer.len() > MAX_BYTES {
        return Err(malformed(format!("{} bytes, more than {MAX_BYTES}", answer.len())));
    }
    let answer = TimeStampResp::from_der(answer).map_err(malformed)?;
    let Some(token) = answer.time_stamp_token else {
        return Err(TimestampError::Refused(format!("{:?}", answer.status.status)));
    };
    let token = token.to_der().map_err(malformed)?;
    read(&token, &record.id()?)?;
    Ok(token)
}

/// What a token says, if it is of the record of this id: unix seconds.
fn read(token: &[u8], id: &str) -> Result<i64, TimestampError> {
    if token.len() > MAX_BYTES {
        return Err(malformed(format!("{} bytes, more than {MAX_BYTES}", token.len())));
    }
    let content = ContentInfo::from_der(token).map_err(malformed)?;
    let signed: SignedData = content.content.decode_as().map_err(malformed)?;
    if signed.encap_content_info.econtent_type != TST_INFO {
        return Err(malformed("its content is no time-stamp"));
    }
    let inside = signed.encap_content_info.econtent.ok_or_else(|| malformed("it is empty"))?;
    let info = TstInfo::from_der(inside.value()).map_err(malformed)?;
    let wanted = imprint(id)?;
    let same = info.message_imprint.hash_algorithm.oid == ID_SHA_256
        && info.message_imprint.hashed_message == wanted.hashed_message;
    if !same {
        return Err(TimestampError::OtherData);
    }
    i64::try_from(info.gen_time.to_unix_duration().as_secs()).map_err(malformed)
}

/// Checks a token over `record`: its signature by a certificate for time-stamping alone that leads, at the time it says, to one of the
/// certificates in `cas` (PEM). Returns that time, unix seconds.
pub fn verify(token: &[u8], record: &Envelope, cas: &[u8]) -> Result<i64, TimestampError> {
    let at = read(token, &record.id()?)?;
    let cas = X509::stack_from_pem(cas).map_err(|e| malformed(format!("the CA's certificates: {e}")))?;
    if cas.is_empty() || cas.len() > MAX_CAS {
        return Err(malformed(format!("{} certificates of CAs, expected 1 to {MAX_CAS}", cas.len())));
    }
    let mut cms = CmsContentInfo::from_der(token)?;
    let store = store(cas, at)?;
    cms.verify(None, Some(&store), None, None, CMSOptions::BINARY)
        .map_err(|e| TimestampError::Signature { at, reason: e.to_string() })?;
    Ok(at)
}

fn store(cas: Vec<X509>, at: i64) -> Result<X509Store, ErrorStack> {
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_time(at);
    parameters.set_auth_level(SECURITY_LEVEL);
    // OpenSSL then asks for the extended key usage `timeStamping`, critical and alone.
    parameters.set_purpose(X509PurposeId::TIMESTAMP_SIGN)?;
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    let mut store = X509StoreBuilder::new()?;
    for ca in cas {
        store.add_cert(ca)?;
    }
    store.set_param(&parameters)?;
    Ok(store.build())
}
