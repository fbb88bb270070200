//! Ed25519 keys, one purpose each, and their files' text.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use pkcs8::{ObjectIdentifier, SecretDocument};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::audience::excerpt;

/// Rounds of PBKDF2 with HMAC-SHA-256: what OWASP's password storage advice asks for. PBKDF2 because states' rules approve it
/// (NIST SP 800-132) and every OpenSSL reads it; scrypt at a strong cost passes OpenSSL's memory limit.
const PBKDF2_ROUNDS: u32 = 600_000;

/// The algorithm's name in key files (RFC 8410, section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// What a delegated key may do. One key never serves two purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Signs the member's log checkpoints.
    Log,
    /// Cosigns other members' checkpoints.
    Witness,
    /// Signs releases and withdrawals.
    Publisher,
    /// Is the node's libp2p identity.
    Transport,
    /// Prepares or approves releases: a person.
    Operator,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Publisher => "publisher",
            Self::Transport => "transport",
            Self::Operator => "operator",
        })
    }
}

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not `ed25519:` and 32 bytes of base64.
    #[error("`{0}` is not a public key: expected `ed25519:` and 44 base64 characters")]
    PublicText(String),
    /// A point that verifies anything or nothing.
    #[error("the public key is a weak or invalid curve point: make a new key")]
    WeakPoint,
    /// Not a PKCS#8 private key, or the passphrase is wrong.
    #[error("cannot read the private key: {0}")]
    Private(String),
    /// The token that holds the key did not sign.
    #[error("the token did not sign: {0}")]
    Token(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(String),
}

/// An Ed25519 public key. Written `ed25519:<base64>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From its 32 bytes, refusing weak and invalid points.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::WeakPoint)?;
        if key.is_weak() { Err(KeyError::WeakPoint) } else { Ok(Self(bytes)) }
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// First 16 hexadecimal digits of the key's SHA-256, for people to compare.
    pub fn fingerprint(&self) -> String {
        hex::encode(&Sha256::digest(self.0)[..8])
    }

    /// Whether `signature` is this key's over `message`, by the strict rules (RFC 8032, no small-order points).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else {
            return false;
        };
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let refuse = || KeyError::PublicText(excerpt(text));
        let encoded = text.strip_prefix("ed25519:").ok_or_else(refuse)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| refuse())?;
        Self::from_bytes(bytes.try_into().map_err(|_| refuse())?)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whatever can sign as a key: a key in memory, or one that never leaves its token.
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> PublicKey;
    /// Signs `message`.
    fn try_sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError>;
}

impl Signer for KeyPair {
    fn public_key(&self) -> PublicKey {
        self.public()
    }

    fn try_sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        Ok(self.sign(message))
    }
}

