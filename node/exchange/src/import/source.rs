//! Opens what is imported: every format gives rows of text, with the headings of their columns and their places.

mod csv;
mod headings;
mod text;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_schema::mapping::Mapping;
use chancery_schema::rows::{RowSource, SourceError};
use serde::Serialize;

use crate::error::{Error, Result};

/// How far the reading is, shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Bytes read.
    pub read: Arc<AtomicU64>,
    /// Bytes of the file.
    pub total: Arc<AtomicU64>,
}

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
}

/// What is imported, ready to be read.
pub(crate) struct Opened {
    /// Its rows.
    pub(crate) rows: Box<dyn RowSource>,
    /// What was found out about it.
    pub(crate) found: Vec<Found>,
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.progress.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Opens the file at `path`, written as `mapping` says.
pub(crate) fn open(path: &Path, mapping: &Mapping, progress: &Progress) -> Result<Opened> {
    let headings = mapping.source.headings.map(|headings| {
        let wrong = || Error::invalid("`source.headings` is no row, or a first and a last row, counted from 1");
        headings.rows().ok_or_else(wrong)
    });
    let headings = headings.transpose()?;
    let file = File::open(path).map_err(|e| Error::file("open", path, e))?;
    progress.total.store(file.metadata().map_or(0, |m| m.len()), Ordering::Relaxed);
    let counted = Counted { inner: file, progress: progress.clone() };
    let opened = text::Text::open(counted, &mapping.options, headings).and_then(|text| {
        let rows = csv::CsvSource::new(text.input, text.layout)?;
        Ok(Opened { rows: Box::new(rows), found: text.found })
    });
    opened.map_err(|error| failed(path, error))
}

/// What went wrong while reading `path`, by what the caller can do about it.
pub(super) fn failed(path: &Path, error: SourceError) -> Error {
    match error {
        SourceError::Read(error) => Error::file("read", path, error),
        wrong => Error::invalid(format!("`{}`: {wrong}", path.display())),
    }
}
