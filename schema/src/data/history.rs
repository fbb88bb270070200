//! Figures with their history: one data set for each dissemination, with the time from and until which it was the one in force. Formats that
//! are a table have that time in two columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::{DataWriter, Texts, WriteError};
use crate::dataset::{Component, DatasetSchema, RELEASE};
use crate::structure::Names;

/// Column of the time from which a figure was in force.
pub const VALID_FROM: &str = "VALID_FROM";
/// Column of the time until which it was; empty if it still is.
pub const VALID_TO: &str = "VALID_TO";

/// A release as it was disseminated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dissemination {
    /// Record id.
    pub release: String,
    /// Since when it is known, RFC 3339 UTC.
    pub valid_from: String,
    /// Until when it was in force; none if it still is.
    pub valid_to: Option<String>,
}

/// The dataflow's components with those two columns as attributes.
pub fn with_validity(schema: &DatasetSchema) -> DatasetSchema {
    let mut schema = schema.clone();
    for (id, name) in [(VALID_FROM, "Valid from"), (VALID_TO, "Valid to")] {
        schema.attributes.push(Component {
            id: id.to_owned(),
            name: name.to_owned(),
            names: Names { name: name.to_owned(), ..Names::default() },
            codes: None,
            mandatory: false,
        });
    }
    schema
}

/// How a format shows when a data set was in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// In the two columns.
    Columns,
    /// As attributes of data sets.
    Sets,
}

/// Writes batches of which each is of one release, release after release.
pub struct HistoryWriter {
    inner: Box<dyn DataWriter>,
    all: Vec<Dissemination>,
    validity: Validity,
    current: Option<Dissemination>,
}

impl HistoryWriter {
    /// Around the writer of a format.
    pub fn new(inner: Box<dyn DataWriter>, all: Vec<Dissemination>, validity: Validity) -> Self {
        Self { inner, all, validity, current: None }
    }
}

impl DataWriter for HistoryWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let missing = || WriteError::Column(RELEASE.to_owned());
        let release = batch.column_by_name(RELEASE).and_then(|c| Texts::of(c)).ok_or_else(missing)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let release = release.value(0);
        if self.current.as_ref().is_none_or(|current| current.release != release) {
            let found = self.all.iter().find(|d| d.release == release).cloned().ok_or_else(missing)?;
            if self.validity == Validity::Sets {
                self.inner.next_set(&found, out)?;
            }
            self.current = Some(found);
        }
        match (&self.current, self.validity) {
            (Some(current), Validity::Columns) => self.inner.write(&beside(batch, current)?, out),
            _ => self.inner.write(batch, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.inner.finish(out)
    }
}

/// A batch with the two columns.
fn beside(batch: &RecordBatch, current: &Dissemination) -> Result<RecordBatch, WriteError> {
    let rows = batch.num_rows();
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    for (id, value) in [(VALID_FROM, Some(&current.valid_from)), (VALID_TO, current.valid_to.as_ref())] {
        fields.push(Field::new(id, DataType::Utf8, true));
        columns.push(Arc::new(StringArray::from(vec![value.map(String::as_str); rows])));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| WriteError::Write(e.to_string()))
}
