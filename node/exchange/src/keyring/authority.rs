//! The authority key and the one that follows it: in an encrypted file or on a token, with what a national PKI says of them.

use std::fs;
use std::path::{Path, PathBuf};

use chancery_ledger::endorsement::{Endorsed, Endorsement, statement};
use chancery_ledger::{KeyPair, PublicKey, Signer};

use super::{Keyring, write_private};
use crate::error::{Doing as _, Error, Result};
use crate::token::TokenAddress;

/// What is asked of the person who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// Opens an encrypted file.
    Passphrase,
    /// Opens a token.
    Pin,
}

/// Where a new authority key is made.
pub enum AuthorityPlace<'a> {
    /// In a file, encrypted if there is a passphrase.
    File(Option<&'a str>),
    /// On a token, whose PIN is asked.
    Token(&'a TokenAddress, &'a str, &'a dyn Fn(SecretKind) -> Result<String>),
}

const KEY: &str = "authority";
const NEXT: &str = "next-authority";

impl Keyring {
    /// Makes the key `name` and writes what is needed to use it. Refuses to replace one.
    pub(super) fn make_authority(&self, name: &str, place: AuthorityPlace<'_>) -> Result<PublicKey> {
        let (pem, address, public) = (self.path(name), self.address_path(name), self.dir.join(format!("{name}.pub")));
        if let Some(there) = [&pem, &address].into_iter().find(|path| path.exists()) {
            return Err(Error::conflict(format!("`{}` is there already", there.display())));
        }
        let key = match place {
            AuthorityPlace::File(passphrase) => {
                let key = KeyPair::generate().or_storage(|| "cannot make the key".to_owned())?;
                let text = match passphrase {
                    Some(passphrase) => key.to_encrypted_pem(passphrase),
                    None => key.to_pem(),
                };
                write_private(&pem, text.or_storage(|| "cannot write the key".to_owned())?.as_bytes())?;
                key.public()
            }
            AuthorityPlace::Token(token, text, pin) => {
                let key = token.key_or_new(|| pin(SecretKind::Pin))?.public_key();
                fs::write(&address, format!("{text}\n")).map_err(|e| Error::file("write", &address, e))?;
                key
            }
        };
        fs::write(&public, format!("{key}\n")).map_err(|e| Error::file("write", &public, e))?;
        Ok(key)
    }

    fn address_path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.uri"))
    }

    /// Makes the key that is to follow the authority key, and is announced by its hash. Refuses to replace one.
    pub fn create_next_authority(&self, place: AuthorityPlace<'_>) -> Result<PublicKey> {
        let made = self.make_authority(NEXT, place);
        made.map_err(|e| match e {
            Error::Conflict { .. } => {
                Error::conflict("a next authority key is there already: it waits for `chancery keys rotate`")
            }
            other => other,
        })
    }

    /// The public half of the key that is to follow the authority key, if it is made.
    pub fn next_authority_public(&self) -> Result<Option<PublicKey>> {
        let path = self.dir.join("next-authority.pub");
        if path.exists() { self.public_in(&path).map(Some) } else { Ok(None) }
    }

    fn public_in(&self, path: &Path) -> Result<PublicKey> {
        let text = fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        text.trim().parse().or_invalid(|| format!("`{}` is damaged: restore it from the backup", path.display()))
    }

    /// The authority's public key, as text.
    pub fn authority_public(&self) -> Result<String> {
        Ok(self.public_in(&self.dir.join("authority.pub"))?.to_string())
    }

    /// Where the authority key is, if it is on a token.
    pub fn authority_token(&self) -> Option<String> {
        fs::read_to_string(self.address_path(KEY)).ok().map(|text| text.trim().to_owned())
    }

    /// The authority key; `ask` is called only if it is encrypted or on a token.
    pub fn authority(&self, ask: impl Fn(SecretKind) -> Result<String>) -> Result<Box<dyn Signer>> {
        self.authority_named(KEY, ask)
    }

    /// The key that is to follow the authority key.
    pub fn next_authority(&self, ask: impl Fn(SecretKind) -> Result<String>) -> Result<Box<dyn Signer>> {
        self.authority_named(NEXT, ask)
    }

    fn authority_named(&self, name: &str, ask: impl Fn(SecretKind) -> Result<String>) -> Result<Box<dyn Signer>> {
        let address = self.address_path(name);
        if !address.exists() {
            return Self::authority_at(&self.path(name).to_string_lossy(), ask);
        }
        let text = fs::read_to_string(&address).map_err(|e| Error::file("read", &address, e))?;
        let key = Self::authority_at(text.trim(), ask)?;
        let expected = self.public_in(&self.dir.join(format!("{name}.pub")))?;
        if key.public_key() != expected {
            return Err(Error::invalid(format!(
                "the token holds another key than `{name}.pub`: is it the right token?"
            )));
        }
        Ok(key)
    }

    /// The authority key wherever it is kept: in a file, or on a token by its `pkcs11:` address.
    pub fn authority_at(place: &str, ask: impl Fn(SecretKind) -> Result<String>) -> Result<Box<dyn Signer>> {
        if TokenAddress::is_one(place) {
            return Ok(Box::new(TokenAddress::parse(place)?.key(|| ask(SecretKind::Pin))?));
        }
        let path = Path::new(place);
        let pem = fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        if KeyPair::is_encrypted(&pem) {
            let passphrase = ask(SecretKind::Passphrase)?;
            let key = KeyPair::from_encrypted_pem(&pem, &passphrase);
            return Ok(Box::new(
                key.or_invalid(|| format!("cannot open `{}`: is the passphrase right?", path.display()))?,
            ));
        }
        Ok(Box::new(KeyPair::from_pem(&pem).or_invalid(|| format!("cannot read the key `{}`", path.display()))?))
    }

    /// Puts the announced key in the place of `old`, which is kept among the retired ones, as far as their files are here.
    pub(super) fn promote_authority(&self, old: &PublicKey) -> Result<()> {
        // A file that only the old key has, such as its endorsement, goes too.
        for ending in ["pem", "uri", "pub", "json"] {
            let name = |of: &str| {
                if ending == "json" { self.endorsement_path(of) } else { self.dir.join(format!("{of}.{ending}")) }
            };
            let (there, next) = (name(KEY), name(NEXT));
            let retired = self.dir.join("retired");
            fs::create_dir_all(&retired).map_err(|e| Error::file("create", &retired, e))?;
            // Either key may be kept on another machine.
            let replaced = next.exists() || self.dir.join("next-authority.pub").exists() || ending == "json";
            if there.exists() && replaced {
                let kept = retired.join(format!("authority-{}.{ending}", old.fingerprint()));
                fs::rename(&there, &kept).map_err(|e| Error::file("retire", &there, e))?;
            }
            if next.exists() {
                fs::rename(&next, &there).map_err(|e| Error::file("put in place", &next, e))?;
            }
        }
        Ok(())
    }

    fn endorsement_path(&self, name: &str) -> PathBuf {
        self.dir.join(if name == NEXT { "next-endorsement.json" } else { "endorsement.json" })
    }

    fn endorsed_key(&self, next: bool) -> Result<PublicKey> {
        let name = if next { "next-authority.pub" } else { "authority.pub" };
        self.public_in(&self.dir.join(name))
    }

    /// What `member`'s national PKI has to sign of the authority key, or of the one that follows it.
    pub fn endorsement_statement(&self, member: &str, next: bool) -> Result<String> {
        Ok(statement(member, &self.endorsed_key(next)?))
    }

    /// Checks an endorsement at `now` and keeps it for the member's card; one that is there is replaced.
    pub fn keep_endorsement(&self, endorsement: &Endorsement, member: &str, next: bool, now: i64) -> Result<Endorsed> {
        let found = endorsement.verify(member, &self.endorsed_key(next)?, now, &[]);
        let found = found.or_unverified(|| "the endorsement is refused".to_owned())?;
        let path = self.endorsement_path(if next { NEXT } else { KEY });
        let text = serde_json::to_vec_pretty(endorsement).or_storage(|| "cannot write the endorsement".to_owned())?;
        fs::write(&path, text).map_err(|e| Error::file("write", &path, e))?;
        Ok(found)
    }

    /// The endorsement kept for the authority key, or for the one that follows it.
    pub fn endorsement(&self, next: bool) -> Result<Option<Endorsement>> {
        let path = self.endorsement_path(if next { NEXT } else { KEY });
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(|e| Error::file("read", &path, e))?;
        serde_json::from_slice(&text)
            .map(Some)
            .or_invalid(|| format!("`{}` is damaged: make it anew by `chancery keys endorse`", path.display()))
    }
}
