//! Which charters an authority key has signed: two valid successors of one version share a signer, so whoever signs one remembers it, and signs
//! another only if told that the first is given up.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chancery_ledger::charter::Charter;
use chancery_ledger::{Envelope, ForumBundle, PublicKey, RecordKind, time};
use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, Error, Result};

/// A charter that was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// Record id of the version that it follows.
    previous: String,
    /// Its record id.
    charter: String,
    /// When, RFC 3339; as it was drafted if it was learnt from a charter.
    at: String,
}

/// The charters signed by a member's authority keys, as a file beside the key remembers them. Rotating the key forgets nothing: it is the
/// member that must not sign two.
#[derive(Debug)]
pub struct SignedCharters {
    path: PathBuf,
    signed: Vec<Signed>,
    given_up: Vec<String>,
}

impl SignedCharters {
    /// Reads what the folder of a key remembers; nothing if it has never signed one.
    pub fn beside(dir: &Path) -> Result<Self> {
        // A name without a folder is in the one that is worked in.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let path = dir.join("signed-charters.json");
        let signed = read(&path)?;
        Ok(Self { path, signed, given_up: Vec::new() })
    }

    /// Says that the charter `id`, signed earlier, is given up.
    pub fn give_up(&mut self, id: &str) {
        self.given_up.push(id.to_owned());
    }

    /// Counts what a member's keys have signed among charters that are known otherwise, as when the file was lost or the key is used on another
    /// machine: those in `bundle`, by any authority key that it gives to the member of `key`.
    pub fn learn(&mut self, bundle: &ForumBundle, key: &PublicKey) {
        let charters = || bundle.charters.iter().chain(&bundle.conflicting);
        // Not of those that contradict the chain, which nobody has verified: they could name another's key as this member's.
        let bodies: Vec<Charter> = bundle
            .charters
            .iter()
            .filter_map(|e| e.payload::<Charter>(RecordKind::Charter).ok())
            .map(|p| p.body)
            .collect();
        let members = || bodies.iter().flat_map(|charter| &charter.members);
        let Some(owner) = members().find(|m| m.authority_key == *key) else { return };
        let keys: BTreeSet<PublicKey> = members().filter(|m| m.id == owner.id).map(|m| m.authority_key).collect();
        for envelope in charters().filter(|e| keys.iter().any(|key| e.signed_by(key).is_ok())) {
            let Ok(Some((previous, charter))) = place(envelope) else { continue };
            let at = envelope.payload::<Charter>(RecordKind::Charter).map(|p| p.issued_at).unwrap_or_default();
            add(&mut self.signed, Signed { previous, charter, at });
        }
    }

    /// Counts what another memory of the same member remembers.
    pub fn join(&mut self, other: Self) {
        other.signed.into_iter().for_each(|signed| add(&mut self.signed, signed));
    }

    /// Other successors of the same version that were signed: record id and when.
    pub(crate) fn rivals(&self, envelope: &Envelope) -> Result<Vec<(String, String)>> {
        let Some((previous, charter)) = place(envelope)? else { return Ok(Vec::new()) };
        let rivals = self.signed.iter().filter(|s| s.previous == previous && s.charter != charter);
        Ok(rivals.map(|s| (s.charter.clone(), s.at.clone())).collect())
    }

    /// Remembers that `envelope` is signed, on disk, before it is. What another process has signed since the file was read counts too.
    ///
    /// # Errors
    /// Another successor of the same version was signed and is not given up.
    pub(crate) fn remember(&mut self, envelope: &Envelope, now: i64) -> Result<()> {
        let Some((previous, charter)) = place(envelope)? else { return Ok(()) };
        let dir = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir).map_err(|e| Error::file("create", dir, e))?;
        // Not the file itself, which is replaced. Whoever holds the lock gives it back when it ends, however it does.
        let lock = self.path.with_extension("lock");
        let failed = |e| Error::file("lock", &lock, e);
        let locked = fs::File::options().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
        locked.lock().map_err(failed)?;
        for signed in read(&self.path)? {
            add(&mut self.signed, signed);
        }
        if let Some((rival, at)) = self.rivals(envelope)?.into_iter().find(|(id, _)| !self.given_up.contains(id)) {
            return Err(Error::conflict(format!(
                "nothing was signed: at {at} this member's key has signed the charter {rival}, which follows the same version: if both get \
                 enough signatures the forum is forked and its membership frozen. If all have given that draft up, name it by `--instead-of {rival}`"
            )));
        }
        add(&mut self.signed, Signed { previous, charter, at: time::format(now) });
        write(&self.path, dir, &self.signed)
    }
}

fn read(path: &Path) -> Result<Vec<Signed>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).or_invalid(|| format!("`{}` is damaged", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Error::file("read", path, e)),
    }
}

fn add(signed: &mut Vec<Signed>, new: Signed) {
    if signed.iter().all(|s| s.charter != new.charter) {
        signed.push(new);
    }
}

fn write(path: &Path, dir: &Path, signed: &[Signed]) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(signed).or_storage(|| "cannot write what was signed".to_owned())?;
    let failed = |e| Error::file("write", path, e);
    let mut new = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    new.write_all(&bytes).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    new.persist(path).map_err(|e| failed(e.error))?;
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| Error::file("sync", dir, e))
}

/// The version that a charter follows, and its own record id; none of a founding one, which forks nothing.
fn place(envelope: &Envelope) -> Result<Option<(String, String)>> {
    let malformed = || "a charter is malformed".to_owned();
    let payload = envelope.payload::<Charter>(RecordKind::Charter).or_invalid(malformed)?;
    let Some(previous) = payload.body.previous else { return Ok(None) };
    Ok(Some((previous, envelope.id().or_invalid(malformed)?)))
}
