//! The artefact format: Parquet in the dataflow's column layout, sorted by series key, then time, without duplicates.
//!
//! The same figures give the same bytes: no time and no program version is written into the file.

use std::fs::File;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float64Type, Schema, SchemaRef, UInt16Type};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::period::Period;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use crate::statistics::{GroupCheck, check_places};

/// Most rows of a row group.
const GROUP_ROWS: usize = 1 << 20;
/// Most rows of a page: the unit in which queries skip.
const PAGE_ROWS: usize = 1_024;
/// Most rows of a row group that waits to be sorted.
const SCRATCH_GROUP_ROWS: usize = 131_072;
/// Rows read at a time when inspecting.
const BATCH_ROWS: usize = 8_192;

/// Why an artefact cannot be written or is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// A file operation failed.
    #[error("cannot {doing} the artefact: {source}")]
    File {
        /// The operation.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not Parquet, damaged, or there is no room to write it.
    #[error("the Parquet file cannot be read or written: {0}")]
    Parquet(String),
    /// Beyond the limits for a file from a peer.
    #[error("the file is too large to be read safely: {0}")]
    TooLarge(String),
    /// Columns differ from the dataflow's.
    #[error("the columns are not those of `{dataflow}`: expected {expected}, found {found}")]
    Columns {
        /// The dataflow.
        dataflow: String,
        /// Its columns.
        expected: String,
        /// The file's.
        found: String,
    },
    /// A row breaks the schema.
    #[error("row {row}, `{component}`: {reason}")]
    Row {
        /// From 1.
        row: u64,
        /// The component.
        component: String,
        /// Why.
        reason: String,
    },
    /// Statistics by which queries skip are false.
    #[error("row group {group}, `{column}`: the file's statistics do not hold for its rows")]
    Statistics {
        /// From 0.
        group: usize,
        /// The component.
        column: String,
    },
    /// Pages are not where the file says.
    #[error("row group {group}, column {column}: the pages are not where the file says")]
    Places {
        /// From 0.
        group: usize,
        /// From 0.
        column: usize,
    },
    /// Out of order or twice there.
    #[error("row {row}: the key `{key}` is {reason}")]
    Order {
        /// From 1.
        row: u64,
        /// The key.
        key: String,
        /// `not in order` or `there twice`.
        reason: &'static str,
    },
}

/// What is known of a whole artefact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Observations.
    pub rows: u64,
    /// Earliest period, as SDMX writes it.
    pub first_period: String,
    /// Latest period.
    pub last_period: String,
}

/// How large a file from a peer may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows.
    pub rows: u64,
    /// Bytes of one row group, uncompressed: what reading it may need in memory.
    pub group_bytes: u64,
    /// Row groups.
    pub groups: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 1_000_000_000, group_bytes: 256 << 20, groups: 16_384 }
    }
}

/// A column of texts, as they are or numbered.
pub(crate) enum Texts<'a> {
    Plain(&'a StringArray),
    Numbered(&'a [u16], &'a StringArray),
}

impl<'a> Texts<'a> {
    pub(crate) fn of(column: &'a ArrayRef) -> Option<Self> {
        if let Some(numbered) = column.as_dictionary_opt::<UInt16Type>() {
            return Some(Self::Numbered(numbered.keys().values(), numbered.values().as_string_opt()?));
        }
        column.as_string_opt().map(Self::Plain)
    }

    pub(crate) fn value(&self, row: usize) -> &'a str {
        match self {
            Self::Plain(texts) => texts.value(row),
            Self::Numbered(numbers, texts) => texts.value(usize::from(numbers[row])),
        }
    }

    /// Whether the row before has the same text.
    pub(crate) fn repeats(&self, row: usize) -> bool {
        match self {
            // The texts of a numbered column differ, but a file from elsewhere may not keep to that.
            Self::Numbered(numbers, _) if numbers[row - 1] == numbers[row] => true,
            _ => self.value(row - 1) == self.value(row),
        }
    }

    /// Every text that is there, at least once.
    fn distinct(&self, rows: usize) -> Box<dyn Iterator<Item = &'a str> + '_> {
        match self {
            Self::Numbered(numbers, texts) => {
                let mut seen = vec![false; texts.len()];
                numbers.iter().for_each(|number| seen[usize::from(*number)] = true);
                Box::new((0..texts.len()).filter(move |index| seen[*index]).map(|index| texts.value(index)))
            }
            Self::Plain(_) => Box::new((0..rows).map(|row| self.value(row))),
        }
    }
}

