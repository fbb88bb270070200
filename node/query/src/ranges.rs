//! Rows of a row group, as ranges.

use std::ops::Range;

/// Ranges in order; none is empty, and none touches the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows(Vec<Range<usize>>);

impl Rows {
    /// The first `rows` rows.
    pub(crate) fn first(rows: usize) -> Self {
        let mut all = Self::default();
        all.push(0..rows);
        all
    }

    /// Adds rows that begin where the last ones do or later.
    pub(crate) fn push(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => self.0.push(range),
        }
    }

    /// Rows that are in any of several.
    pub(crate) fn union(each: impl IntoIterator<Item = Self>) -> Self {
        let mut ranges: Vec<Range<usize>> = each.into_iter().flat_map(|rows| rows.0).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut all = Self::default();
        ranges.into_iter().for_each(|range| all.push(range));
        all
    }

    pub(crate) fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }
}

/// Takes rows from the beginning of some, so many at a time.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    range: usize,
    taken: usize,
}

impl Cursor {
    /// The next `count` rows, or what is left.
    pub(crate) fn take(&mut self, rows: &Rows, count: usize) -> Rows {
        let (mut next, mut left) = (Rows::default(), count);
        while let Some(range) = rows.0.get(self.range).filter(|_| left > 0) {
            let start = range.start + self.taken;
            let end = range.end.min(start + left);
            next.push(start..end);
            left -= end - start;
            self.taken += end - start;
            if end == range.end {
                (self.range, self.taken) = (self.range + 1, 0);
            }
        }
        next
    }
}
