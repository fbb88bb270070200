//! Writing figures: one streaming writer a format, fed with record batches sorted by series key, then time.

pub mod history;

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int32Type, SchemaRef};

use self::history::Dissemination;
use crate::csv::{self, CsvWriter};
use crate::dataset::DatasetSchema;
use crate::json::{self, data::JsonWriter};
use crate::message::MessageHeader;
use crate::query::{AtObservation, DataQuery};
use crate::xml::generic::Generic;
use crate::xml::specific::{Specific, V2_1, V3_0};
use crate::xml::writer::MessageWriter;

/// A format of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataFormat {
    /// SDMX-CSV 1.0.
    Csv1,
    /// SDMX-CSV 2.0.
    Csv2,
    /// SDMX-JSON 1.0.
    Json1,
    /// SDMX-JSON 2.0.
    Json2,
    /// SDMX-ML 2.1, generic.
    Generic,
    /// SDMX-ML 2.1, structure-specific.
    Specific21,
    /// SDMX-ML 3.0, structure-specific.
    Specific30,
}

impl DataFormat {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Csv1, Self::Csv2, Self::Json1, Self::Json2, Self::Generic, Self::Specific21, Self::Specific30];

    /// Its media type with its version, as the SDMX REST specifications name it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv1 => "application/vnd.sdmx.data+csv;version=1.0.0",
            Self::Csv2 => "application/vnd.sdmx.data+csv;version=2.0.0",
            Self::Json1 => "application/vnd.sdmx.data+json;version=1.0.0",
            Self::Json2 => "application/vnd.sdmx.data+json;version=2.0.0",
            Self::Generic => "application/vnd.sdmx.genericdata+xml;version=2.1",
            Self::Specific21 => "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
            Self::Specific30 => "application/vnd.sdmx.data+xml;version=3.0.0",
        }
    }

    /// Whether it is a table, not data sets of series.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Csv1 | Self::Csv2)
    }
}

/// What SDMX-CSV shows of a code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Labels {
    /// Its id.
    #[default]
    Id,
    /// Id and name, `MEX: Mexico`.
    Both,
    /// Id and name in columns of their own; SDMX-CSV 2.0 only.
    Name,
}

/// Which keys SDMX-CSV 2.0 shows in columns of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keys {
    /// None.
    #[default]
    None,
    /// `SERIES_KEY`.
    Series,
    /// `OBS_KEY`.
    Observation,
    /// Both.
    Both,
}

/// What clients may choose of SDMX-CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Codes and names.
    pub labels: Labels,
    /// Keys.
    pub keys: Keys,
    /// Periods as the day they begin on.
    pub normalized_time: bool,
}

/// How to write.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// One flat list of observations instead of series over time.
    pub flat: bool,
    /// Of SDMX-CSV.
    pub csv: CsvOptions,
}

/// Why figures cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A column is missing or of another type.
    #[error("the figures have no column `{0}` of the right type")]
    Column(String),
    /// The format's library refused.
    #[error("cannot write the figures: {0}")]
    Write(String),
}

/// Writes figures, batch by batch. Memory is bounded by the codes and periods seen, not by the figures.
pub trait DataWriter: Send {
    /// Appends a batch's text to `out`.
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError>;
    /// Ends the data set there is, if any, and begins the one of a dissemination; only where data sets say when they were in force.
    fn next_set(&mut self, _set: &Dissemination, _out: &mut Vec<u8>) -> Result<(), WriteError> {
        Ok(())
    }
    /// Appends what ends the message; without any batch, an empty message.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError>;
}

/// What of the figures a writer shows, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// One flat list of observations.
    pub(crate) flat: bool,
    /// Of SDMX-CSV.
    pub(crate) csv: CsvOptions,
    /// Whether observations have the measure.
    pub(crate) measure: bool,
    /// Whether series have their observations.
    pub(crate) observations: bool,
}

/// The writer of `format` for all components of `schema`.
pub fn writer(
    format: DataFormat,
    schema: &DatasetSchema,
    header: MessageHeader,
    options: WriteOptions,
) -> Box<dyn DataWriter> {
    let layout = Layout { flat: options.flat, csv: options.csv, measure: true, observations: true };
    make(format, Arc::new(schema.clone()), header, layout)
}

