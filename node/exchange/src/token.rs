//! Authority keys on PKCS#11 tokens: the key is made on the token, signs there, and never leaves it.
//!
//! A token's key is named by an RFC 7512 address: `pkcs11:token=Authority;object=authority?module-path=/usr/lib/softhsm/libsofthsm2.so`. The
//! PIN is never part of it. The module's code runs in this process: only an absolute path that the operator wrote is loaded.

use std::path::PathBuf;

use chancery_ledger::keys::KeyError;
use chancery_ledger::{PublicKey, Signer};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as TokenError, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use percent_encoding::percent_decode_str;

use crate::error::{Doing as _, Error, Result};

/// How an address begins.
const SCHEME: &str = "pkcs11:";
/// Longest address.
const MAX_CHARS: usize = 1_000;
/// Names of the curve Ed25519: by its object identifier (PKCS#11 3.0), and by the text that older modules know.
const CURVES: [&[u8]; 2] = [&[0x06, 0x03, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];

/// Where a key is on which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAddress {
    module: PathBuf,
    token: Option<String>,
    serial: Option<String>,
    object: String,
}

impl TokenAddress {
    /// Whether `text` is meant to be one, and no file's name.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads an RFC 7512 address.
    pub fn parse(text: &str) -> Result<Self> {
        let example = "write it as `pkcs11:token=NAME;object=KEY?module-path=/path/to/module.so`";
        let refuse = |what: &str| Error::invalid(format!("the token's address {what}: {example}"));
        if text.chars().count() > MAX_CHARS {
            return Err(refuse("is too long"));
        }
        // Not quoted: somebody may have written a PIN into it.
        let read = pk11_uri_parser::parse(text).map_err(|_| refuse("is malformed"))?;
        if read.pin_value().is_some() || read.pin_source().is_some() {
            return Err(refuse("holds a PIN, which belongs into CHANCERY_PIN or is asked for"));
        }
        let decode =
            |part: &str| percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| refuse("is not UTF-8"));
        let module = read.module_path().map(decode).transpose()?.map(PathBuf::from);
        let module = module.filter(|path| path.is_absolute());
        let object = read.object().map(decode).transpose()?;
        let address = Self {
            module: module.ok_or_else(|| refuse("names no module by an absolute path"))?,
            token: read.token().map(decode).transpose()?,
            serial: read.serial().map(decode).transpose()?,
            object: object.filter(|name| !name.is_empty()).ok_or_else(|| refuse("names no object"))?,
        };
        if address.token.is_none() && address.serial.is_none() {
            return Err(refuse("names no token"));
        }
        Ok(address)
    }

    fn failed(&self, doing: &str) -> String {
        let token = self.token.as_ref().or(self.serial.as_ref()).map_or("", String::as_str);
        format!("cannot {doing} on the token `{token}` by `{}`", self.module.display())
    }

    fn slot(&self, module: &Pkcs11) -> Result<Slot> {
        let mut found = Vec::new();
        for slot in module.get_slots_with_token().or_invalid(|| self.failed("list what is"))? {
            let info = module.get_token_info(slot).or_invalid(|| self.failed("read what is"))?;
            let named = self.token.as_ref().is_none_or(|name| info.label() == name);
            if named && self.serial.as_ref().is_none_or(|serial| info.serial_number() == serial) {
                found.push(slot);
            }
        }
        match found[..] {
            [slot] => Ok(slot),
            [] => Err(Error::not_found(format!("{}: it is not there; is it plugged in?", self.failed("find a key")))),
            _ => Err(Error::conflict("several tokens have this name: add `;serial=` to the address")),
        }
    }

    /// Opens the token; `pin` is asked only if the token has no keypad of its own.
    fn open(&self, writable: bool, pin: impl FnOnce() -> Result<String>) -> Result<Session> {
        let module = Pkcs11::new(&self.module).or_invalid(|| format!("cannot load `{}`", self.module.display()))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(TokenError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            other => other.or_invalid(|| format!("cannot start `{}`", self.module.display()))?,
        }
        let slot = self.slot(&module)?;
        let keypad =
            module.get_token_info(slot).or_invalid(|| self.failed("read what is"))?.protected_authentication_path();
        let opened = if writable { module.open_rw_session(slot) } else { module.open_ro_session(slot) };
        let session = opened.or_invalid(|| self.failed("begin"))?;
        let pin = if keypad { None } else { Some(AuthPin::new(pin()?.into())) };
        match session.login(UserType::User, pin.as_ref()) {
            Ok(()) | Err(TokenError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            other => {
                other.or_invalid(|| format!("{}; is the PIN right?", self.failed("log in")))?;
                Ok(session)
            }
        }
    }

    fn find(&self, session: &Session, class: ObjectClass) -> Result<Option<ObjectHandle>> {
        let wanted = [
            Attribute::Class(class),
            Attribute::KeyType(KeyType::EC_EDWARDS),
            Attribute::Label(self.object.clone().into_bytes()),
        ];
        let found = session.find_objects(&wanted).or_invalid(|| self.failed("look for the key"))?;
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => {
                Err(Error::conflict(format!("{}: several keys have the name `{}`", self.failed("choose"), self.object)))
            }
        }
    }

    /// The key, to sign with.
    pub fn key(&self, pin: impl FnOnce() -> Result<String>) -> Result<TokenKey> {
        let session = self.open(false, pin)?;
        self.find_key(session)?.ok_or_else(|| {
            Error::not_found(format!("{}: there is no Ed25519 key `{}`", self.failed("sign"), self.object))
        })
    }

    /// The key; made on the token, so that it cannot be read from it, if there is none of that name.
    pub fn key_or_new(&self, pin: impl FnOnce() -> Result<String>) -> Result<TokenKey> {
        let session = self.open(true, pin)?;
        if self.find(&session, ObjectClass::PRIVATE_KEY)?.is_none() {
            self.make(&session)?;
        }
        self.find_key(session)?.ok_or_else(|| Error::not_found(self.failed("find the key just made")))
    }

    fn make(&self, session: &Session) -> Result<()> {
        let label = Attribute::Label(self.object.clone().into_bytes());
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            label.clone(),
        ];
        let mut last = None;
        for curve in CURVES {
            let public = [
                Attribute::Token(true),
                Attribute::Private(false),
                Attribute::Verify(true),
                Attribute::EcParams(curve.to_vec()),
                label.clone(),
            ];
            match session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private) {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        last.map_or(Ok(()), |error| {
            Err(error).or_invalid(|| format!("{}; does the token know Ed25519?", self.failed("make a key")))
        })
    }

    fn find_key(&self, session: Session) -> Result<Option<TokenKey>> {
        let Some(key) = self.find(&session, ObjectClass::PRIVATE_KEY)? else { return Ok(None) };
        let none = || Error::not_found(format!("{}: its public half is not there", self.failed("read the key")));
        let public = self.find(&session, ObjectClass::PUBLIC_KEY)?.ok_or_else(none)?;
        let attributes = session.get_attributes(public, &[AttributeType::EcPoint]);
        let attributes = attributes.or_invalid(|| self.failed("read the public key"))?;
        let point =
            attributes.iter().find_map(|a| if let Attribute::EcPoint(p) = a { Some(p.as_slice()) } else { None });
        // The bare point, or as an OCTET STRING (tag 4, length 32).
        let bare = point.and_then(|p| p.strip_prefix(&[4, 32]).filter(|rest| rest.len() == 32).or(Some(p)));
        let bytes = bare.and_then(|p| p.try_into().ok()).ok_or_else(none)?;
        let public = PublicKey::from_bytes(bytes).or_invalid(|| self.failed("use the public key"))?;
        Ok(Some(TokenKey { session, key, public }))
    }
}

