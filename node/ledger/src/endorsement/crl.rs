//! What a revocation list says of itself: only a complete one clears a certificate that it does not name (RFC 5280, 5.2 and 5.3).
//!
//! The `openssl` crate does not show a list's extensions, so they are read here; signature, time and entries are left to OpenSSL.

use cms::cert::x509::ext::Extensions;
use cms::cert::x509::time::Time;
use der::asn1::Any;
use der::oid::ObjectIdentifier;
use der::oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS, ID_CE_DELTA_CRL_INDICATOR,
    ID_CE_ISSUING_DISTRIBUTION_POINT,
};
use der::{Decode as _, Sequence};

use super::EndorsementError;

/// What may be critical: it takes nothing from what the list covers.
const KNOWN: [ObjectIdentifier; 3] = [ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS];

/// A `CertificateList`. Not `x509-cert`'s, which refuses version 1, as the `openssl` command makes lists by default.
#[derive(Sequence)]
struct List {
    body: Body,
    algorithm: Any,
    signature: Any,
}

#[derive(Sequence)]
struct Body {
    version: Option<u8>,
    algorithm: Any,
    issuer: Any,
    this_update: Any,
    next_update: Option<Time>,
    entries: Option<Vec<Entry>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Sequence)]
struct Entry {
    serial_number: Any,
    revocation_date: Any,
    extensions: Option<Extensions>,
}

/// Refuses a list that may leave out certificates which its CA has revoked, or that asks for more than is understood here.
pub(super) fn check_complete(der: &[u8]) -> Result<(), EndorsementError> {
    let list = List::from_der(der).map_err(|e| EndorsementError::Crl(format!("it cannot be read: {e}")))?;
    let of_entries = list.body.entries.iter().flatten().flat_map(|entry| entry.extensions.iter().flatten());
    for extension in list.body.extensions.iter().flatten().chain(of_entries) {
        let id = extension.extn_id;
        let why = if id == ID_CE_DELTA_CRL_INDICATOR {
            "it is a delta, which lists only what has changed: get the complete list".to_owned()
        } else if id == ID_CE_ISSUING_DISTRIBUTION_POINT {
            "it may be of a part of its CA's certificates (issuingDistributionPoint): get the complete list".to_owned()
        } else if extension.critical && !KNOWN.contains(&id) {
            format!("its critical extension {id} is not known here")
        } else {
            continue;
        };
        return Err(EndorsementError::Crl(why));
    }
    Ok(())
}