/// A private key with its public half. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// A new random key.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|e| KeyError::Randomness(e.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for handing the transport key to libp2p.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// PKCS#8 version 1, which leaves the public key out: OpenSSL 3.0 does not read version 2.
    fn pkcs8(&self) -> Result<SecretDocument, KeyError> {
        // The key inside is itself an OCTET STRING: tag 4, length 32 (RFC 8410, section 7).
        let mut inner = Zeroizing::new([0u8; 34]);
        inner[..2].copy_from_slice(&[4, 32]);
        inner[2..].copy_from_slice(self.seed().as_ref());
        let algorithm = pkcs8::AlgorithmIdentifierRef { oid: ED25519, parameters: None };
        SecretDocument::try_from(pkcs8::PrivateKeyInfo::new(algorithm, inner.as_ref()))
            .map_err(|e| KeyError::Private(e.to_string()))
    }

    /// PKCS#8 PEM text, unencrypted.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.pkcs8()?.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|e| KeyError::Private(e.to_string()))
    }

    /// PKCS#8 PEM text, encrypted under `passphrase` (PBKDF2, AES-256-CBC; readable by `openssl pkey`).
    pub fn to_encrypted_pem(&self, passphrase: &str) -> Result<Zeroizing<String>, KeyError> {
        let refuse = |e: pkcs8::Error| KeyError::Private(e.to_string());
        let (mut salt, mut iv) = ([0u8; 16], [0u8; 16]);
        getrandom::fill(&mut salt).map_err(|e| KeyError::Randomness(e.to_string()))?;
        getrandom::fill(&mut iv).map_err(|e| KeyError::Randomness(e.to_string()))?;
        let document = self.pkcs8()?;
        let info = pkcs8::PrivateKeyInfo::try_from(document.as_bytes()).map_err(refuse)?;
        let parameters = pkcs8::pkcs5::pbes2::Parameters::pbkdf2_sha256_aes256cbc(PBKDF2_ROUNDS, &salt, &iv)
            .map_err(|e| KeyError::Private(e.to_string()))?;
        let encrypted = info.encrypt_with_params(parameters, passphrase).map_err(refuse)?;
        encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).map_err(|e| KeyError::Private(e.to_string()))
    }

    /// Whether PEM text is of an encrypted key: whether to ask for a passphrase.
    pub fn is_encrypted(pem: &str) -> bool {
        pem.trim_start().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    }

    /// Reads PKCS#8 PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|e| KeyError::Private(e.to_string()))
    }

    /// Reads encrypted PKCS#8 PEM text.
    pub fn from_encrypted_pem(pem: &str, passphrase: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_encrypted_pem(pem, passphrase)
            .map(Self)
            .map_err(|e| KeyError::Private(format!("{e}; is the passphrase right?")))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_files() {
        let key = KeyPair::generate().unwrap();
        assert_eq!(KeyPair::from_pem(&key.to_pem().unwrap()).unwrap().public(), key.public());
        let encrypted = key.to_encrypted_pem("correct horse").unwrap();
        assert!(encrypted.contains("ENCRYPTED PRIVATE KEY"));
        assert_eq!(KeyPair::from_encrypted_pem(&encrypted, "correct horse").unwrap().public(), key.public());
        assert!(KeyPair::from_encrypted_pem(&encrypted, "wrong").is_err());
        assert!(KeyPair::is_encrypted(&encrypted) && !KeyPair::is_encrypted(&key.to_pem().unwrap()));
        assert!(KeyPair::from_pem(&encrypted).is_err());
    }

    /// Written by `openssl genpkey -algorithm ed25519 -aes256 -pass pass:vector` (OpenSSL 3.0).
    #[test]
    fn a_key_written_by_openssl_is_read() {
        let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
            MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiprs8ZtJE4FwICCAAw\n\
            DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFkGEV0vO4SQ7upWFOpi0zYEQPyD\n\
            xIgBjtn+dzt7iwgw8vfVYYYm+ZErQ0WpdnDVRSDmvQi+jaK1IsoNil4iePvhs/sA\n\
            fJ/eQZGF4vS3vgqLCIc=\n\
            -----END ENCRYPTED PRIVATE KEY-----\n";
        let key = KeyPair::from_encrypted_pem(pem, "vector").unwrap();
        assert_eq!(key.public().to_string(), "ed25519:Js3sPmZxUpf1bHNJRcy4U4jG0E4iNKXIcHDwu4TdotY=");
    }

    /// RFC 8410, section 7: the form without a public key, which every OpenSSL reads.
    #[test]
    fn key_files_are_pkcs8_version_1() {
        let pem = KeyPair::from_seed(&[7; 32]).to_pem().unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = hex::encode(STANDARD.decode(body).unwrap());
        assert_eq!(der, format!("302e020100300506032b657004220420{}", "07".repeat(32)));
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = KeyPair::from_seed(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("KeyPair({})", key.public()));
    }

    #[test]
    fn public_text_round_trips_and_refuses_others() {
        let key = KeyPair::from_seed(&[7; 32]).public();
        assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        // The identity point is of small order: any signature could be forged for it.
        let identity = format!("ed25519:{}", STANDARD.encode([[1u8].as_slice(), &[0; 31]].concat()));
        for bad in ["", "ed25519:", "rsa:AAAA", "ed25519:AAAA", identity.as_str()] {
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
    }
}
