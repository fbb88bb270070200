//! Figures as bytes: one batch after the other, in a thread of their own, so that neither memory nor other answers suffer from a
//! large one.

pub(crate) mod xlsx;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::Bytes;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use chancery_exchange::Data as FigureData;
use chancery_schema::data::{DataWriter, WriteError, plain};
use chancery_schema::dataset::{DatasetSchema, RELEASE};
use futures::{Stream, StreamExt as _};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tokio::sync::mpsc;

/// Pieces of an answer that wait for a slow client.
const WAITING: usize = 4;
/// Bytes collected before they are sent.
const PIECE_BYTES: usize = 256 << 10;
/// Rows of a row group in an answer: what the writer holds in memory.
const GROUP_ROWS: usize = 65_536;

/// The whole answer, if it is one batch: most are.
pub(crate) fn whole(batch: &RecordBatch, mut writer: Box<dyn DataWriter>) -> Result<Vec<u8>, WriteError> {
    let mut out = Vec::new();
    writer.write(batch, &mut out)?;
    writer.finish(&mut out)?;
    Ok(out)
}

/// The answer piece by piece. A failure midway cuts the connection: a client must not take half an answer for a whole one. When the
/// client goes away, the query ends.
pub(crate) fn stream(
    before: Vec<RecordBatch>,
    mut figures: FigureData,
    mut writer: Box<dyn DataWriter>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let (send, receive) = mpsc::channel(WAITING);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut before = before.into_iter();
        let mut out = Vec::with_capacity(PIECE_BYTES);
        let done = loop {
            let next = before.next().map(Ok).or_else(|| runtime.block_on(figures.stream.next()));
            let written = match next {
                None => break writer.finish(&mut out).map_err(std::io::Error::other),
                Some(Ok(batch)) => writer.write(&batch, &mut out).map_err(std::io::Error::other),
                Some(Err(failure)) => Err(std::io::Error::other(failure)),
            };
            if let Err(error) = written {
                break Err(error);
            }
            if out.len() >= PIECE_BYTES && send.blocking_send(Ok(Bytes::from(std::mem::take(&mut out)))).is_err() {
                return;
            }
        };
        let last = match done {
            Ok(()) => Ok(Bytes::from(out)),
            Err(error) => {
                tracing::warn!(%error, "an answer was cut off");
                Err(error)
            }
        };
        // A client that went away needs no end.
        let _ = send.blocking_send(last);
    });
    futures::stream::unfold(receive, |mut receive| async move { receive.recv().await.map(|piece| (piece, receive)) })
}

/// A sink that the writer owns and its user empties.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self, out: &mut Vec<u8>) {
        out.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The columns of an answer: the dataflow's selected ones, without the release each figure came from, and what is known of the file.
fn columns(schema: &DatasetSchema, releases: &[String]) -> SchemaRef {
    let metadata = [
        ("chancery.dataflow", schema.dataflow.urn("datastructure.Dataflow")),
        ("chancery.structure", schema.structure.urn("datastructure.DataStructure")),
        ("chancery.releases", releases.join(",")),
    ];
    let columns = schema.arrow_schema();
    let fields: Vec<_> = columns.fields().iter().filter(|field| field.name() != RELEASE).cloned().collect();
    let metadata = metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Writes Parquet: the columns of SDMX-CSV, zstd.
pub(crate) struct ParquetEncoder {
    columns: SchemaRef,
    writer: Option<ArrowWriter<Shared>>,
    sink: Shared,
}

impl ParquetEncoder {
    pub(crate) fn new(schema: &DatasetSchema, releases: &[String]) -> Result<Self, WriteError> {
        let (columns, sink) = (columns(schema, releases), Shared::default());
        let metadata = columns.metadata().iter();
        let metadata =
            metadata.map(|(name, value)| parquet::file::metadata::KeyValue::new(name.clone(), value.clone()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_key_value_metadata(Some(metadata.collect()))
            .build();
        let writer = ArrowWriter::try_new(sink.clone(), Arc::clone(&columns), Some(properties)).map_err(failed)?;
        Ok(Self { columns, writer: Some(writer), sink })
    }
}

impl DataWriter for ParquetEncoder {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let batch = plain(batch, &self.columns)?;
        if let Some(writer) = &mut self.writer {
            writer.write(&batch).map_err(failed)?;
        }
        self.sink.take(out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if let Some(writer) = self.writer.take() {
            writer.close().map_err(failed)?;
        }
        self.sink.take(out);
        Ok(())
    }
}

/// Writes an Arrow IPC stream of the same columns.
pub(crate) struct ArrowEncoder {
    columns: SchemaRef,
    writer: StreamWriter<Shared>,
    sink: Shared,
}

impl ArrowEncoder {
    pub(crate) fn new(schema: &DatasetSchema, releases: &[String]) -> Result<Self, WriteError> {
        let (columns, sink) = (columns(schema, releases), Shared::default());
        let writer = StreamWriter::try_new(sink.clone(), &columns).map_err(failed)?;
        Ok(Self { columns, writer, sink })
    }
}

impl DataWriter for ArrowEncoder {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.writer.write(&plain(batch, &self.columns)?).map_err(failed)?;
        self.sink.take(out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.writer.finish().map_err(failed)?;
        self.sink.take(out);
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> WriteError {
    WriteError::Write(error.to_string())
}
