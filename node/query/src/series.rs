//! Rows in the order of their keys, series by series: where one ends, its first and last observations, how many there are.

use arrow::array::{Array as _, ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch, StringArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int32Type;

use crate::engine::QueryFailure;

/// The columns of a batch that make the series: its first ones.
struct SeriesKeys<'a>(Vec<(&'a Int32Array, &'a StringArray)>);

impl<'a> SeriesKeys<'a> {
    fn of(batch: &'a RecordBatch, dimensions: usize) -> Self {
        let column = |column: &'a ArrayRef| {
            let texts = column.as_dictionary_opt::<Int32Type>()?;
            Some((texts.keys(), texts.values().as_string_opt::<i32>()?))
        };
        Self(batch.columns().iter().take(dimensions).filter_map(column).collect())
    }

    /// Whether a row is of the series of another batch's row. Later columns change most often.
    fn same(&self, row: usize, other: &Self, at: usize) -> bool {
        let columns = self.0.iter().zip(&other.0).rev();
        columns.into_iter().all(|((keys, texts), (their_keys, their_texts))| {
            texts.value(keys.value(row) as usize) == their_texts.value(their_keys.value(at) as usize)
        })
    }

    /// Whether a row is of the series of the row before it.
    fn goes_on(&self, row: usize) -> bool {
        self.0.iter().rev().all(|(keys, texts)| {
            let (before, this) = (keys.value(row - 1), keys.value(row));
            before == this || texts.value(before as usize) == texts.value(this as usize)
        })
    }
}

/// For each row of a batch, whether it is of the series of the row before it; `last` is the row before the first.
fn going_on(batch: &RecordBatch, last: Option<&RecordBatch>, dimensions: usize) -> Vec<bool> {
    let keys = SeriesKeys::of(batch, dimensions);
    let mut same = vec![true; batch.num_rows()];
    for (numbers, _) in keys.0.iter().filter(|(_, texts)| texts.len() > 1) {
        let numbers = numbers.values();
        for (same, pair) in same.iter_mut().skip(1).zip(numbers.windows(2)) {
            *same &= pair[0] == pair[1];
        }
    }
    // Numbers that differ can still mean the same text.
    for (row, same) in same.iter_mut().enumerate().skip(1) {
        *same = *same || keys.goes_on(row);
    }
    if let Some(first) = same.first_mut() {
        *first = last.is_some_and(|last| keys.same(0, &SeriesKeys::of(last, dimensions), 0));
    }
    same
}

/// Counts series as batches pass by.
pub(crate) struct SeriesCount {
    dimensions: usize,
    /// The first row, and the last one so far.
    ends: Option<(RecordBatch, RecordBatch)>,
    /// Series so far.
    pub(crate) series: u64,
}

impl SeriesCount {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self { dimensions, ends: None, series: 0 }
    }

    pub(crate) fn pass(&mut self, batch: &RecordBatch) {
        let Some(last) = batch.num_rows().checked_sub(1) else { return };
        let before = self.ends.take();
        let same = going_on(batch, before.as_ref().map(|(_, last)| last), self.dimensions);
        self.series += same.iter().filter(|same| !**same).count() as u64;
        let first = before.map_or_else(|| batch.slice(0, 1), |(first, _)| first);
        self.ends = Some((first, batch.slice(last, 1)));
    }

    /// Adds the series of rows that come after these.
    pub(crate) fn append(&mut self, next: Self) {
        let Some((their_first, their_last)) = next.ends else { return };
        let Some((first, last)) = self.ends.take() else {
            (self.ends, self.series) = (Some((their_first, their_last)), next.series);
            return;
        };
        let goes_on = SeriesKeys::of(&their_first, self.dimensions).same(0, &SeriesKeys::of(&last, self.dimensions), 0);
        self.series += next.series - u64::from(goes_on);
        self.ends = Some((first, their_last));
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
        let kept = going_on(batch, self.last.as_ref(), self.dimensions).into_iter().map(|same| {
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
        let keys = SeriesKeys::of(&all, self.dimensions);
        let starts: Vec<usize> = std::iter::once(0).chain((1..rows).filter(|row| !keys.goes_on(*row))).collect();
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
