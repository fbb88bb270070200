//! Reads a file's rows through the mapping into packed batches, for whoever sorts them.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use arrow::array::RecordBatch;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mapping::{Mapping, Shape};
use chancery_schema::rows::{RowBatch, RowSource};
use chancery_schema::validate::{Packing, Problems, Validator};
use tokio::sync::mpsc;

use super::progress::Progress;
use super::source::{self, Found, Opened};
use super::{all_of, name_of};
use crate::error::{Doing as _, Error, Result};

/// Rows of a batch that is handed on, in order: the more, the fewer there are to merge. Packed, they take some 4 MiB.
const BATCH_ROWS: usize = 65_536;

/// A file, opened and bound to its mapping.
pub(super) struct Reader {
    source: Box<dyn RowSource>,
    shape: Shape,
    validator: Validator,
    name: String,
    found: Vec<Found>,
    sums: bool,
}

/// What reading a whole file gave, beside its rows.
pub(super) struct Reading {
    pub(super) found: Vec<Found>,
    pub(super) rows: u64,
    pub(super) left_out: u64,
    /// Whether rows of one key are summed.
    pub(super) sums: bool,
    /// What is wrong with single rows and columns.
    pub(super) problems: Problems,
    /// The file's columns by component.
    pub(super) headings: HashMap<String, String>,
    /// The codes that were met, by component.
    pub(super) codes: HashMap<String, HashSet<String>>,
}

impl Reader {
    /// Opens the file, or the mapping's query. At most `listed` problems will be kept with their details.
    pub(super) fn open(
        path: Option<&Path>,
        mapping: &Mapping,
        schema: &DatasetSchema,
        listed: usize,
        progress: &Progress,
    ) -> Result<Self> {
        let name = name_of(path);
        let Opened { rows: source, found, said } = source::open(path, mapping, progress)?;
        let bound = mapping
            .bind(schema, source.headings())
            .map_err(|errors| all_of(&format!("the mapping does not fit `{name}`"), &errors))?;
        let (shape, sums) = (bound.shape.clone(), bound.sums);
        let mut validator = Validator::keeping(bound, listed);
        for (component, row) in said.iter().flat_map(|said| said.strange(schema)) {
            validator.note_strange(component, row);
        }
        Ok(Self { source, shape, validator, name, found, sums })
    }

    /// How the batches are packed.
    pub(super) fn packing(&self) -> Packing {
        self.validator.packing().clone()
    }

    /// Reads everything; the valid rows go to `sink`. Ends early, with an error, when nobody takes them any more.
    pub(super) fn read(self, sink: &mpsc::Sender<RecordBatch>) -> Result<Reading> {
        let Self { mut source, shape, mut validator, name, found, sums } = self;
        let mut shaped = RowBatch::default();
        let (mut rows, mut left_out) = (0u64, 0u64);
        let mut failed = None;
        let mut hand_on = |validator: &mut Validator| {
            let packed = validator.take_packed().or_storage(|| "cannot hold the rows".to_owned());
            let sent =
                packed.and_then(|batch| sink.blocking_send(batch).or_storage(|| "the import was cut off".to_owned()));
            sent.map_or_else(
                |error| {
                    failed = Some(error);
                    ControlFlow::Break(())
                },
                ControlFlow::Continue,
            )
        };
        let read = source.read(&mut |batch| {
            for fault in batch.faults.drain(..) {
                rows += 1;
                validator.note(fault);
            }
            if !shape.is_plain() {
                shaped.clear();
                shape.apply(batch, &mut shaped);
            }
            let batch = if shape.is_plain() { &*batch } else { &shaped };
            rows += batch.len() as u64;
            for (line, row) in batch.iter() {
                left_out += u64::from(!validator.push(line, &row));
                if validator.rows() >= BATCH_ROWS {
                    hand_on(&mut validator)?;
                }
            }
            ControlFlow::Continue(())
        });
        if read.is_ok() && validator.rows() > 0 {
            let _ = hand_on(&mut validator);
        }
        match failed {
            Some(error) => return Err(error),
            None => read.map_err(|error| source::failed(Path::new(&name), error))?,
        }
        if rows == left_out {
            return Err(Error::invalid(format!("`{name}` has no rows to import ({left_out} left out by the mapping)")));
        }
        let (headings, codes) = (validator.headings(), validator.codes_met());
        Ok(Reading { found, rows, left_out, sums, problems: validator.finish(), headings, codes })
    }
}
