//! Endorsements: a state's own PKI says that an authority key is its member's (CMS signature, RFC 5652; certificates and CRLs, RFC 5280).
//!
//! The charter pins the CA by the hash of its certificate: the system's roots never count. What an endorsement needs is inside it, so that
//! it can be checked offline, at the time when the charter that brought it was issued. A later CRL can be given when somebody verifies.

mod crl;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{CrlStatus, X509, X509Crl, X509KeyUsage, X509NameRef, X509PurposeId, X509StoreContext};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audience::excerpt;
use crate::keys::PublicKey;
use crate::record::is_sha256;
use crate::time;

/// Most certificates: the signer's, those between, the CA's.
pub const MAX_CERTIFICATES: usize = 6;
/// Most revocation lists.
pub const MAX_CRLS: usize = 4;
/// Longest certificate or signature, in bytes.
const MAX_DER_BYTES: usize = 16 << 10;
/// Longest revocation list, in bytes: a charter holds it for every member.
const MAX_CRL_BYTES: usize = 64 << 10;
/// OpenSSL's level for 112 bits of security: RSA from 2,048 bits, no SHA-1.
const SECURITY_LEVEL: i32 = 2;

/// A national PKI's signature over [`statement`], with what is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endorsement {
    /// SHA-256 of the certificate (DER) of the national CA that is trusted for this member, hexadecimal: the pin.
    pub national_ca: String,
    /// The CMS signature, DER in base64; what is signed is not in it.
    pub signature: String,
    /// Certificates, DER in base64: first the signer's, last the pinned CA's.
    pub certificates: Vec<String>,
    /// Revocation lists of these CAs, DER in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<String>,
}

/// Why an endorsement is refused.
#[derive(Debug, thiserror::Error)]
pub enum EndorsementError {
    /// Something is too large, missing or no DER.
    #[error("the endorsement is malformed: {0}")]
    Malformed(String),
    /// The last certificate is not the one pinned.
    #[error("the endorsement ends at the certificate {found}, but the national CA pinned is {pinned}")]
    NotPinned {
        /// SHA-256 of what is there.
        found: String,
        /// The pin.
        pinned: String,
    },
    /// The signature is over something else, or does not hold.
    #[error(
        "the national PKI's signature over the statement for `{member}` and its key {key} does not hold: was another key or member endorsed?"
    )]
    Signature {
        /// The member.
        member: String,
        /// Its authority key.
        key: PublicKey,
    },
    /// No chain from the signer's certificate to the pinned CA that was valid then.
    #[error("the certificate of `{subject}` does not lead to the pinned national CA at {}: {reason}", time::format(*at))]
    Chain {
        /// Whose certificate.
        subject: String,
        /// When, unix seconds.
        at: i64,
        /// What OpenSSL says.
        reason: String,
    },
    /// The certificate is not for signing.
    #[error("the certificate of `{0}` is not for signatures: its key usage lacks digitalSignature and nonRepudiation")]
    KeyUsage(String),
    /// A revocation list is not by a CA of the chain, not complete, not of that time, or for other certificates.
    #[error("a revocation list is refused: {0}")]
    Crl(String),
    /// A certificate was revoked.
    #[error("the certificate of `{subject}` was revoked by its CA (from {since} on)")]
    Revoked {
        /// Whose certificate.
        subject: String,
        /// From when, as the list says.
        since: String,
    },
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// What an endorsement that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsed {
    /// Subject of the signer's certificate.
    pub signer: String,
    /// Subject of the pinned CA.
    pub national_ca: String,
    /// Revocation lists that were looked at.
    pub crls: usize,
}

impl Endorsed {
    /// In one sentence.
    pub fn sentence(&self, member: &str) -> String {
        let crls = match self.crls {
            0 => "no revocation list was given".to_owned(),
            n => format!("not on {n} revocation list{}", if n == 1 { "" } else { "s" }),
        };
        format!(
            "authority key of `{member}`: endorsed by `{}` under the national CA `{}` pinned in the charter; {crls}",
            self.signer, self.national_ca
        )
    }
}

/// What a national PKI signs: these bytes, all of them, and nothing else.
pub fn statement(member: &str, key: &PublicKey) -> String {
    format!("chancery/endorsement/v1\nmember {member}\nauthority key {key}\n")
}

