//! Periods in the order of time: their texts are so only among those of one frequency.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use chancery_schema::data::Texts;
use chancery_schema::dataset::TIME_PERIOD;
use chancery_schema::period::Period;
use chrono::Datelike as _;

/// The added column: the day on which a period begins.
pub(crate) const DAY: &str = "_day";

/// The columns of batches to which it is added.
pub(crate) fn columns(columns: &SchemaRef) -> SchemaRef {
    let day = Arc::new(Field::new(DAY, DataType::Int32, true));
    Arc::new(Schema::new(columns.fields().iter().cloned().chain([day]).collect::<Vec<_>>()))
}

/// A batch with the day on which each row's period begins; none where it has no period.
pub(crate) fn add(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let texts = batch.column_by_name(TIME_PERIOD).and_then(|column| Texts::of(column));
    let mut last: Option<(&str, Option<i32>)> = None;
    let mut day = |row: usize| {
        let text = texts.as_ref().filter(|texts| !texts.is_null(row))?.value(row);
        if let Some((known, day)) = last
            && known == text
        {
            return day;
        }
        let day = Period::parse(text).map(|period| period.start.num_days_from_ce());
        last = Some((text, day));
        day
    };
    let days: Int32Array = (0..batch.num_rows()).map(&mut day).collect();
    let all: Vec<ArrayRef> = batch.columns().iter().cloned().chain([Arc::new(days) as ArrayRef]).collect();
    RecordBatch::try_new(columns(&batch.schema()), all)
}
