//! An earlier release beside new figures: both sorted by key, read once, in step.

use std::cmp::Ordering;
use std::path::Path;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::DatasetSchema;

use crate::artefact::{self, ArtefactError, Texts};

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArtefactError>> + Send>;

/// What became of one key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Only the new figures have it.
    New(Option<f64>),
    /// Only the earlier release has it.
    Gone(Option<f64>),
    /// Both have it: the earlier figure, then the new one.
    Both(Option<f64>, Option<f64>),
}

/// The earlier release, at the key that was reached.
pub struct Earlier {
    batches: Batches,
    current: Option<RecordBatch>,
    row: usize,
    /// Dimensions, then time.
    keys: usize,
}

impl Earlier {
    /// Opens an artefact; none if its series are described by other dimensions than `schema`'s, so that no key has an earlier figure.
    pub fn open(path: &Path, schema: &DatasetSchema) -> Result<Option<Self>, ArtefactError> {
        let keys = schema.measure_index();
        let mut batches: Batches = Box::new(artefact::read(path)?);
        let current = batches.next().transpose()?;
        let expected = schema.arrow_schema();
        let same = current.as_ref().is_none_or(|batch| {
            let found = batch.schema();
            let names = |fields: &arrow::datatypes::Fields| {
                fields.iter().take(keys + 1).map(|f| f.name().clone()).collect::<Vec<_>>()
            };
            names(found.fields()) == names(expected.fields())
        });
        Ok(same.then_some(Self { batches, current, row: 0, keys }))
    }

    /// Passes the next new figures; `tell` hears of every key up to their last one, in order, with its texts. A row of `batch` is
    /// told of in its place, with its number.
    pub fn pass(
        &mut self,
        batch: &RecordBatch,
        mut tell: impl FnMut(Option<usize>, &[&str], Change),
    ) -> Result<(), ArtefactError> {
        let columns: Vec<Texts<'_>> = batch.columns().iter().take(self.keys).filter_map(Texts::of).collect();
        let values = batch.column(self.keys).as_primitive::<Float64Type>();
        let mut key: Vec<&str> = Vec::with_capacity(columns.len());
        for row in 0..batch.num_rows() {
            key.clear();
            key.extend(columns.iter().map(|column| column.value(row)));
            let value = values.is_valid(row).then(|| values.value(row));
            let change = loop {
                match self.compare(&key) {
                    Some(Ordering::Less) => self.tell_gone(&mut tell)?,
                    Some(Ordering::Equal) => {
                        let before = self.value();
                        self.advance()?;
                        break Change::Both(before, value);
                    }
                    Some(Ordering::Greater) | None => break Change::New(value),
                }
            };
            tell(Some(row), &key, change);
        }
        Ok(())
    }

    /// Ends: what is left of the earlier release is gone.
    pub fn finish(mut self, mut tell: impl FnMut(Option<usize>, &[&str], Change)) -> Result<(), ArtefactError> {
        while self.current.is_some() {
            self.tell_gone(&mut tell)?;
        }
        Ok(())
    }

    fn tell_gone(&mut self, tell: &mut impl FnMut(Option<usize>, &[&str], Change)) -> Result<(), ArtefactError> {
        if let Some(batch) = self.current.as_ref().filter(|batch| self.row < batch.num_rows()) {
            let columns: Vec<Texts<'_>> = batch.columns().iter().take(self.keys).filter_map(Texts::of).collect();
            let key: Vec<&str> = columns.iter().map(|column| column.value(self.row)).collect();
            tell(None, &key, Change::Gone(self.value()));
        }
        self.advance()
    }

    /// How the key that was reached compares with `key`; none at the end.
    fn compare(&self, key: &[&str]) -> Option<Ordering> {
        let batch = self.current.as_ref()?;
        let texts = batch.columns().iter().take(self.keys).filter_map(Texts::of);
        for (text, wanted) in texts.zip(key) {
            let order = text.value(self.row).cmp(wanted);
            if order.is_ne() {
                return Some(order);
            }
        }
        Some(Ordering::Equal)
    }

    fn value(&self) -> Option<f64> {
        let values = self.current.as_ref()?.column(self.keys).as_primitive::<Float64Type>();
        values.is_valid(self.row).then(|| values.value(self.row))
    }

    fn advance(&mut self) -> Result<(), ArtefactError> {
        self.row += 1;
        while self.current.as_ref().is_some_and(|batch| self.row >= batch.num_rows()) {
            self.current = self.batches.next().transpose()?;
            self.row = 0;
        }
        Ok(())
    }
}