/// Checks order and keeps the facts while rows pass by.
struct Passage {
    previous: Option<Vec<String>>,
    facts: Facts,
    first: Option<Period>,
    last: Option<Period>,
    keys: usize,
}

impl Passage {
    fn new(schema: &DatasetSchema) -> Self {
        Self { previous: None, facts: Facts::default(), first: None, last: None, keys: schema.dimensions.len() + 1 }
    }

    fn pass(&mut self, batch: &RecordBatch) -> Result<(), ArtefactError> {
        let columns: Vec<Texts<'_>> = batch.columns().iter().take(self.keys).filter_map(Texts::of).collect();
        for row in 0..batch.num_rows() {
            let number = self.facts.rows + 1;
            let order = match (row, &self.previous) {
                (0, None) => std::cmp::Ordering::Less,
                (0, Some(previous)) => previous.iter().map(String::as_str).cmp(columns.iter().map(|c| c.value(0))),
                (row, _) => {
                    let differs = columns.iter().find(|column| !column.repeats(row));
                    differs.map_or(std::cmp::Ordering::Equal, |c| c.value(row - 1).cmp(c.value(row)))
                }
            };
            if order.is_ge() {
                let key = columns.iter().map(|c| c.value(row)).collect::<Vec<_>>().join(".");
                let reason = if order.is_eq() { "there twice" } else { "not in order" };
                return Err(ArtefactError::Order { row: number, key, reason });
            }
            self.facts.rows = number;
        }
        if let Some(times) = columns.last() {
            let mut seen = std::collections::HashSet::new();
            for text in times.distinct(batch.num_rows()).filter(|text| seen.insert(*text)) {
                self.time(text);
            }
        }
        if batch.num_rows() > 0 {
            self.previous = Some(columns.iter().map(|c| c.value(batch.num_rows() - 1).to_owned()).collect());
        }
        Ok(())
    }

    fn time(&mut self, text: &str) {
        let Some(period) = Period::parse(text) else { return };
        if self.first.is_none_or(|first| period.start < first.start) {
            self.first = Some(period);
            text.clone_into(&mut self.facts.first_period);
        }
        if self.last.is_none_or(|last| period.end > last.end) {
            self.last = Some(period);
            text.clone_into(&mut self.facts.last_period);
        }
    }
}

/// Writes an artefact from batches in order.
pub struct ArtefactWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    passage: Passage,
    schema: SchemaRef,
}

impl<W: Write + Send> ArtefactWriter<W> {
    /// Begins an artefact of `schema`'s dataflow.
    pub fn new(out: W, schema: &DatasetSchema) -> Result<Self, ArtefactError> {
        Self::with(out, schema, EnabledStatistics::Page)
    }

    /// Begins a file that is only read as a whole: no query skips parts of it.
    pub fn without_statistics(out: W, schema: &DatasetSchema) -> Result<Self, ArtefactError> {
        Self::with(out, schema, EnabledStatistics::None)
    }

