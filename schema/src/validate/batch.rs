//! Columns in the making: the one place that knows the batch layout from the writing side.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::ROW;
use crate::dataset::DatasetSchema;

/// Collects observations as columns: the dataflow's, then [`ROW`].
pub struct BatchBuilder {
    schema: SchemaRef,
    before: Vec<StringBuilder>,
    values: Float64Builder,
    after: Vec<StringBuilder>,
    lines: Int64Builder,
}

impl BatchBuilder {
    /// No rows yet.
    pub fn new(schema: &DatasetSchema) -> Self {
        let mut fields: Vec<Arc<Field>> = schema.arrow_schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(ROW, DataType::Int64, false)));
        let texts = |n: usize| (0..n).map(|_| StringBuilder::new()).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            before: texts(schema.measure_index()),
            values: Float64Builder::new(),
            after: texts(schema.attributes.len()),
            lines: Int64Builder::new(),
        }
    }

    /// The columns of [`BatchBuilder::finish`].
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Adds an observation. `texts` are dimensions, time and attributes in column order; empty is none.
    pub fn push<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>, value: Option<f64>, line: u64) {
        let mut texts = texts.into_iter();
        for builder in self.before.iter_mut().chain(&mut self.after) {
            builder.append_option(texts.next().filter(|text| !text.is_empty()));
        }
        self.values.append_option(value);
        self.lines.append_value(i64::try_from(line).unwrap_or(i64::MAX));
    }

    /// Observations since the last [`BatchBuilder::finish`].
    pub fn rows(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.lines)
    }

    /// The observations since the last call; fails if a dimension was empty.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let text = |builder: &mut StringBuilder| Arc::new(builder.finish()) as ArrayRef;
        let mut columns: Vec<ArrayRef> = self.before.iter_mut().map(text).collect();
        columns.push(Arc::new(self.values.finish()));
        columns.extend(self.after.iter_mut().map(text));
        columns.push(Arc::new(self.lines.finish()));
        RecordBatch::try_new(self.schema(), columns)
    }
}
