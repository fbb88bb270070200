//! How far an import is: reading the file, then checking and writing the sorted rows, then disclosure control.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// How far an import is, shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    read: AtomicU64,
    bytes: AtomicU64,
    passed: AtomicU64,
    rows: AtomicU64,
    phase: AtomicU8,
}

/// What an import does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The file is read, each of its rows checked, and sorted.
    Reading,
    /// The sorted rows are checked as a whole, and written.
    Checking,
    /// The figures are filtered. How long that takes is not known before.
    Filtering,
}

/// Share of the time that reading takes of reading and checking, as the benchmark of imports has it.
const READING: f64 = 0.6;

impl Progress {
    /// What is done at the moment.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::Reading,
            1 => Phase::Checking,
            _ => Phase::Filtering,
        }
    }

    /// Bytes read and to be read, or rows checked and to be checked. A query's bytes are not known: both are zero.
    pub fn done(&self) -> (u64, u64) {
        let (done, all) = match self.phase() {
            Phase::Reading => (&self.0.read, &self.0.bytes),
            Phase::Checking | Phase::Filtering => (&self.0.passed, &self.0.rows),
        };
        let all = all.load(Ordering::Relaxed);
        (done.load(Ordering::Relaxed).min(all), all)
    }

    /// How much of reading and checking is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let (done, all) = self.done();
        let share = if all == 0 { 0.0 } else { done as f64 / all as f64 };
        match self.phase() {
            Phase::Reading => share * READING,
            Phase::Checking => READING + share * (1.0 - READING),
            Phase::Filtering => 1.0,
        }
    }

    /// Bytes that are to be read.
    pub(super) fn expect(&self, bytes: u64) {
        self.0.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that are to be read.
    pub(super) fn expected(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// More bytes are read.
    pub(super) fn read(&self, bytes: u64) {
        self.0.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So much of the file is read as `row` is of all `rows`.
    pub(super) fn read_row(&self, row: u64, rows: u64) {
        let read = u128::from(self.expected()) * u128::from(row) / u128::from(rows.max(1));
        self.0.read.store(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// All is read; so many rows are to be checked.
    pub(super) fn check(&self, rows: u64) {
        self.0.rows.store(rows, Ordering::Relaxed);
        self.0.phase.store(1, Ordering::Relaxed);
    }

    /// More rows are checked.
    pub(super) fn pass(&self, rows: usize) {
        self.0.passed.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// All is checked.
    pub(crate) fn filter(&self) {
        self.0.phase.store(2, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_grows_over_both_passes() {
        let progress = Progress::default();
        assert_eq!((progress.phase(), progress.share()), (Phase::Reading, 0.0));
        progress.expect(200);
        progress.read(50);
        assert_eq!((progress.done(), progress.share()), ((50, 200), 0.15));
        progress.read_row(3, 4);
        progress.read(100);
        assert_eq!(progress.done(), (200, 200));
        progress.check(10);
        assert_eq!((progress.phase(), progress.share()), (Phase::Checking, READING));
        progress.pass(5);
        assert_eq!((progress.done(), progress.share()), ((5, 10), 0.8));
        progress.filter();
        assert_eq!((progress.phase(), progress.share()), (Phase::Filtering, 1.0));
    }
}
