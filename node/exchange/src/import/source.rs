//! Opens what is imported: every format gives rows of text, with the headings of their columns and their places.

mod archive;
mod csv;
mod database;
mod headings;
mod ods;
mod parquet;
mod sdmx;
mod sheet;
mod text;
mod xlsx;

use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::Path;

use chancery_schema::mapping::Mapping;
use chancery_schema::rows::{RowSource, SourceError};
use serde::Serialize;

use super::progress::Progress;
use crate::error::{Error, Result};

pub(crate) use sdmx::Said;

/// Something about the file that the mapping does not say and that was found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What: `delimiter`, `encoding`, `headings`.
    pub what: &'static str,
    /// How it is.
    pub value: String,
}

impl Found {
    fn new(what: &'static str, value: impl Into<String>) -> Self {
        Self { what, value: value.into() }
    }

    fn headings(first: u64, last: u64) -> Self {
        let rows = if first == last { format!("in row {first}") } else { format!("in rows {first} to {last}") };
        Self::new("headings", rows)
    }
}

/// What is imported, ready to be read.
pub(crate) struct Opened {
    /// Its rows.
    pub(crate) rows: Box<dyn RowSource>,
    /// What was found out about it.
    pub(crate) found: Vec<Found>,
    /// What it says of itself, if it is a message.
    pub(crate) said: Option<Said>,
    /// Names of its sheets, if it is a spreadsheet.
    pub(crate) sheets: Vec<String>,
    /// The sheet that is read, if it is one.
    pub(crate) sheet: Option<String>,
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.progress.read(n as u64);
        Ok(n)
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Xlsx,
    Ods,
    Parquet,
    Sdmx(sdmx::Grammar),
}

impl Format {
    /// The words a mapping can use.
    const WORDS: &[(&str, Self)] = &[
        ("csv", Self::Text),
        ("tsv", Self::Text),
        ("sdmx-csv", Self::Text),
        ("xlsx", Self::Xlsx),
        ("ods", Self::Ods),
        ("parquet", Self::Parquet),
        ("sdmx-ml", Self::Sdmx(sdmx::Grammar::Xml)),
        ("sdmx-json", Self::Sdmx(sdmx::Grammar::Json)),
    ];

    fn parse(word: &str) -> Result<Self> {
        let found = Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, format)| *format);
        found.ok_or_else(|| {
            let known = Self::WORDS.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            Error::invalid(format!("`source.format` is `{word}`; it can be {known}"))
        })
    }

    /// By how the file begins: its name can say anything.
    fn of(path: &Path, file: &mut File) -> Result<Self> {
        let mut begin = Vec::new();
        let reading = |e| Error::file("read", path, e);
        file.by_ref().take(64).read_to_end(&mut begin).map_err(reading)?;
        file.rewind().map_err(reading)?;
        let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&begin).trim_ascii_start();
        Ok(match begin.get(..4).unwrap_or_default() {
            _ if text.starts_with(b"<") => Self::Sdmx(sdmx::Grammar::Xml),
            _ if text.starts_with(b"{") => Self::Sdmx(sdmx::Grammar::Json),
            b"PAR1" => Self::Parquet,
            b"PK\x03\x04" => {
                let mut archive = archive::open(path).map_err(|error| failed(path, error))?;
                if archive.by_name("content.xml").is_ok() { Self::Ods } else { Self::Xlsx }
            }
            b"\xd0\xcf\x11\xe0" => {
                return Err(Error::invalid(format!(
                    "`{}` is a workbook of the old Excel format, or one with a password: save it as xlsx, without",
                    path.display()
                )));
            }
            _ => Self::Text,
        })
    }
}

/// Opens what `mapping` says is read: its query, or the file at `path`.
pub(crate) fn open(path: Option<&Path>, mapping: &Mapping, progress: &Progress) -> Result<Opened> {
    let source = &mapping.source;
    match (path, &source.database, &source.query) {
        (None, Some(database), Some(query)) => {
            let rows = database::open(database, query).map_err(|e| failed(Path::new("source.database"), e))?;
            Ok(Opened { rows, found: Vec::new(), said: None, sheets: Vec::new(), sheet: None })
        }
        (Some(_), None, Some(_)) | (Some(_), Some(_), _) => {
            Err(Error::invalid("give either a file, or `source.database` with `source.query` in the mapping"))
        }
        (None, ..) => {
            Err(Error::invalid("there is no file, and the mapping has no `source.database` with a `source.query`"))
        }
        (Some(path), None, None) => open_file(path, mapping, progress),
    }
}

fn open_file(path: &Path, mapping: &Mapping, progress: &Progress) -> Result<Opened> {
    let headings = mapping.source.headings.map(|headings| {
        let wrong = || Error::invalid("`source.headings` is no row, or a first and a last row, counted from 1");
        headings.rows().ok_or_else(wrong)
    });
    let headings = headings.transpose()?;
    let mut file = File::open(path).map_err(|e| Error::file("open", path, e))?;
    progress.expect(file.metadata().map_or(0, |m| m.len()));
    let format = match &mapping.source.format {
        Some(word) => Format::parse(word)?,
        None => Format::of(path, &mut file)?,
    };
    let (mut found, mut said) = (Vec::new(), None);
    let (wanted, mut sheets, mut chosen) = (mapping.source.sheet.as_deref(), Vec::new(), None);
    let rows: std::result::Result<Box<dyn RowSource>, SourceError> = match format {
        Format::Text => {
            let counted = Counted { inner: file, progress: progress.clone() };
            text::Text::open(counted, &mapping.options, headings).and_then(|text| {
                found = text.found;
                Ok(Box::new(csv::CsvSource::new(text.input, text.layout)?) as _)
            })
        }
        Format::Xlsx => xlsx::XlsxCells::open(path, progress).and_then(|cells| {
            sheets = sheet::Cells::names(&cells);
            let source = sheet::SheetSource::new(cells, wanted, headings, &mut found)?;
            chosen = Some(source.sheet().to_owned());
            Ok(Box::new(source) as _)
        }),
        Format::Ods => ods::OdsCells::open(path, progress).and_then(|cells| {
            sheets = sheet::Cells::names(&cells);
            let source = sheet::SheetSource::new(cells, wanted, headings, &mut found)?;
            chosen = Some(source.sheet().to_owned());
            Ok(Box::new(source) as _)
        }),
        Format::Parquet => parquet::ParquetSource::open(file, progress).map(|rows| Box::new(rows) as _),
        Format::Sdmx(grammar) => {
            let wanted = mapping.components.iter().filter(|(id, component)| component.column.as_ref() == Some(id));
            let wanted = wanted.map(|(id, _)| id.clone());
            sdmx::SdmxSource::open(file, grammar, progress, wanted, &mut found, &mut said)
                .map(|rows| Box::new(rows) as _)
        }
    };
    Ok(Opened { rows: rows.map_err(|error| failed(path, error))?, found, said, sheets, sheet: chosen })
}

/// What went wrong while reading `path`, by what the caller can do about it.
pub(super) fn failed(path: &Path, error: SourceError) -> Error {
    match error {
        SourceError::Read(error) => Error::file("read", path, error),
        wrong => Error::invalid(format!("`{}`: {wrong}", path.display())),
    }
}