/// The writer of `format` for the parts `query` asks for: its attributes, its measure, only series keys, flat or by series.
/// Batches may have more columns than that.
pub fn writer_for(
    query: &DataQuery,
    format: DataFormat,
    schema: &Arc<DatasetSchema>,
    header: MessageHeader,
    csv: CsvOptions,
) -> Box<dyn DataWriter> {
    let observations = !query.series_keys_only;
    let flat = query.at_observation == AtObservation::All && observations;
    let layout = Layout { flat, csv, measure: query.measures, observations };
    if query.selects_all() {
        return make(format, Arc::clone(schema), header, layout);
    }
    let mut selected = query.selected(schema);
    if matches!(format, DataFormat::Csv1 | DataFormat::Csv2) {
        // Its lines are whole observations, whatever a series is.
        selected.dimensions.clone_from(&schema.dimensions);
        selected.time.clone_from(&schema.time);
    }
    make(format, Arc::new(selected), header, layout)
}

fn make(format: DataFormat, schema: Arc<DatasetSchema>, header: MessageHeader, layout: Layout) -> Box<dyn DataWriter> {
    match format {
        DataFormat::Csv1 => Box::new(CsvWriter::new(schema, layout, csv::Version::One)),
        DataFormat::Csv2 => Box::new(CsvWriter::new(schema, layout, csv::Version::Two)),
        DataFormat::Json1 => Box::new(JsonWriter::new(schema, header, layout, json::data::Version::One)),
        DataFormat::Json2 => Box::new(JsonWriter::new(schema, header, layout, json::data::Version::Two)),
        DataFormat::Generic => Box::new(MessageWriter::new(Generic, schema, header, layout)),
        DataFormat::Specific21 => Box::new(MessageWriter::new(Specific(V2_1), schema, header, layout)),
        DataFormat::Specific30 => Box::new(MessageWriter::new(Specific(V3_0), schema, header, layout)),
    }
}

/// Where a row stands among the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first row of the first series.
    First,
    /// The first row of another series.
    Next,
    /// Another row of the same series.
    Same,
}

/// Tells series apart, across batches.
#[derive(Debug, Default)]
pub(crate) struct Series {
    open: bool,
    last: Vec<String>,
}

impl Series {
    /// Where `row` stands; rows are asked for in order.
    pub(crate) fn step(&mut self, columns: &Columns<'_>, row: usize) -> Step {
        let same = match row.checked_sub(1) {
            Some(before) => columns.same_series(before, row),
            None => self.open && columns.dimensions.iter().map(|d| d.value(0)).eq(self.last.iter().map(String::as_str)),
        };
        let begun = std::mem::replace(&mut self.open, true);
        match (same, begun) {
            (true, _) => Step::Same,
            (false, true) => Step::Next,
            (false, false) => Step::First,
        }
    }

    /// Remembers the batch's last row for the next batch.
    pub(crate) fn end_batch(&mut self, columns: &Columns<'_>, rows: usize) {
        if let Some(last) = rows.checked_sub(1) {
            self.last = columns.dimensions.iter().map(|d| d.value(last).to_owned()).collect();
        }
    }

    /// Whether there was a series.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }
}

/// A column of texts, as they are or as numbers of a dictionary.
#[derive(Clone, Copy)]
pub enum Texts<'a> {
    /// As they are.
    Plain(&'a StringArray),
    /// Numbers of the second column's texts.
    Dictionary(&'a Int32Array, &'a StringArray),
}

impl<'a> Texts<'a> {
    /// The texts of a column, if it is one of texts.
    pub fn of(column: &'a dyn Array) -> Option<Self> {
        if let Some(texts) = column.as_string_opt() {
            return Some(Self::Plain(texts));
        }
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        Some(Self::Dictionary(dictionary.keys(), dictionary.values().as_string_opt()?))
    }

