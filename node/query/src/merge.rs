//! The rows of several artefacts in the order of their keys.

use std::cmp::Ordering;

use arrow::array::{AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Int32Type;

use crate::engine::QueryFailure;
use crate::scan::Scan;

/// Rows collected before they are passed on, where artefacts alternate.
const ENOUGH_ROWS: usize = 4_096;

/// The key columns of a batch: its first ones.
struct Keys<'a>(Vec<(&'a DictionaryArray<Int32Type>, &'a StringArray)>);

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch, count: usize) -> Self {
        let column = |column: &'a arrow::array::ArrayRef| {
            let texts = column.as_dictionary_opt::<Int32Type>()?;
            Some((texts, texts.values().as_string_opt::<i32>()?))
        };
        Self(batch.columns().iter().take(count).filter_map(column).collect())
    }

    fn texts(&self, row: usize) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(move |(texts, values)| texts.key(row).map_or("", |key| values.value(key)))
    }
}

/// One artefact's rows, not opened before they can be next.
struct Run {
    scan: Scan,
    /// No key is less; a prefix of texts.
    least: Vec<Vec<u8>>,
    head: Option<(RecordBatch, usize)>,
    opened: bool,
}

impl Run {
    /// Moves to the next batch that has rows.
    fn advance(&mut self) -> Result<(), QueryFailure> {
        self.opened = true;
        self.head = None;
        for batch in self.scan.by_ref() {
            let batch = batch?;
            if batch.num_rows() > 0 {
                self.head = Some((batch, 0));
                break;
            }
        }
        Ok(())
    }
}

/// Rows of all runs in the order of their keys; those of an earlier run first where keys are the same.
pub(crate) struct Merge {
    runs: Vec<Run>,
    keys: usize,
    pending: Vec<RecordBatch>,
}

impl Merge {
    /// Merges scans whose first `keys` columns are sorted.
    pub(crate) fn new(scans: impl IntoIterator<Item = Scan>, keys: usize) -> Self {
        let run = |scan: Scan| Run { least: scan.least(keys), scan, head: None, opened: false };
        Self { runs: scans.into_iter().map(run).collect(), keys, pending: Vec::new() }
    }

    fn compare_heads(&self, a: usize, b: usize) -> Ordering {
        match (&self.runs[a].head, &self.runs[b].head) {
            (Some((left, i)), Some((right, j))) => {
                Keys::of(left, self.keys).texts(*i).cmp(Keys::of(right, self.keys).texts(*j)).then(a.cmp(&b))
            }
            _ => a.cmp(&b),
        }
    }

    /// The run whose head is next, with every run opened that might be before it.
    fn least_run(&mut self) -> Result<Option<usize>, QueryFailure> {
        loop {
            let least = (0..self.runs.len())
                .filter(|run| self.runs[*run].head.is_some())
                .min_by(|a, b| self.compare_heads(*a, *b));
            let before = |run: &Run| match least.and_then(|least| self.runs[least].head.as_ref()) {
                None => true,
                Some((batch, row)) => against(&run.least, Keys::of(batch, self.keys).texts(*row)).is_le(),
            };
            // Without a head, the one that can be least is opened first: the others may never be needed.
            let unopened = self.runs.iter().enumerate().filter(|(_, run)| !run.opened && before(run));
            match unopened.min_by(|(_, a), (_, b)| a.least.cmp(&b.least)).map(|(index, _)| index) {
                Some(index) => self.runs[index].advance()?,
                None => return Ok(least),
            }
        }
    }

    /// How many rows of `run`'s batch come before every other run's rows.
    fn rows_before_others(&self, run: usize, batch: &RecordBatch, from: usize) -> usize {
        let keys = Keys::of(batch, self.keys);
        let mut end = batch.num_rows();
        for (other, Run { least, head, opened, .. }) in self.runs.iter().enumerate().filter(|(other, _)| *other != run)
        {
            let before = |row: usize| match head {
                Some((theirs, at)) => {
                    keys.texts(row).cmp(Keys::of(theirs, self.keys).texts(*at)).then(run.cmp(&other)).is_lt()
                }
                None => *opened || against(least, keys.texts(row)).is_gt(),
            };
            if end > from && !before(end - 1) {
                end = first_not(from, end, before);
            }
        }
        end
    }

    fn next_rows(&mut self) -> Result<Option<RecordBatch>, QueryFailure> {
        let Some(run) = self.least_run()? else { return Ok(None) };
        let Some((batch, from)) = self.runs[run].head.take() else { return Ok(None) };
        let end = self.rows_before_others(run, &batch, from).max(from + 1);
        let rows = batch.slice(from, end - from);
        if end < batch.num_rows() {
            self.runs[run].head = Some((batch, end));
        } else {
            self.runs[run].advance()?;
        }
        Ok(Some(rows))
    }

    fn flush(&mut self) -> Option<Result<RecordBatch, QueryFailure>> {
        let pending = std::mem::take(&mut self.pending);
        let schema = pending.first()?.schema();
        Some(match <[RecordBatch; 1]>::try_from(pending) {
            Ok([only]) => Ok(only),
            Err(pending) => concat_batches(&schema, &pending).map_err(QueryFailure::from),
        })
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, QueryFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut waiting = 0;
        loop {
            match self.next_rows() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return self.flush(),
                Ok(Some(rows)) => {
                    waiting += rows.num_rows();
                    self.pending.push(rows);
                    if waiting >= ENOUGH_ROWS {
                        return self.flush();
                    }
                }
            }
        }
    }
}

/// The prefix of a key against a key: equal where the key begins with it.
fn against<'a>(least: &[Vec<u8>], key: impl Iterator<Item = &'a str>) -> Ordering {
    least
        .iter()
        .map(Vec::as_slice)
        .zip(key.map(str::as_bytes))
        .map(|(a, b)| a.cmp(b))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The first row of a sorted range for which `before` is false.
fn first_not(from: usize, end: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (from, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
