//! Which charters an authority key has signed: two valid successors of one version share a signer, so whoever signs one remembers it, and signs
//! another only if told that the first is given up.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chancery_ledger::charter::Charter;
use chancery_ledger::{Envelope, PublicKey, RecordKind, time};
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
        let path = dir.join("signed-charters.json");
        let signed = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).or_invalid(|| format!("`{}` is damaged", path.display()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::file("read", &path, e)),
        };
        Ok(Self { path, signed, given_up: Vec::new() })
    }

    /// Says that the charter `id`, signed earlier, is given up.
    pub fn give_up(&mut self, id: &str) {
        self.given_up.push(id.to_owned());
    }

    /// Counts what `key` has signed among charters that are known otherwise, as when the file was lost.
    pub fn learn(&mut self, charters: &[Envelope], key: &PublicKey) {
        for envelope in charters.iter().filter(|e| e.signed_by(key).is_ok()) {
            let Ok(Some((previous, charter))) = place(envelope) else { continue };
            let at = envelope.payload::<Charter>(RecordKind::Charter).map(|p| p.issued_at).unwrap_or_default();
            self.add(Signed { previous, charter, at });
        }
    }

    fn add(&mut self, new: Signed) {
        if self.signed.iter().all(|s| s.charter != new.charter) {
            self.signed.push(new);
        }
    }

    /// Other successors of the same version that were signed: record id and when.
    pub(crate) fn rivals(&self, envelope: &Envelope) -> Result<Vec<(String, String)>> {
        let Some((previous, charter)) = place(envelope)? else { return Ok(Vec::new()) };
        let rivals = self.signed.iter().filter(|s| s.previous == previous && s.charter != charter);
        Ok(rivals.map(|s| (s.charter.clone(), s.at.clone())).collect())
    }

    /// Remembers that `envelope` is signed, on disk, before it is.
    ///
    /// # Errors
    /// Another successor of the same version was signed and is not given up.
    pub(crate) fn remember(&mut self, envelope: &Envelope, now: i64) -> Result<()> {
        if let Some((rival, at)) = self.rivals(envelope)?.into_iter().find(|(id, _)| !self.given_up.contains(id)) {
            return Err(Error::conflict(format!(
                "nothing was signed: at {at} this member's key has signed the charter {rival}, which follows the same version: if both get \
                 enough signatures the forum is forked and its membership frozen. If all have given that draft up, name it by `--instead-of {rival}`"
            )));
        }
        let Some((previous, charter)) = place(envelope)? else { return Ok(()) };
        self.add(Signed { previous, charter, at: time::format(now) });
        self.write()
    }

    fn write(&self) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.signed).or_storage(|| "cannot write what was signed".to_owned())?;
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(dir).map_err(|e| Error::file("create", dir, e))?;
        let new = self.path.with_extension("json.new");
        let failed = |e| Error::file("write", &new, e);
        let mut file = fs::File::create(&new).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, &self.path).map_err(|e| Error::file("put in place", &self.path, e))?;
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| Error::file("sync", dir, e))
    }
}

/// The version that a charter follows, and its own record id; none of a founding one, which forks nothing.
fn place(envelope: &Envelope) -> Result<Option<(String, String)>> {
    let malformed = || "a charter is malformed".to_owned();
    let payload = envelope.payload::<Charter>(RecordKind::Charter).or_invalid(malformed)?;
    let Some(previous) = payload.body.previous else { return Ok(None) };
    Ok(Some((previous, envelope.id().or_invalid(malformed)?)))
}
