//! Artefacts held open: their metadata is read once, and shared by all queries; likewise the runs of groups that are read often.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::datatypes::{DataType, Field, Schema};
use bytes::{Buf as _, Bytes};
use moka::sync::Cache;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::reader::{ChunkReader, Length};

use crate::artefact::{ArtefactError, reading};
use crate::runs::GroupRuns;

/// Memory for the metadata of files held open, in KiB. A gigabyte of figures has some ten mebibytes.
const METADATA_KIB: u64 = 96 << 10;
/// What a file held open counts at least, in KiB: so that there are not more than 384.
const FILE_KIB: u32 = 256;
/// Memory for runs, in KiB: those of a hundred million observations.
pub(crate) const RUNS_KIB: u64 = 64 << 10;
/// Queries of few rows of a group after which its runs are worth reading all of it.
const FEW_ROWS_OFTEN: u64 = 64;

/// An artefact held open.
pub(crate) struct OpenArtefact {
    pub(crate) file: ArtefactFile,
    pub(crate) metadata: ArrowReaderMetadata,
    /// Another one for each opening.
    number: u64,
    /// For each group the rows that queries have read since its runs were last held.
    read: Vec<AtomicU64>,
}

/// A file read by position: queries share it.
#[derive(Clone)]
pub(crate) struct ArtefactFile {
    file: Arc<File>,
    length: u64,
}

impl Length for ArtefactFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for ArtefactFile {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        // Only asked for where the length of a page's header is not known.
        let length = (self.length.saturating_sub(start)).min(64 << 10);
        Ok(self.get_bytes(start, length as usize)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(parquet::errors::ParquetError::EOF(format!("no {length} bytes from {start}")));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Opens artefacts. They are named by their hashes: what was read of one stays true.
#[derive(Clone)]
pub(crate) struct OpenFiles {
    open: Cache<PathBuf, Arc<OpenArtefact>>,
    runs: Cache<(u64, usize), Arc<GroupRuns>>,
    /// Whether runs are being read: one group at a time, so that queries are not held up.
    reading: Arc<AtomicBool>,
    openings: Arc<AtomicU64>,
}

impl OpenFiles {
    pub(crate) fn new() -> Self {
        let metadata = |_: &PathBuf, open: &Arc<OpenArtefact>| {
            let kib = u32::try_from(open.metadata.metadata().memory_size() >> 10).unwrap_or(u32::MAX);
            // A file that is larger than the bound must not be opened for every query.
            kib.clamp(FILE_KIB, (METADATA_KIB / 2) as u32)
        };
        let runs = |_: &_, runs: &Arc<GroupRuns>| u32::try_from(runs.bytes() >> 10).map_or(u32::MAX, |kib| kib + 1);
        Self {
            open: Cache::builder().max_capacity(METADATA_KIB).weigher(metadata).build(),
            runs: Cache::builder().max_capacity(RUNS_KIB).weigher(runs).build(),
            reading: Arc::default(),
            openings: Arc::default(),
        }
    }

    /// An artefact, if it is open.
    pub(crate) fn opened(&self, path: &Path) -> Option<Arc<OpenArtefact>> {
        self.open.get(path)
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Arc<OpenArtefact>, ArtefactError> {
        if let Some(open) = self.opened(path) {
            return Ok(open);
        }
        let open = Arc::new(OpenArtefact::open(path, self.openings.fetch_add(1, Ordering::Relaxed))?);
        self.open.insert(path.to_owned(), Arc::clone(&open));
        Ok(open)
    }

    /// The runs of a group, if they are held.
    pub(crate) fn runs(&self, artefact: &OpenArtefact, group: usize) -> Option<Arc<GroupRuns>> {
        self.runs.get(&(artefact.number, group))
    }

    /// Counts the rows of a group that a query reads without its runs. Once queries have read as much as reading the runs takes, they
    /// are read, in a thread of their own.
    pub(crate) fn count(&self, artefact: &Arc<OpenArtefact>, group: usize, rows: usize) {
        let all = artefact.metadata.metadata().row_group(group).num_rows().max(0) as u64;
        let Some(read) = artefact.read.get(group) else { return };
        let cost = (rows as u64).max(all / FEW_ROWS_OFTEN).max(1);
        if read.fetch_add(cost, Ordering::Relaxed) + cost < all || self.reading.swap(true, Ordering::Acquire) {
            return;
        }
        let (files, artefact) = (self.clone(), Arc::clone(artefact));
        let done = Reading(Arc::clone(&self.reading));
        let work = move || {
            let _done = done;
            if files.runs(&artefact, group).is_none() {
                // A damaged file is told to who asks for its rows.
                let _ = files.read_runs(&artefact, group);
            }
        };
        // Without a thread, queries go on as they did.
        let _ = std::thread::Builder::new().name("runs".to_owned()).spawn(work);
    }

    /// Reads the runs of a group, and holds them.
    pub(crate) fn read_runs(&self, artefact: &OpenArtefact, group: usize) -> Result<Arc<GroupRuns>, ArtefactError> {
        let runs = Arc::new(GroupRuns::read(artefact, group)?);
        self.runs.insert((artefact.number, group), Arc::clone(&runs));
        artefact.read.get(group).into_iter().for_each(|read| read.store(0, Ordering::Relaxed));
        Ok(runs)
    }
}

/// Says that runs are read no more, also after a panic.
struct Reading(Arc<AtomicBool>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl OpenArtefact {
    fn open(path: &Path, number: u64) -> Result<Self, ArtefactError> {
        let file = File::open(path).map_err(|source| ArtefactError::File { doing: "open", source })?;
        let length = file.metadata().map_err(|source| ArtefactError::File { doing: "open", source })?.len();
        let file = ArtefactFile { file: Arc::new(file), length };
        let parquet = |e: parquet::errors::ParquetError| ArtefactError::Parquet(e.to_string());
        let metadata = ArrowReaderMetadata::load(&file, reading()).map_err(parquet)?;
        // Texts stay the numbers that the file has for them.
        let fields = metadata.schema().fields().iter().map(|field| match field.data_type() {
            DataType::Utf8 => Arc::new(Field::new(field.name(), text_type(), field.is_nullable())),
            _ => Arc::clone(field),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), reading().with_schema(schema));
        let metadata = metadata.map_err(parquet)?;
        let read = (0..metadata.metadata().num_row_groups()).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { file, metadata, number, read })
    }
}

/// The type of an answer's text columns.
pub(crate) fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}
