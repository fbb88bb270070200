//! Parquet files of flat columns.

use std::fs::File;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chancery_schema::rows::{BATCH_ROWS, MAX_FIELDS, MAX_ROW_BYTES, RowBatch, RowSource, SourceError};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

/// Most bytes of a row group's column, uncompressed: what reading it may need in memory.
const MAX_CHUNK_BYTES: i64 = 256 << 20;

/// A Parquet file's rows.
pub(super) struct ParquetSource {
    reader: ParquetRecordBatchReader,
    headings: Vec<String>,
}

impl ParquetSource {
    pub(super) fn open(file: File) -> Result<Self, SourceError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let fields = builder.schema().fields();
        if fields.len() > MAX_FIELDS {
            return Err(SourceError::TooLarge(format!("it has {} columns, more than {MAX_FIELDS}", fields.len())));
        }
        if let Some(nested) = fields.iter().find(|field| field.data_type().is_nested()) {
            return Err(SourceError::Format(format!("its column `{}` is not flat: leave it out", nested.name())));
        }
        let mut chunks = builder.metadata().row_groups().iter().flat_map(|group| group.columns());
        if let Some(large) = chunks.find(|chunk| chunk.uncompressed_size() > MAX_CHUNK_BYTES) {
            let name = large.column_path().string();
            let limit = "a row group of more than 256 MiB: write it with smaller row groups";
            return Err(SourceError::TooLarge(format!("its column `{name}` has {limit}")));
        }
        let headings = fields.iter().map(|field| field.name().clone()).collect();
        Ok(Self { reader: builder.with_batch_size(BATCH_ROWS).build().map_err(damaged)?, headings })
    }
}

impl RowSource for ParquetSource {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let options = FormatOptions::default().with_null("").with_date_format(Some("%Y-%m-%d"));
        let (mut batch, mut text, mut line) = (RowBatch::default(), String::new(), 0);
        for columns in &mut self.reader {
            let columns = columns.map_err(unreadable)?;
            let arrays = columns.columns().iter();
            let formats: Vec<_> = arrays
                .map(|a| ArrayFormatter::try_new(a.as_ref(), &options))
                .collect::<Result<_, _>>()
                .map_err(unreadable)?;
            let days: Vec<bool> =
                columns.columns().iter().map(|a| matches!(a.data_type(), DataType::Timestamp(..))).collect();
            for row in 0..columns.num_rows() {
                line += 1;
                for (format, time) in formats.iter().zip(&days) {
                    text.clear();
                    format.value(row).write(&mut text).map_err(unreadable)?;
                    if text.len() > MAX_ROW_BYTES {
                        return Err(SourceError::TooLarge(format!("row {line} has a text of {} bytes", text.len())));
                    }
                    // A day that is stored as a time is still a day.
                    let day = text.strip_suffix("T00:00:00").filter(|_| *time);
                    batch.field(day.unwrap_or(&text));
                }
                batch.end_row(line);
                if batch.is_full() {
                    if sink(&mut batch).is_break() {
                        return Ok(());
                    }
                    batch.clear();
                }
            }
        }
        if !batch.is_empty() {
            let _ = sink(&mut batch);
        }
        Ok(())
    }
}

fn damaged(error: ParquetError) -> SourceError {
    SourceError::Format(format!("it is a damaged Parquet file, or none: {error}"))
}

fn unreadable(error: ArrowError) -> SourceError {
    SourceError::Format(format!("it cannot be read as Parquet: {error}"))
}