    /// The text of a row; empty if it has none.
    pub fn value(&self, row: usize) -> &'a str {
        match self {
            Self::Plain(texts) => texts.value(row),
            Self::Dictionary(keys, _) if keys.is_null(row) => "",
            Self::Dictionary(keys, texts) => texts.value(keys.value(row) as usize),
        }
    }

    /// Whether a row has no text.
    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Plain(texts) => texts.is_null(row),
            Self::Dictionary(keys, _) => keys.is_null(row),
        }
    }

    /// Whether two rows have the same text.
    fn same(&self, a: usize, b: usize) -> bool {
        matches!(self, Self::Dictionary(keys, _) if keys.value(a) == keys.value(b)) || self.value(a) == self.value(b)
    }
}

/// The columns of `columns` out of a batch, with texts as they are.
pub fn plain(batch: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch, WriteError> {
    let failed = |e: arrow::error::ArrowError| WriteError::Write(e.to_string());
    let column = |field: &arrow::datatypes::FieldRef| {
        let column = batch.column_by_name(field.name()).ok_or_else(|| WriteError::Column(field.name().clone()))?;
        arrow::compute::cast(column, field.data_type()).map_err(failed)
    };
    let arrays = columns.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(columns), arrays).map_err(failed)
}

/// A batch's columns, found by name.
pub(crate) struct Columns<'a> {
    /// Dimensions in order.
    pub(crate) dimensions: Vec<Texts<'a>>,
    /// What observations of a series vary by: time, or the dimension in its place.
    pub(crate) time: Texts<'a>,
    /// The measure.
    pub(crate) values: &'a arrow::array::Float64Array,
    /// Attributes in order.
    pub(crate) attributes: Vec<Texts<'a>>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, schema: &DatasetSchema) -> Result<Self, WriteError> {
        let text = |id: &str| -> Result<Texts<'a>, WriteError> {
            batch.column_by_name(id).and_then(|c| Texts::of(c)).ok_or_else(|| WriteError::Column(id.to_owned()))
        };
        let missing = || WriteError::Column(schema.measure.id.clone());
        let values = batch.column_by_name(&schema.measure.id).ok_or_else(missing)?;
        Ok(Self {
            dimensions: schema.dimensions.iter().map(|c| text(&c.id)).collect::<Result<_, _>>()?,
            time: text(&schema.time.id)?,
            values: values.as_primitive_opt::<Float64Type>().ok_or_else(missing)?,
            attributes: schema.attributes.iter().map(|c| text(&c.id)).collect::<Result<_, _>>()?,
        })
    }

    /// The figure in `row`; none if missing or suppressed, or if a foreign file has what is no number.
    pub(crate) fn value(&self, row: usize) -> Option<f64> {
        (!self.values.is_null(row)).then(|| self.values.value(row)).filter(|value| value.is_finite())
    }

    /// Whether two rows are of one series.
    pub(crate) fn same_series(&self, a: usize, b: usize) -> bool {
        self.dimensions.iter().rev().all(|d| d.same(a, b))
    }

    /// Whether two rows have the same attributes.
    pub(crate) fn same_attributes(&self, a: usize, b: usize) -> bool {
        self.attributes.iter().all(|column| match (column.is_null(a), column.is_null(b)) {
            (false, false) => column.same(a, b),
            (a, b) => a == b,
        })
    }
}

/// An attribute's text, if it has one.
pub(crate) fn attribute<'a>(column: &Texts<'a>, row: usize) -> Option<&'a str> {
    (!column.is_null(row)).then(|| column.value(row)).filter(|text| !text.is_empty())
}

/// A finite number in its shortest exact form: `3`, `0.1`, `-2.5`; with an exponent only where it would have more than 21
/// digits or more than six zeros after the point. Read back, it is the same number.
pub fn number_text(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (1e-7..1e21).contains(&size) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_short_and_exact() {
        for (value, text) in [
            (3.0, "3"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1_234_567_890_123.0, "1234567890123"),
            (1e20, "100000000000000000000"),
            (1e300, "1e300"),
            (2.5e-9, "2.5e-9"),
        ] {
            assert_eq!(number_text(value), text);
        }
    }

    proptest! {
        #[test]
        fn numbers_survive_writing(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            prop_assert_eq!(number_text(value).parse::<f64>().unwrap(), value);
        }
    }
}
