//! Artefacts held open: their metadata is read once, and shared by all queries.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use bytes::{Buf as _, Bytes};
use moka::sync::Cache;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::reader::{ChunkReader, Length};

use crate::artefact::{ArtefactError, reading};

/// Most files held open.
const OPEN_FILES: u64 = 256;

/// An artefact held open.
pub(crate) struct OpenArtefact {
    pub(crate) file: ArtefactFile,
    pub(crate) metadata: ArrowReaderMetadata,
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
pub(crate) struct OpenFiles(Cache<PathBuf, Arc<OpenArtefact>>);

impl OpenFiles {
    pub(crate) fn new() -> Self {
        Self(Cache::new(OPEN_FILES))
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Arc<OpenArtefact>, ArtefactError> {
        if let Some(open) = self.0.get(path) {
            return Ok(open);
        }
        let open = Arc::new(OpenArtefact::open(path)?);
        self.0.insert(path.to_owned(), Arc::clone(&open));
        Ok(open)
    }
}

impl OpenArtefact {
    fn open(path: &Path) -> Result<Self, ArtefactError> {
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
        Ok(Self { file, metadata: metadata.map_err(parquet)? })
    }
}

/// The type of an answer's text columns.
pub(crate) fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}