impl Endorsement {
    /// Puts one together from a CMS signature, certificates (the signer's first, the national CA's last) and revocation lists, each DER.
    pub fn new(signature: &[u8], certificates: &[Vec<u8>], crls: &[Vec<u8>]) -> Result<Self, EndorsementError> {
        let ca = certificates.last().ok_or_else(|| malformed("no certificate"))?;
        Ok(Self {
            national_ca: hex::encode(Sha256::digest(ca)),
            signature: STANDARD.encode(signature),
            certificates: certificates.iter().map(|der| STANDARD.encode(der)).collect(),
            crls: crls.iter().map(|der| STANDARD.encode(der)).collect(),
        })
    }

    /// [`Endorsement::new`] from files: signature and lists as DER or PEM, certificates as PEM.
    pub fn from_files(signature: &[u8], certificates: &[u8], crls: &[Vec<u8>]) -> Result<Self, EndorsementError> {
        let signature = match CmsContentInfo::from_pem(signature) {
            Ok(cms) => cms.to_der()?,
            Err(_) => signature.to_vec(),
        };
        let certificates = X509::stack_from_pem(certificates).map_err(|e| malformed(format!("certificates: {e}")))?;
        let certificates = certificates.iter().map(|c| c.to_der()).collect::<Result<Vec<_>, _>>()?;
        let crls = crls.iter().map(|bytes| crl_der(bytes)).collect::<Result<Vec<_>, _>>()?;
        Self::new(&signature, &certificates, &crls)
    }

    /// Checks that the national PKI endorsed `key` as the authority key of `member`, as things stood at `at` (unix seconds). `later`: further
    /// revocation lists, DER, that came since; their own time is not asked for.
    pub fn verify(
        &self,
        member: &str,
        key: &PublicKey,
        at: i64,
        later: &[Vec<u8>],
    ) -> Result<Endorsed, EndorsementError> {
        let certificates = self.read_certificates()?;
        let (Some(signer), Some(ca)) = (certificates.first(), certificates.last()) else {
            return Err(malformed("no certificate"));
        };
        check_signature(&self.read("the signature", &self.signature, MAX_DER_BYTES)?, signer, member, key)?;
        check_chain(&certificates, ca, at)?;
        let signs = X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION;
        if !signer.key_usage().is_some_and(|usage| usage.intersects(signs)) {
            return Err(EndorsementError::KeyUsage(name_of(signer.subject_name())));
        }
        let crls = self.crls.iter().map(|text| self.read("a revocation list", text, MAX_CRL_BYTES));
        let crls = crls.collect::<Result<Vec<_>, _>>()?;
        let mut listed = crls.is_empty();
        for (der, then) in crls.iter().map(|der| (der, Some(at))).chain(later.iter().map(|der| (der, None))) {
            let covers_signer = check_crl(der, &certificates, then)?;
            listed |= covers_signer && then.is_some();
        }
        if !listed {
            return Err(EndorsementError::Crl("none is by the CA that issued the signer's certificate".to_owned()));
        }
        Ok(Endorsed {
            signer: name_of(signer.subject_name()),
            national_ca: name_of(ca.subject_name()),
            crls: crls.len() + later.len(),
        })
    }

    fn read_certificates(&self) -> Result<Vec<X509>, EndorsementError> {
        let count = self.certificates.len();
        // One certificate would be a CA that endorses by itself: nothing tells then that it is a CA.
        if !(2..=MAX_CERTIFICATES).contains(&count) || self.crls.len() > MAX_CRLS || !is_sha256(&self.national_ca) {
            return Err(malformed(format!(
                "{count} certificates and {} revocation lists, expected 2 to {MAX_CERTIFICATES} and at most {MAX_CRLS}",
                self.crls.len()
            )));
        }
        let mut certificates = Vec::with_capacity(count);
        for text in &self.certificates {
            let der = self.read("a certificate", text, MAX_DER_BYTES)?;
            let certificate = X509::from_der(&der).map_err(|e| malformed(format!("a certificate: {e}")))?;
            if certificate.to_der()? != der {
                return Err(malformed("a certificate has bytes after its end"));
            }
            certificates.push(certificate);
        }
        let found = hex::encode(Sha256::digest(certificates[count - 1].to_der()?));
        if found != self.national_ca {
            return Err(EndorsementError::NotPinned { found, pinned: self.national_ca.clone() });
        }
        Ok(certificates)
    }

    fn read(&self, what: &str, text: &str, most: usize) -> Result<Vec<u8>, EndorsementError> {
        if text.len() > most.div_ceil(3) * 4 {
            return Err(malformed(format!("{what} is longer than {most} bytes")));
        }
        STANDARD.decode(text).map_err(|_| malformed(format!("{what} is not base64")))
    }
}

