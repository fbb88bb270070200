//! Opens what is imported: every format gives rows of text, with the headings of their columns and their places.

mod csv;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_schema::mapping::Options;
use chancery_schema::rows::{RowSource, SourceError};

use crate::error::{Error, Result};

/// How far the reading is, shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Bytes read.
    pub read: Arc<AtomicU64>,
    /// Bytes of the file.
    pub total: Arc<AtomicU64>,
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

/// Opens the file at `path`, written as `options` say.
pub(crate) fn open(path: &Path, options: &Options, progress: &Progress) -> Result<Box<dyn RowSource>> {
    let file = File::open(path).map_err(|e| Error::file("open", path, e))?;
    progress.total.store(file.metadata().map_or(0, |m| m.len()), Ordering::Relaxed);
    let delimiter = u8::try_from(options.delimiter)
        .map_err(|_| Error::invalid("`options.delimiter` is not a single byte: use `,`, `;` or a tab"))?;
    let counted = Counted { inner: file, progress: progress.clone() };
    Ok(Box::new(csv::CsvSource::new(counted, delimiter).map_err(|error| failed(path, error))?))
}

/// What went wrong while reading `path`, by what the caller can do about it.
pub(super) fn failed(path: &Path, error: SourceError) -> Error {
    match error {
        SourceError::Read(error) => Error::file("read", path, error),
        wrong => Error::invalid(format!("`{}`: {wrong}", path.display())),
    }
}