    fn with(out: W, schema: &DatasetSchema, statistics: EnabledStatistics) -> Result<Self, ArtefactError> {
        let columns = schema.arrow_schema();
        let metadata = vec![
            KeyValue::new("chancery.dataflow".to_owned(), schema.dataflow.urn("datastructure.Dataflow")),
            KeyValue::new("chancery.structure".to_owned(), schema.structure.urn("datastructure.DataStructure")),
        ];
        let properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by("chancery".to_owned())
            .set_compression(Compression::LZ4_RAW)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_column_dictionary_enabled(schema.measure.id.as_str().into(), false)
            .set_statistics_enabled(statistics)
            .set_key_value_metadata(Some(metadata))
            .build();
        let writer = ArrowWriter::try_new(out, Arc::clone(&columns), Some(properties)).map_err(parquet)?;
        Ok(Self { writer, passage: Passage::new(schema), schema: columns })
    }

    /// Appends rows, whose texts may be numbered; refuses them if they are out of order or their keys were there before.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ArtefactError> {
        let plain = |kind: &DataType| match kind {
            DataType::Dictionary(_, value) => value.as_ref().clone(),
            other => other.clone(),
        };
        let fields = batch.schema();
        let same = fields.fields().len() == self.schema.fields().len()
            && fields.fields().iter().zip(self.schema.fields()).all(|(found, expected)| {
                found.name() == expected.name() && plain(found.data_type()) == *expected.data_type()
            });
        if !same {
            return Err(ArtefactError::Parquet("the rows have other columns than the artefact".to_owned()));
        }
        self.passage.pass(batch)?;
        self.writer.write(batch).map_err(parquet)
    }

    /// Ends the file.
    pub fn finish(self) -> Result<Facts, ArtefactError> {
        self.writer.close().map_err(parquet)?;
        Ok(self.passage.facts)
    }
}

/// Writes any batches, unsorted, for the way between reading a file and sorting it.
pub fn scratch_writer<W: Write + Send>(out: W, schema: SchemaRef) -> Result<ArrowWriter<W>, ArtefactError> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(SCRATCH_GROUP_ROWS)).build();
    ArrowWriter::try_new(out, schema, Some(properties)).map_err(parquet)
}

/// How artefacts are opened: with their page index if they have one, and without the Arrow schema that a writer may have left in them:
/// its reader panics at types it does not know, and Parquet's own types say all.
pub(crate) fn reading() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional).with_skip_arrow_metadata(true)
}

/// The rows of an artefact, batch by batch.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<RecordBatch, ArtefactError>> + use<>, ArtefactError> {
    let file = File::open(path).map_err(|source| ArtefactError::File { doing: "open", source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, reading()).map_err(parquet)?;
    let reader = reader.with_batch_size(BATCH_ROWS).build().map_err(parquet)?;
    Ok(reader.map(|batch| batch.map_err(|e| ArtefactError::Parquet(e.to_string()))))
}

/// Checks a file from a peer against its dataflow, row by row, in bounded memory.
pub fn inspect(path: &Path, schema: &DatasetSchema, limits: &Limits) -> Result<Facts, ArtefactError> {
    // The libraries' decoders have assertions that a forged file can break; what does that is refused like any other damage.
    let inspected = std::panic::catch_unwind(AssertUnwindSafe(|| inspect_file(path, schema, limits)));
    inspected.unwrap_or_else(|_| Err(ArtefactError::Parquet("its decoder gave up".to_owned())))
}

fn inspect_file(path: &Path, schema: &DatasetSchema, limits: &Limits) -> Result<Facts, ArtefactError> {
    let file = File::open(path).map_err(|source| ArtefactError::File { doing: "open", source })?;
    let metadata = ArrowReaderMetadata::load(&file, reading()).map_err(parquet)?;
    check_size(metadata.metadata(), limits)?;
    check_columns(metadata.schema(), schema)?;
    check_places(&file, metadata.metadata())?;
    let mut passage = Passage::new(schema);
    for group in 0..metadata.metadata().num_row_groups() {
        let file = file.try_clone().map_err(|source| ArtefactError::File { doing: "open", source })?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let reader = reader.with_row_groups(vec![group]).with_batch_size(BATCH_ROWS).build().map_err(parquet)?;
        let mut statistics = GroupCheck::new(metadata.metadata(), group);
        for batch in reader {
            let batch = batch.map_err(|e| ArtefactError::Parquet(e.to_string()))?;
            check_rows(&batch, schema, passage.facts.rows)?;
            statistics.pass(&batch)?;
            passage.pass(&batch)?;
        }
        statistics.finish(metadata.schema())?;
    }
    Ok(passage.facts)
}

