//! A node's key files. Each is PKCS#8 PEM, readable by its owner only; the authority key is encrypted under a passphrase.
//!
//! ```text
//! keys/authority.pem, or keys/authority.uri where it is on a token   keys/endorsement.json (what the national PKI said of it)   keys/log.pem   keys/witness.pem   keys/publisher.pem   keys/transport.pem   keys/operators/NAME.pem
//! keys/next-authority.pem (announced, never used)   keys/log.next.pem (waits for its delegation)   keys/retired/ (what was replaced)
//! keys/disclosure.secret   keys/signed-charters.json (what the authority key has signed)
//! ```

mod authority;
mod signed;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use authority::{AuthorityPlace, SecretKind};
use chancery_ledger::{KeyPair, PublicKey, Purpose, Trust};
use chancery_policies::disclosure::cell_key::{SECRET_BYTES, Secret};
pub use signed::SignedCharters;

use crate::error::{Doing as _, Error, Result};

/// The key files in a folder.
#[derive(Debug, Clone)]
pub struct Keyring {
    dir: PathBuf,
}

impl Keyring {
    /// The key files in `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Makes every key a node needs. Refuses to replace one that is there.
    pub fn create(&self, operators: &[String], authority: AuthorityPlace<'_>) -> Result<()> {
        fs::create_dir_all(self.dir.join("operators")).map_err(|e| Error::file("create", &self.dir, e))?;
        self.make_authority("authority", authority)?;
        let mut paths: Vec<PathBuf> =
            ["log", "witness", "publisher", "transport"].iter().map(|p| self.path(p)).collect();
        paths.extend(operators.iter().map(|name| self.operator_path(name)));
        paths.iter().try_for_each(|path| create(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.pem"))
    }

    fn operator_path(&self, name: &str) -> PathBuf {
        self.dir.join("operators").join(format!("{name}.pem"))
    }

    /// A purpose's key.
    pub fn key(&self, purpose: Purpose) -> Result<KeyPair> {
        read(&self.path(&purpose.to_string()))
    }

    /// The charters that this member's authority keys have signed here.
    pub fn signed_charters(&self) -> Result<SignedCharters> {
        SignedCharters::beside(&self.dir)
    }

    /// What draws disclosure control's noise; made when it is first needed. Without it every figure would get other noise, from which the true one
    /// can be found: it belongs into the backup like the keys.
    pub fn disclosure_secret(&self) -> Result<Secret> {
        let path = self.dir.join("disclosure.secret");
        if !path.exists() {
            let mut bytes = [0u8; SECRET_BYTES];
            getrandom::fill(&mut bytes).or_storage(|| "no randomness for the disclosure secret".to_owned())?;
            match write_private(&path, hex::encode(bytes).as_bytes()) {
                // Another process was first: its secret holds.
                Err(_) if path.exists() => {}
                written => written?,
            }
        }
        let text = fs::read_to_string(&path).map_err(|e| Error::file("read", &path, e))?;
        let mut bytes = [0u8; SECRET_BYTES];
        hex::decode_to_slice(text.trim(), &mut bytes).or_invalid(|| {
            format!("`{}` is no secret of 64 hexadecimal digits: restore it from the backup", path.display())
        })?;
        Ok(Secret::new(bytes))
    }

    /// Transport keys that were replaced while peers may still know no other.
    pub(crate) fn replaced_transport(&self) -> Result<Vec<KeyPair>> {
        self.replaced_transport_paths().iter().map(|path| read(path)).collect()
    }

    /// Notes that the peers know the present transport key: those it has replaced are used no more.
    pub(crate) fn forget_replaced_transport(&self) -> Result<()> {
        let done = |path: &PathBuf| {
            fs::rename(path, path.with_extension("done.pem")).map_err(|e| Error::file("retire", path, e))
        };
        self.replaced_transport_paths().iter().try_for_each(done)
    }

    fn replaced_transport_paths(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.join("retired")).into_iter().flatten().flatten();
        let waits =
            |name: &str| name.starts_with("transport-") && name.ends_with(".pem") && !name.ends_with(".done.pem");
        entries.map(|e| e.path()).filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(waits)).collect()
    }

    /// An operator's key.
    pub fn operator(&self, name: &str) -> Result<KeyPair> {
        if !is_name(name) {
            return Err(Error::invalid(format!("`{name}` is no operator's name: use letters, digits, `.`, `_`, `-`")));
        }
        let path = self.operator_path(name);
        if !path.exists() {
            let known = self.operators()?.join("`, `");
            return Err(Error::not_found(format!("there is no key of an operator `{name}` here; there are `{known}`")));
        }
        read(&path)
    }

