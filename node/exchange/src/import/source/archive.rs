//! Spreadsheets are archives of XML: looked through before they are trusted, since a small archive can unpack to anything.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use chancery_schema::rows::{Bounded, SourceError};
use zip::ZipArchive;
use zip::result::ZipError;

/// Most files in an archive.
const MAX_ENTRIES: usize = 10_000;
/// Most bytes of a whole archive, unpacked: a sheet with as many rows as a spreadsheet can have takes less.
const MAX_BYTES: u64 = 4 << 30;
/// Most bytes of the texts that a workbook shares among its cells, unpacked: they are held in memory.
const MAX_SHARED_BYTES: u64 = 256 << 20;

/// An archive of bounded size.
pub(super) type Archive = ZipArchive<BufReader<File>>;

/// Opens the archive and unpacks all of it once, keeping nothing.
pub(super) fn open(path: &Path) -> Result<Archive, SourceError> {
    let file = File::open(path).map_err(SourceError::Read)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if archive.len() > MAX_ENTRIES {
        let entries = archive.len();
        return Err(SourceError::TooLarge(format!("it is an archive of {entries} files, more than {MAX_ENTRIES}")));
    }
    let mut total = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let text = name.ends_with(".xml") || name.ends_with(".rels");
        let limit = if name.ends_with("sharedStrings.xml") { MAX_SHARED_BYTES } else { MAX_BYTES - total };
        let mut bounded = Bounded::xml(&mut entry);
        let mut buffer = vec![0; 64 << 10];
        let mut bytes = 0;
        loop {
            let n = if text { bounded.read(&mut buffer) } else { bounded.get_mut().read(&mut buffer) };
            match n.map_err(|error| broken(&name, error))? {
                0 => break,
                n => bytes += n as u64,
            }
            if bytes > limit {
                return Err(SourceError::TooLarge(format!("`{name}` in it unpacks to more than {limit} bytes")));
            }
        }
        total += bytes;
    }
    Ok(archive)
}

/// A part that does not unpack, or to something else than its checksum says.
fn broken(name: &str, error: std::io::Error) -> SourceError {
    match SourceError::from_read(error) {
        SourceError::Read(error) if is_damage(&error) => {
            SourceError::Format(format!("`{name}` in it is damaged: {error}; save the spreadsheet again"))
        }
        other => other,
    }
}

fn damaged(error: ZipError) -> SourceError {
    match error {
        ZipError::Io(error) if !is_damage(&error) => SourceError::Read(error),
        other => SourceError::Format(format!("it is a damaged archive, or none: {other}")),
    }
}

/// Whether it is what was read that is wrong, rather than the reading.
fn is_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}
