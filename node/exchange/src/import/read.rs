//! Reads a file's rows through the mapping into packed batches, for whoever sorts them.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::array::RecordBatch;
use chancery_query::SORTED_ROWS;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mapping::{Mapping, Shape};
use chancery_schema::rows::{RowBatch, RowSource};
use chancery_schema::validate::{Packing, Problems, Validator};
use tokio::sync::mpsc;

use super::progress::Progress;
use super::source::{self, Found, Opened};
use super::{all_of, name_of};
use crate::error::{Doing as _, Error, Result};

/// Batches of rows that wait for being checked.
const WAITING: usize = 2;
/// Packed bytes of a batch that is handed on to be sorted, if its rows are not full before: with long texts.
const BATCH_BYTES: usize = 8 << 20;

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
        let Opened { rows: source, found, said, .. } = source::open(path, mapping, progress)?;
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
    ///
    /// A thread of its own cuts the file into rows while those before are checked.
    pub(super) fn read(self, sink: &mpsc::Sender<RecordBatch>) -> Result<Reading> {
        let Self { mut source, shape, validator, name, found, sums } = self;
        let mut checking = Checking { shape, validator, sink, shaped: RowBatch::default(), rows: 0, left_out: 0 };
        let (filled, batches) = sync_channel::<RowBatch>(WAITING);
        let (emptied, buffers) = sync_channel::<RowBatch>(WAITING + 2);
        let (read, checked) = std::thread::scope(|scope| {
            let cutting = scope.spawn(move || {
                source.read(&mut |batch| {
                    let full = std::mem::replace(batch, buffers.try_recv().unwrap_or_default());
                    // Whoever takes no more rows says why itself.
                    filled.send(full).map_or(ControlFlow::Break(()), ControlFlow::Continue)
                })
            });
            let checked = checking.all(batches, &emptied);
            (cutting.join(), checked)
        });
        checked?;
        // The libraries that read files have assertions that a damaged one can break.
        let gave_up = |_| Error::invalid(format!("`{name}`: its reader gave up: it is damaged; have it written again"));
        let read = read.map_err(gave_up)?;
        read.map_err(|error| source::failed(Path::new(&name), error))?;
        let Checking { validator, rows, left_out, .. } = checking;
        if rows == left_out {
            return Err(Error::invalid(format!("`{name}` has no rows to import ({left_out} left out by the mapping)")));
        }
        let (headings, codes) = (validator.headings(), validator.codes_met());
        Ok(Reading { found, rows, left_out, sums, problems: validator.finish(), headings, codes })
    }
}

/// Rows on their way through the mapping and the checks of single rows.
struct Checking<'a> {
    shape: Shape,
    validator: Validator,
    sink: &'a mpsc::Sender<RecordBatch>,
    shaped: RowBatch,
    rows: u64,
    left_out: u64,
}

impl Checking<'_> {
    /// Takes all batches; empty ones go back to be filled again.
    fn all(&mut self, batches: Receiver<RowBatch>, emptied: &SyncSender<RowBatch>) -> Result<()> {
        for mut batch in batches {
            self.take(&mut batch)?;
            batch.clear();
            // The reader may be done.
            let _ = emptied.try_send(batch);
        }
        if self.validator.rows() > 0 { self.hand_on() } else { Ok(()) }
    }

    fn take(&mut self, batch: &mut RowBatch) -> Result<()> {
        for fault in batch.faults.drain(..) {
            self.rows += 1;
            self.validator.note(fault);
        }
        if self.shape.is_plain() {
            return self.push(batch);
        }
        let mut shaped = std::mem::take(&mut self.shaped);
        shaped.clear();
        self.shape.apply(batch, &mut shaped);
        let pushed = self.push(&shaped);
        self.shaped = shaped;
        pushed
    }

    fn push(&mut self, batch: &RowBatch) -> Result<()> {
        self.rows += batch.len() as u64;
        for (line, row) in batch.iter() {
            self.left_out += u64::from(!self.validator.push(line, &row));
            if self.validator.rows() >= SORTED_ROWS || self.validator.bytes() >= BATCH_BYTES {
                self.hand_on()?;
            }
        }
        Ok(())
    }

    fn hand_on(&mut self) -> Result<()> {
        let packed = self.validator.take_packed().or_storage(|| "cannot hold the rows".to_owned())?;
        self.sink.blocking_send(packed).or_storage(|| "the import was cut off".to_owned())
    }
}