/// A revocation list as DER, from DER or PEM.
pub fn crl_der(bytes: &[u8]) -> Result<Vec<u8>, EndorsementError> {
    let read = X509Crl::from_pem(bytes).or_else(|_| X509Crl::from_der(bytes));
    Ok(read.map_err(|_| malformed("a revocation list is neither PEM nor DER"))?.to_der()?)
}

fn malformed(what: impl Into<String>) -> EndorsementError {
    EndorsementError::Malformed(what.into())
}

/// The statement's signature by the first certificate's key, and by no other's.
fn check_signature(der: &[u8], signer: &X509, member: &str, key: &PublicKey) -> Result<(), EndorsementError> {
    let mut cms = CmsContentInfo::from_der(der).map_err(|_| malformed("the signature is no CMS signature in DER"))?;
    let mut signers = Stack::new()?;
    signers.push(signer.clone())?;
    // The certificates inside are not looked at, and the chain is checked below with the pin and the time.
    let options = CMSOptions::NOINTERN | CMSOptions::NO_SIGNER_CERT_VERIFY | CMSOptions::BINARY;
    let text = statement(member, key);
    cms.verify(Some(&signers), None, Some(text.as_bytes()), None, options)
        .map_err(|_| EndorsementError::Signature { member: excerpt(member), key: *key })
}

fn store(ca: &X509, at: i64) -> Result<X509Store, ErrorStack> {
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_time(at);
    parameters.set_auth_level(SECURITY_LEVEL);
    parameters.set_depth(MAX_CERTIFICATES as i32);
    parameters.set_purpose(X509PurposeId::ANY)?;
    // The pinned CA may itself be one below a root that nobody here knows.
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(ca.clone())?;
    store.set_param(&parameters)?;
    Ok(store.build())
}

fn check_chain(certificates: &[X509], ca: &X509, at: i64) -> Result<(), EndorsementError> {
    let signer = &certificates[0];
    let mut between = Stack::new()?;
    for certificate in &certificates[1..] {
        between.push(certificate.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    let (holds, error) = context
        .init(&*store(ca, at)?, signer, &between, |c| Ok((c.verify_cert()?, c.error().error_string().to_owned())))?;
    if holds && signer.to_der()? != ca.to_der()? {
        return Ok(());
    }
    let reason = if holds { "it is the national CA's own certificate".to_owned() } else { error };
    Err(EndorsementError::Chain { subject: name_of(signer.subject_name()), at, reason })
}

/// Checks a revocation list, that it is complete, and that no certificate here is on it. Returns whether it is of the signer's issuer. `at`: when it must have been
/// in force; none takes it whenever it was made.
fn check_crl(der: &[u8], certificates: &[X509], at: Option<i64>) -> Result<bool, EndorsementError> {
    let refuse = |what: &str| Err(EndorsementError::Crl(what.to_owned()));
    let crl = X509Crl::from_der(der).map_err(|_| EndorsementError::Crl("it is no DER".to_owned()))?;
    let same = |a: &X509NameRef, b: &X509NameRef| a.try_cmp(b).is_ok_and(|order| order.is_eq());
    let mut by = None;
    for issuer in certificates.iter().skip(1).filter(|c| same(c.subject_name(), crl.issuer_name())) {
        let may = issuer.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        let key = issuer.public_key()?;
        // A list signed as weakly as certificates may not be is as good as none.
        if may && crl.verify(&key).unwrap_or(false) {
            by = Some(issuer);
        }
    }
    let Some(issuer) = by else { return refuse("no CA of the chain that may sign it has signed it") };
    crl::check_complete(der)?;
    if let Some(at) = at {
        let then = Asn1Time::from_unix(at)?;
        let current = crl.last_update() <= then && crl.next_update().is_some_and(|next| next > then);
        if !current {
            return refuse(&format!("it was not in force at {}: get a new one", time::format(at)));
        }
    }
    let mut covers_signer = false;
    for (index, certificate) in certificates.iter().enumerate() {
        if !same(certificate.issuer_name(), issuer.subject_name()) {
            continue;
        }
        covers_signer |= index == 0;
        if let CrlStatus::Revoked(entry) = crl.get_by_cert(certificate) {
            let since = entry.revocation_date().to_string();
            return Err(EndorsementError::Revoked { subject: name_of(certificate.subject_name()), since });
        }
    }
    Ok(covers_signer)
}

/// A name as people read it: `C=GT, O=Ministerio, CN=Sello`.
fn name_of(name: &X509NameRef) -> String {
    let entries = name.entries().map(|entry| {
        let kind = entry.object().nid().short_name().unwrap_or("?");
        let text = entry.data().to_string().unwrap_or_default();
        format!("{kind}={text}")
    });
    excerpt(&entries.collect::<Vec<_>>().join(", "))
}
