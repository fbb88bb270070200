//! Writing figures: one streaming writer a format, fed with record batches sorted by series key, then time.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;

use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// A format of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFormat {
    /// SDMX-CSV 2.0.
    Csv,
    /// SDMX-JSON 2.0.
    Json,
    /// SDMX-ML 3.0, structure-specific.
    Xml,
}

/// What SDMX-CSV shows of a code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Labels {
    /// Its id.
    #[default]
    Id,
    /// Id and name, `MEX: Mexico`.
    Both,
    /// Id and name in columns of their own.
    Name,
}

/// How to write.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// One flat list of observations instead of series over time.
    pub flat: bool,
    /// SDMX-CSV labels.
    pub labels: Labels,
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
    /// Appends what ends the message; without any batch, an empty message.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError>;
}

/// The writer of `format`.
pub fn writer(
    format: DataFormat,
    schema: &DatasetSchema,
    header: MessageHeader,
    options: WriteOptions,
) -> Box<dyn DataWriter> {
    match format {
        DataFormat::Csv => Box::new(crate::csv::CsvWriter::new(schema.clone(), options.labels)),
        DataFormat::Json => Box::new(crate::json::v2_0::data::JsonWriter::new(schema.clone(), header, options.flat)),
        DataFormat::Xml => Box::new(crate::xml::v3_0::data::XmlWriter::new(schema.clone(), header, options.flat)),
    }
}

/// A batch's columns, found by name.
pub(crate) struct Columns<'a> {
    /// Dimensions in order.
    pub(crate) dimensions: Vec<&'a StringArray>,
    /// Time.
    pub(crate) time: &'a StringArray,
    /// The measure.
    pub(crate) values: &'a arrow::array::Float64Array,
    /// Attributes in order.
    pub(crate) attributes: Vec<&'a StringArray>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, schema: &DatasetSchema) -> Result<Self, WriteError> {
        let text = |id: &str| -> Result<&'a StringArray, WriteError> {
            let column = batch.column_by_name(id).ok_or_else(|| WriteError::Column(id.to_owned()))?;
            column.as_string_opt::<i32>().ok_or_else(|| WriteError::Column(id.to_owned()))
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

    /// The figure in `row`; none if missing or suppressed.
    pub(crate) fn value(&self, row: usize) -> Option<f64> {
        (!self.values.is_null(row)).then(|| self.values.value(row))
    }

    /// Whether two rows are of one series.
    pub(crate) fn same_series(&self, a: usize, b: usize) -> bool {
        self.dimensions.iter().all(|d| d.value(a) == d.value(b))
    }

    /// The series key of `row`.
    pub(crate) fn key(&self, row: usize) -> Vec<String> {
        self.dimensions.iter().map(|d| d.value(row).to_owned()).collect()
    }
}

/// An attribute's text, if it has one.
pub(crate) fn attribute(column: &StringArray, row: usize) -> Option<&str> {
    (!column.is_null(row)).then(|| column.value(row)).filter(|text| !text.is_empty())
}

/// A number in its shortest exact form, never with an exponent.
pub fn number_text(value: f64) -> String {
    value.to_string()
}
