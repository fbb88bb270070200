//! Rows in the order of their keys, series by series: where one ends, its first and last observations, how many there are.

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int32Type;

use crate::engine::QueryFailure;

/// Whether two rows of two batches are of one series: their first columns are the same.
fn same_series(dimensions: usize, a: (&RecordBatch, usize), b: (&RecordBatch, usize)) -> bool {
    let text = |(batch, row): (&RecordBatch, usize), column: usize| {
        let texts = batch.column(column).as_dictionary_opt::<Int32Type>()?;
        let values = texts.values().as_string_opt::<i32>()?;
        texts.key(row).map(|key| values.value(key).to_owned())
    };
    let same = |column: usize| {
        if std::ptr::eq(a.0, b.0)
            && let Some(texts) = a.0.column(column).as_dictionary_opt::<Int32Type>()
            && texts.key(a.1) == texts.key(b.1)
        {
            return true;
        }
        text(a, column) == text(b, column)
    };
    // Later columns change most often.
    (0..dimensions).rev().all(same)
}

/// Counts series as batches pass by.
pub(crate) struct SeriesCount {
    dimensions: usize,
    last: Option<RecordBatch>,
    /// Series so far.
    pub(crate) series: u64,
}

impl SeriesCount {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self { dimensions, last: None, series: 0 }
    }

    pub(crate) fn pass(&mut self, batch: &RecordBatch) {
        for row in 0..batch.num_rows() {
            let same = match (row, &self.last) {
                (0, None) => false,
                (0, Some(last)) => same_series(self.dimensions, (last, 0), (batch, 0)),
                (row, _) => same_series(self.dimensions, (batch, row - 1), (batch, row)),
            };
            self.series += u64::from(!same);
        }
        if let Some(last) = batch.num_rows().checked_sub(1) {
            self.last = Some(batch.slice(last, 1));
        }
    }
}

/// The first `n` observations of each series.
pub(crate) struct First<I> {
    rows: I,
    dimensions: usize,
    n: usize,
    last: Option<RecordBatch>,
    seen: usize,
}

impl<I> First<I> {
    pub(crate) fn new(rows: I, dimensions: usize, n: usize) -> Self {
        Self { rows, dimensions, n, last: None, seen: 0 }
    }

    fn keep(&mut self, batch: &RecordBatch) -> BooleanArray {
        let kept = (0..batch.num_rows()).map(|row| {
            let same = match (row, &self.last) {
                (0, None) => false,
                (0, Some(last)) => same_series(self.dimensions, (last, 0), (batch, 0)),
                (row, _) => same_series(self.dimensions, (batch, row - 1), (batch, row)),
            };
            self.seen = if same { self.seen + 1 } else { 1 };
            self.seen <= self.n
        });
        let kept = kept.collect::<Vec<_>>();
        self.last = batch.num_rows().checked_sub(1).map(|last| batch.slice(last, 1)).or(self.last.take());
        BooleanArray::from(kept)
    }
}

impl<I: Iterator<Item = Result<RecordBatch, QueryFailure>>> Iterator for First<I> {
    type Item = Result<RecordBatch, QueryFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.rows.next()?.and_then(|batch| {
            let kept = self.keep(&batch);
            Ok(filter_record_batch(&batch, &kept)?)
        }))
    }
}

/// The last `n` observations of each series.
pub(crate) struct Last<I> {
    rows: I,
    dimensions: usize,
    n: usize,
    /// The last rows of the series that may go on.
    open: Option<RecordBatch>,
}

impl<I> Last<I> {
    pub(crate) fn new(rows: I, dimensions: usize, n: usize) -> Self {
        Self { rows, dimensions, n, open: None }
    }

    /// The last rows of the series that end in a batch; those of the one at its end wait.
    fn closed(&mut self, batch: &RecordBatch) -> Result<RecordBatch, QueryFailure> {
        let all = match self.open.take() {
            Some(open) => concat_batches(&batch.schema(), [&open, batch])?,
            None => batch.clone(),
        };
        let rows = all.num_rows();
        let starts = (1..rows).filter(|row| !same_series(self.dimensions, (&all, row - 1), (&all, *row)));
        let starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
        let mut kept = vec![false; rows];
        for ends in starts.windows(2) {
            let [start, end] = [ends[0], ends[1]];
            kept[start.max(end.saturating_sub(self.n))..end].fill(true);
        }
        let open = starts.last().copied().unwrap_or(0).max(rows.saturating_sub(self.n));
        self.open = (rows > 0).then(|| all.slice(open, rows - open));
        Ok(filter_record_batch(&all, &BooleanArray::from(kept))?)
    }
}

impl<I: Iterator<Item = Result<RecordBatch, QueryFailure>>> Iterator for Last<I> {
    type Item = Result<RecordBatch, QueryFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.next() {
            Some(batch) => Some(batch.and_then(|batch| self.closed(&batch))),
            None => self.open.take().map(Ok),
        }
    }
}

/// A part of the rows.
pub(crate) struct Window<I> {
    rows: I,
    skip: u64,
    take: u64,
}

impl<I> Window<I> {
    pub(crate) fn new(rows: I, offset: u64, limit: Option<u64>) -> Self {
        Self { rows, skip: offset, take: limit.unwrap_or(u64::MAX) }
    }
}

impl<I: Iterator<Item = Result<RecordBatch, QueryFailure>>> Iterator for Window<I> {
    type Item = Result<RecordBatch, QueryFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.take == 0 {
            return None;
        }
        Some(self.rows.next()?.map(|batch| {
            let skipped = self.skip.min(batch.num_rows() as u64);
            let taken = self.take.min(batch.num_rows() as u64 - skipped);
            self.skip -= skipped;
            self.take -= taken;
            batch.slice(skipped as usize, taken as usize)
        }))
    }
}