/// A key on a token, opened.
pub struct TokenKey {
    session: Session,
    key: ObjectHandle,
    public: PublicKey,
}

impl Signer for TokenKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn try_sign(&self, message: &[u8]) -> std::result::Result<[u8; 64], KeyError> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = self.session.sign(&mechanism, self.key, message).map_err(|e| KeyError::Token(e.to_string()))?;
        // A token that signs wrongly is found here, not by the other states.
        if !self.public.verifies(message, &signature) {
            return Err(KeyError::Token("its signature does not hold".to_owned()));
        }
        signature.try_into().map_err(|_| KeyError::Token("its signature has another length".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_without_being_quoted() {
        let read = TokenAddress::parse("pkcs11:token=The%20authority;object=key?module-path=/lib/module.so").unwrap();
        let expected = TokenAddress {
            module: "/lib/module.so".into(),
            token: Some("The authority".to_owned()),
            serial: None,
            object: "key".to_owned(),
        };
        assert_eq!(read, expected);
        for (bad, part) in [
            ("pkcs11:token=a;object=b", "no module"),
            ("pkcs11:token=a;object=b?module-path=module.so", "absolute"),
            ("pkcs11:object=b?module-path=/m.so", "no token"),
            ("pkcs11:token=a?module-path=/m.so", "no object"),
            ("pkcs11:token=a;object=b?module-path=/m.so&pin-value=1234", "holds a PIN"),
            ("pkcs11:token=a;object=b?module-path=/m.so&pin-source=/pin-1234", "holds a PIN"),
            ("pkcs11:token=a;token=1234", "malformed"),
            ("file:1234", "malformed"),
        ] {
            let error = TokenAddress::parse(bad).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("1234"), "{bad}: {error}");
        }
    }
}