fn check_size(metadata: &ParquetMetaData, limits: &Limits) -> Result<(), ArtefactError> {
    let refuse = |what: String| Err(ArtefactError::TooLarge(what));
    let rows: i64 = metadata.row_groups().iter().map(|g| g.num_rows().max(0)).sum();
    if rows as u64 > limits.rows {
        return refuse(format!("{rows} rows, more than {}", limits.rows));
    }
    if metadata.num_row_groups() > limits.groups {
        return refuse(format!("{} row groups, more than {}", metadata.num_row_groups(), limits.groups));
    }
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let bytes: i64 = group.columns().iter().map(|c| c.uncompressed_size().max(0)).sum();
        if bytes as u64 > limits.group_bytes {
            return refuse(format!("row group {index} holds {bytes} bytes, more than {}", limits.group_bytes));
        }
    }
    Ok(())
}

fn check_columns(found: &Schema, schema: &DatasetSchema) -> Result<(), ArtefactError> {
    let expected = schema.arrow_schema();
    let same = found.fields().len() == expected.fields().len()
        && found
            .fields()
            .iter()
            .zip(expected.fields())
            .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
    if same {
        return Ok(());
    }
    let show = |s: &Schema| {
        s.fields()
            .iter()
            .take(64)
            .map(|f| format!("{} {}", f.name().chars().take(64).collect::<String>(), f.data_type()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    Err(ArtefactError::Columns { dataflow: schema.dataflow.to_string(), expected: show(&expected), found: show(found) })
}

fn check_rows(batch: &RecordBatch, schema: &DatasetSchema, before: u64) -> Result<(), ArtefactError> {
    let refuse = |row: usize, component: &str, reason: String| {
        Err(ArtefactError::Row { row: before + row as u64 + 1, component: component.to_owned(), reason })
    };
    let measure = schema.measure_index();
    for (index, (component, column)) in schema.components().zip(batch.columns()).enumerate() {
        if index == measure {
            let values = column.as_primitive::<Float64Type>();
            if let Some(row) = (0..values.len()).find(|row| values.is_valid(*row) && !values.value(*row).is_finite()) {
                return refuse(row, &component.id, "the figure is not a finite number".to_owned());
            }
            continue;
        }
        let texts = column.as_string::<i32>();
        for row in 0..texts.len() {
            if texts.is_null(row) {
                if component.mandatory {
                    return refuse(row, &component.id, "it is empty and may not be".to_owned());
                }
                continue;
            }
            let text = texts.value(row);
            if component.codes.as_ref().is_some_and(|codes| !codes.contains(text)) {
                return refuse(
                    row,
                    &component.id,
                    format!("`{}` is not a code of its list", text.chars().take(60).collect::<String>()),
                );
            }
        }
    }
    check_periods(batch, schema, before)
}

fn check_periods(batch: &RecordBatch, schema: &DatasetSchema, before: u64) -> Result<(), ArtefactError> {
    let times = batch.column(schema.dimensions.len()).as_string::<i32>();
    let frequency = schema.dimension_index("FREQ").map(|index| batch.column(index).as_string::<i32>());
    for row in 0..times.len() {
        let fits =
            Period::parse(times.value(row)).is_some_and(|p| frequency.is_none_or(|f| p.length.fits(f.value(row))));
        if !fits {
            let reason =
                format!("`{}` is no period of the frequency", times.value(row).chars().take(40).collect::<String>());
            return Err(ArtefactError::Row { row: before + row as u64 + 1, component: schema.time.id.clone(), reason });
        }
    }
    Ok(())
}

fn parquet(error: parquet::errors::ParquetError) -> ArtefactError {
    ArtefactError::Parquet(error.to_string())
}