    /// Operators whose key is here.
    pub fn operators(&self) -> Result<Vec<String>> {
        let dir = self.dir.join("operators");
        let entries = fs::read_dir(&dir).map_err(|e| Error::file("list", &dir, e))?;
        let names = entries.flatten().filter_map(|e| e.path().file_stem().map(|s| s.to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// A purpose's key, or the one that waits to take its place.
    pub(crate) fn newest_key(&self, purpose: Purpose) -> Result<KeyPair> {
        let waiting = self.path(&format!("{purpose}.next"));
        if waiting.exists() { read(&waiting) } else { self.key(purpose) }
    }

    /// The key that waits to take the place of a purpose's; made if there is none.
    pub(crate) fn next_key(&self, purpose: Purpose) -> Result<KeyPair> {
        let path = self.path(&format!("{purpose}.next"));
        if !path.exists() {
            create(&path)?;
        }
        read(&path)
    }

    /// Makes an operator's key.
    pub(crate) fn add_operator(&self, name: &str) -> Result<KeyPair> {
        if !is_name(name) {
            return Err(Error::invalid(format!("`{name}` is no operator's name: use letters, digits, `.`, `_`, `-`")));
        }
        let path = self.operator_path(name);
        if path.exists() {
            return Err(Error::conflict(format!("there is a key of an operator `{name}` already")));
        }
        create(&path)?;
        read(&path)
    }

    /// Puts keys that waited in their place once the forum knows them: a delegated key's successor, and the authority's.
    pub(crate) fn promote(&self, trust: &Trust, member: &str, authority: &PublicKey, now: i64) -> Result<()> {
        for purpose in [Purpose::Log, Purpose::Witness, Purpose::Publisher, Purpose::Transport] {
            let waiting = self.path(&format!("{purpose}.next"));
            if waiting.exists() && trust.key_for(member, purpose, &read(&waiting)?.public(), now).is_ok() {
                let old = self.key(purpose)?.public().fingerprint();
                self.replace(&self.path(&purpose.to_string()), &waiting, &format!("{purpose}-{old}.pem"))?;
            }
        }
        if self.next_authority_public()?.is_some_and(|next| next == *authority) {
            let old: PublicKey =
                self.authority_public()?.parse().or_invalid(|| "the authority's public key is damaged".to_owned())?;
            self.promote_authority(&old)?;
        }
        Ok(())
    }

    /// Keeps the file `there` among the retired ones and puts `next` in its place.
    fn replace(&self, there: &Path, next: &Path, retired: &str) -> Result<()> {
        let dir = self.dir.join("retired");
        fs::create_dir_all(&dir).map_err(|e| Error::file("create", &dir, e))?;
        if there.exists() {
            fs::rename(there, dir.join(retired)).map_err(|e| Error::file("retire", there, e))?;
        }
        fs::rename(next, there).map_err(|e| Error::file("put in place", next, e))
    }

    /// Key files that others can read.
    pub fn exposed(&self) -> Vec<PathBuf> {
        let dirs = [self.dir.clone(), self.dir.join("operators"), self.dir.join("retired")];
        let files =
            dirs.iter().filter_map(|d| fs::read_dir(d).ok()).flat_map(|entries| entries.flatten().map(|e| e.path()));
        let secret = |p: &PathBuf| p.extension().is_some_and(|e| e == "pem" || e == "secret");
        files.filter(|p| secret(p) && readable_by_others(p)).collect()
    }
}

/// Whether `name` may be an operator's: it becomes a file's name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Makes a key.
fn create(path: &Path) -> Result<()> {
    let key = KeyPair::generate().or_storage(|| format!("cannot make the key `{}`", path.display()))?;
    let pem = key.to_pem().or_storage(|| format!("cannot write the key `{}`", path.display()))?;
    write_private(path, pem.as_bytes())
}

fn read(path: &Path) -> Result<KeyPair> {
    let pem = fs::read_to_string(path).map_err(|e| Error::file("read the key", path, e))?;
    KeyPair::from_pem(&pem).or_invalid(|| format!("`{}` is no private key: restore it from the backup", path.display()))
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> bool {
    false
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|e| Error::file("create", path, e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| Error::file("write", path, e))
}
