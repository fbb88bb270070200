//! Parquet files of flat columns.

use std::fs::File;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chancery_schema::rows::{BATCH_ROWS, MAX_FIELDS, MAX_ROW_BYTES, RowBatch, RowSource, SourceError};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::Progress;

/// Most bytes of a row group's column, uncompressed: what reading it may need in memory.
const MAX_CHUNK_BYTES: i64 = 256 << 20;

/// A Parquet file's rows.
pub(super) struct ParquetSource {
    file: File,
    metadata: ArrowReaderMetadata,
    reader: ParquetRecordBatchReader,
    headings: Vec<String>,
    progress: Progress,
}

impl ParquetSource {
    pub(super) fn open(file: File, progress: &Progress) -> Result<Self, SourceError> {
        let damaged = |why| SourceError::Format(format!("its footer is damaged, or it is no Parquet file: {why}"));
        // The Arrow schema that a writer may have left is not read: its reader panics at what it does not know.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let load = || ArrowReaderMetadata::load(&file, options);
        let metadata = guarded(load).map_err(damaged)?;
        let headings = check(&metadata)?;
        let reader = guarded(|| builder(&file, &metadata)?.build()).map_err(damaged)?;
        Ok(Self { file, metadata, reader, headings, progress: progress.clone() })
    }

    /// Where the file is damaged, if reading failed behind row `read`: the row group, and the column that alone cannot be read either.
    fn damage(&self, read: u64, why: &str) -> SourceError {
        let groups = self.metadata.metadata().row_groups();
        let mut last = 0;
        let ends: Vec<u64> = groups
            .iter()
            .map(|group| {
                last += group.num_rows().unsigned_abs();
                last
            })
            .collect();
        let group = ends.iter().position(|end| *end > read).unwrap_or(ends.len().saturating_sub(1));
        let first = group.checked_sub(1).and_then(|before| ends.get(before)).map_or(1, |end| end + 1);
        let last = ends.get(group).copied().unwrap_or(0);
        let broken = (0..self.headings.len()).find(|column| self.read_column(group, *column).is_err());
        let column = broken.map_or_else(String::new, |column| format!(", column `{}`", self.headings[column]));
        let place = format!("row group {} (rows {first} to {last}){column}", group + 1);
        SourceError::Format(format!("{place}: its Parquet pages are damaged: {why}; have the file written again"))
    }

    fn read_column(&self, group: usize, column: usize) -> Result<(), String> {
        guarded(|| {
            let builder = builder(&self.file, &self.metadata)?;
            let only = ProjectionMask::leaves(builder.parquet_schema(), [column]);
            builder
                .with_row_groups(vec![group])
                .with_projection(only)
                .build()?
                .try_for_each(|batch| batch.map(drop))?;
            Ok(())
        })
    }
}

fn builder(
    file: &File,
    metadata: &ArrowReaderMetadata,
) -> parquet::errors::Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone());
    Ok(file.with_batch_size(BATCH_ROWS))
}

/// The decoder has assertions that a damaged file can break; what does that is damage like any other.
fn guarded<T>(decode: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    let decoded = std::panic::catch_unwind(AssertUnwindSafe(decode));
    decoded.map_or_else(|_| Err("its decoder gave up".to_owned()), |decoded| decoded.map_err(|error| error.to_string()))
}

/// What can be told from the footer; returns the headings.
fn check(metadata: &ArrowReaderMetadata) -> Result<Vec<String>, SourceError> {
    let fields = metadata.schema().fields();
    if fields.len() > MAX_FIELDS {
        return Err(SourceError::TooLarge(format!("it has {} columns, more than {MAX_FIELDS}", fields.len())));
    }
    if let Some(nested) = fields.iter().find(|field| field.data_type().is_nested()) {
        return Err(SourceError::Format(format!("its column `{}` is not flat: leave it out", nested.name())));
    }
    let (groups, mut rows) = (metadata.metadata().row_groups(), 0i64);
    for (number, group) in groups.iter().enumerate() {
        rows = rows.saturating_add(group.num_rows());
        for chunk in group.columns() {
            let name = chunk.column_path().string();
            if chunk.uncompressed_size() > MAX_CHUNK_BYTES {
                let limit = "a row group of more than 256 MiB: write it with smaller row groups";
                return Err(SourceError::TooLarge(format!("its column `{name}` has {limit}")));
            }
            // Rows that the footer has lost are lost unseen.
            if chunk.num_values() != group.num_rows() {
                let (number, values, rows) = (number + 1, chunk.num_values(), group.num_rows());
                return Err(SourceError::Format(format!(
                    "its footer is damaged: row group {number} has {rows} rows, but {values} of column `{name}`"
                )));
            }
        }
    }
    let said = metadata.metadata().file_metadata().num_rows();
    if said != rows {
        return Err(SourceError::Format(format!(
            "its footer is damaged: it says {said} rows, and its {} row groups have {rows}",
            groups.len()
        )));
    }
    Ok(fields.iter().map(|field| field.name().clone()).collect())
}

impl RowSource for ParquetSource {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let (mut batch, mut line) = (RowBatch::default(), 0);
        let said = self.metadata.metadata().file_metadata().num_rows();
        while let Some(columns) =
            guarded(|| self.reader.next().transpose().map_err(Into::into)).map_err(|why| self.damage(line, &why))?
        {
            if put(&columns, &self.headings, &mut line, &mut batch, sink)?.is_break() {
                return Ok(());
            }
            self.progress.read_row(line, said.unsigned_abs());
        }
        if i64::try_from(line) != Ok(said) {
            return Err(SourceError::Format(format!(
                "its pages have {line} rows, its footer says {said}: it is damaged"
            )));
        }
        batch.hand_on_rest(sink);
        Ok(())
    }
}

/// Adds the rows of `columns` to the batch, which is handed on whenever it is full; `line` is the last row's number.
fn put(
    columns: &RecordBatch,
    headings: &[String],
    line: &mut u64,
    batch: &mut RowBatch,
    sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, SourceError> {
    let options = FormatOptions::default().with_null("").with_date_format(Some("%Y-%m-%d"));
    let unreadable = |line: u64, column: usize, why: &dyn std::fmt::Display| {
        SourceError::Format(format!("row {line}, column `{}`: cannot be shown as text: {why}", headings[column]))
    };
    let arrays = columns.columns();
    let formats = arrays.iter().enumerate().map(|(column, array)| {
        ArrayFormatter::try_new(array.as_ref(), &options).map_err(|why| unreadable(*line + 1, column, &why))
    });
    let formats = formats.collect::<Result<Vec<_>, _>>()?;
    let days: Vec<bool> = arrays.iter().map(|array| matches!(array.data_type(), DataType::Timestamp(..))).collect();
    let mut text = String::new();
    for row in 0..columns.num_rows() {
        *line += 1;
        for (column, (format, time)) in formats.iter().zip(&days).enumerate() {
            text.clear();
            format.value(row).write(&mut text).map_err(|why| unreadable(*line, column, &why))?;
            if text.len() > MAX_ROW_BYTES {
                return Err(SourceError::TooLarge(format!("row {line} has a text of {} bytes", text.len())));
            }
            // A day that is stored as a time is still a day.
            let day = text.strip_suffix("T00:00:00").filter(|_| *time);
            batch.field(day.unwrap_or(&text));
        }
        batch.end_row(*line);
        if batch.hand_on_full(sink).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
