//! What rules see beside an observation: the figure of the release in force, and that of the period before.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use arrow::error::ArrowError;
use chancery_schema::dataset::DatasetSchema;

use crate::artefact::{ArtefactError, Texts};
use crate::earlier::{Change, Earlier};
use crate::rules::{EARLIER_VALUE, PRIOR_VALUE};

/// Adds the two columns to sorted batches.
pub struct Beside {
    earlier: Option<Earlier>,
    dimensions: usize,
    last: Option<(Vec<String>, Option<f64>)>,
}

impl Beside {
    /// For figures of `schema`; `earlier` is the release in force, if there is one.
    pub fn new(schema: &DatasetSchema, earlier: Option<Earlier>) -> Self {
        Self { earlier, dimensions: schema.dimensions.len(), last: None }
    }

    /// The batch with [`EARLIER_VALUE`] and [`PRIOR_VALUE`] behind its columns.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArtefactError> {
        let earlier = self.earlier_values(batch)?;
        let prior = self.prior_values(batch);
        let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.extend([EARLIER_VALUE, PRIOR_VALUE].map(|name| Field::new(name, DataType::Float64, true)));
        let mut columns = batch.columns().to_vec();
        columns.extend([earlier, prior].map(|values| Arc::new(values) as ArrayRef));
        let joined = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
        joined.map_err(|e: ArrowError| ArtefactError::Parquet(e.to_string()))
    }

    fn earlier_values(&mut self, batch: &RecordBatch) -> Result<Float64Array, ArtefactError> {
        let mut values = vec![None; batch.num_rows()];
        if let Some(earlier) = &mut self.earlier {
            earlier.pass(batch, |row, _, change| {
                if let (Some(row), Change::Both(before, _)) = (row, change) {
                    values[row] = before;
                }
            })?;
        }
        Ok(values.into())
    }

    fn prior_values(&mut self, batch: &RecordBatch) -> Float64Array {
        let columns: Vec<Texts<'_>> = batch.columns().iter().take(self.dimensions).filter_map(Texts::of).collect();
        let values = batch.column(self.dimensions + 1).as_primitive::<Float64Type>();
        let value = |row: usize| values.is_valid(row).then(|| values.value(row));
        let prior = |row: usize| {
            if row > 0 {
                return columns.iter().all(|column| column.repeats(row)).then(|| value(row - 1)).flatten();
            }
            let (series, before) = self.last.as_ref()?;
            series.iter().map(String::as_str).eq(columns.iter().map(|column| column.value(0))).then_some(*before)?
        };
        let found: Float64Array = (0..batch.num_rows()).map(prior).collect();
        if let Some(last) = batch.num_rows().checked_sub(1) {
            self.last = Some((columns.iter().map(|column| column.value(last).to_owned()).collect(), value(last)));
        }
        found
    }
}
