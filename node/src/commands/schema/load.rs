//! Structures from files, folders and names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::Error;
use chancery_schema::structure::select::{ArtefactKind, Detail, References, StructureQuery, select};
use chancery_schema::{Reference, Structures, json, shared, xml};

/// Largest file read, in bytes: what the readers take.
const MAX_BYTES: u64 = 32 << 20;
/// Most files of a folder.
const MAX_FILES: usize = 500;

/// The structures in files and folders.
pub(super) fn files(paths: &[PathBuf]) -> Result<Structures> {
    let mut all = Structures::default();
    for path in paths {
        for file in messages(path)? {
            all.merge(read(&file)?);
        }
    }
    Ok(all)
}

/// The shared structures, and those in files and folders.
pub(super) fn shared_and(paths: &[PathBuf]) -> Result<Structures> {
    let mut all = shared::structures()?;
    all.merge(files(paths)?);
    Ok(all)
}

/// A file, a folder, `shared`, or a dataflow of the shared schema with everything it needs.
pub(super) fn named(text: &str) -> Result<Structures> {
    if text == "shared" {
        return Ok(shared::structures()?);
    }
    let path = Path::new(text);
    if path.exists() {
        return files(&[path.to_owned()]);
    }
    let all = shared::structures()?;
    let found: Reference = all
        .find_dataflow(text)
        .ok_or_else(|| Error::not_found(format!("there is no file, folder or dataflow `{text}`")))?;
    Ok(select(
        &all,
        &StructureQuery {
            kinds: vec![ArtefactKind::Dataflow],
            agencies: vec![found.agency],
            ids: vec![found.id],
            versions: vec![found.version],
            references: References::Descendants,
            detail: Detail::Full,
        },
    ))
}

/// The messages a path means, in the order of their names.
fn messages(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| Error::file("read", path, e))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json" || e == "xml"));
    files.sort();
    if files.is_empty() || files.len() > MAX_FILES {
        bail!(Error::invalid(format!(
            "`{}` has {} messages: 1 to {MAX_FILES} can be read",
            path.display(),
            files.len()
        )));
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Structures> {
    let failed = |e| Error::file("read", path, e);
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_BYTES {
        bail!(Error::invalid(format!("`{}` has {length} bytes, more than {MAX_BYTES}", path.display())));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let begins = bytes.iter().find(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF));
    let found = match begins {
        Some(b'<') => xml::structure::read(&bytes).map_err(anyhow::Error::from),
        _ => json::v2_0::structure::read(&bytes).map_err(anyhow::Error::from),
    };
    found.map_err(|e| Error::invalid(e.to_string())).with_context(|| format!("cannot read `{}`", path.display()))
}
