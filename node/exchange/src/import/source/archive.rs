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
    // What the system did not say, a decoder did: of a wrong length, or of a way to pack that it does not know.
    error.raw_os_error().is_none() || matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    #[test]
    fn a_part_said_to_be_packed_in_another_way_is_damaged() {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("content.xml", SimpleFileOptions::default()).unwrap();
        zip.write_all("<a>some text</a>".repeat(50).as_bytes()).unwrap();
        let whole = zip.finish().unwrap().into_inner();
        let header = whole.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        for method in 0..=u8::MAX {
            let mut bytes = whole.clone();
            // The method's byte of the central directory, and of the part itself.
            (bytes[header + 10], bytes[8]) = (method, method);
            std::fs::write(&path, bytes).unwrap();
            if let Err(error) = open(&path) {
                assert!(matches!(error, SourceError::Format(_) | SourceError::TooLarge(_)), "{method}: {error}");
            }
        }
    }
}
