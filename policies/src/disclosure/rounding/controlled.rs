//! Controlled rounding: the finest cells are rounded, each down or up, and every other cell is the sum of its own; so all sums hold.
//!
//! Which way each goes is a search for the least change in all published cells together: simulated annealing over the finest cells that may
//! change, each step of which touches only the published cells that one belongs to. It starts from the nearest multiples and depends on the
//! seed alone. As the finest cells of a small sum are themselves small, and are rounded, no sum from 1 to below the base remains.

use serde::Deserialize;

/// Steps of the search for each cell that may change.
const SWEEPS: u64 = 500;
/// Fewest, however large the table.
const MIN_SWEEPS: u64 = 12;
/// Published cells looked at in all: bounds the time to about ten seconds on one core where the table is too great for its caches.
const MAX_LOOKS: u64 = 1 << 29;
/// A change by `d` costs `LINEAR · |d| + d²`: the sum of changes matters, and of equal sums the one without great changes is better.
const LINEAR: i64 = 20;
/// Temperature at the start and at the end, in costs of a change by one base, per base. Found by trial on tables of 10⁴ cells.
const HOT: f64 = 1.2;
const COLD: f64 = 0.2;

/// Which of the finest cells are rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Those above 0 and below the base, as far as a published cell is that small.
    #[default]
    Small,
    /// All.
    All,
}

/// Why a table cannot be rounded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundingError {
    /// The base is out of its range.
    #[error("the rounding base is {0}: give a number from 2 to {max}", max = super::MAX_BASE)]
    Base(u64),
    /// A figure is beyond what can be summed.
    #[error("the counts are too great to be summed")]
    Great,
    /// The sums speak of other cells than there are.
    #[error("{inner} finest cells were given for sums of {expected}")]
    Cells {
        /// Cells given.
        inner: usize,
        /// Cells the sums have.
        expected: usize,
    },
}

/// Which published cells each of the finest cells is counted in.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// Where each cell's part of `published` ends.
    ends: Vec<usize>,
    published: Vec<usize>,
    cells: usize,
}

impl Sums {
    /// Adds the next of the finest cells, which is counted in these published cells; its own is one of them, if it is published.
    pub fn push(&mut self, published: impl IntoIterator<Item = usize>) {
        self.published.extend(published);
        let from = self.ends.last().copied().unwrap_or(0);
        let most = self.published.iter().skip(from).copied().max();
        self.cells = self.cells.max(most.map_or(0, |m| m + 1));
        self.ends.push(self.published.len());
    }

    /// Number of the finest cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The published cells that one of the finest is counted in.
    fn of(&self, inner: usize) -> &[usize] {
        let start = inner.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        let end = self.ends.get(inner).copied().unwrap_or(start);
        self.published.get(start..end).unwrap_or(&[])
    }

    /// The published cells of these finest cells.
    pub fn add_up(&self, inner: &[u64]) -> Vec<u64> {
        let mut published = vec![0u64; self.cells];
        for (index, value) in inner.iter().enumerate() {
            for cell in self.of(index) {
                if let Some(sum) = published.get_mut(*cell) {
                    *sum = sum.saturating_add(*value);
                }
            }
        }
        published
    }
}

/// The finest cells, rounded so that the published cells change as little as the search could find. The same input and seed give the same
/// result on every machine. No published cell is from 1 to below `base` afterwards; with [`Which::All`] all are multiples of it.
pub fn round(inner: &[u64], sums: &Sums, base: u64, which: Which, seed: u64) -> Result<Vec<u64>, RoundingError> {
    if !(2..=super::MAX_BASE).contains(&base) {
        return Err(RoundingError::Base(base));
    }
    if inner.len() != sums.len() {
        return Err(RoundingError::Cells { inner: inner.len(), expected: sums.len() });
    }
    let total = inner.iter().try_fold(0u64, |sum, value| sum.checked_add(value.checked_add(base)?));
    if total.is_none_or(|t| t > 1 << 53) {
        return Err(RoundingError::Great);
    }
    let mut search = Search::new(inner, sums, base, seed);
    loop {
        let new = search.to_round(which);
        if new.is_empty() {
            return Ok(search.rounded);
        }
        search.enter(new);
        search.anneal();
    }
}

struct Search<'a> {
    inner: &'a [u64],
    sums: &'a Sums,
    base: u64,
    random: Random,
    /// The finest cells as they stand.
    rounded: Vec<u64>,
    /// By how much each published cell has changed.
    change: Vec<i64>,
    /// The finest cells that take part.
    moving: Vec<usize>,
    takes_part: Vec<bool>,
}

impl<'a> Search<'a> {
    fn new(inner: &'a [u64], sums: &'a Sums, base: u64, seed: u64) -> Self {
        let (rounded, change) = (inner.to_vec(), vec![0; sums.cells]);
        let (moving, takes_part) = (Vec::new(), vec![false; inner.len()]);
        Self { inner, sums, base, random: Random(seed), rounded, change, moving, takes_part }
    }

    /// Those of the finest cells that must be rounded and do not take part yet.
    fn to_round(&self, which: Which) -> Vec<usize> {
        let open = |i: &usize| !self.takes_part.get(*i).is_none_or(|t| *t);
        let value = |i: usize| self.inner.get(i).copied().unwrap_or(0);
        let all = 0..self.inner.len();
        match which {
            Which::All => all.filter(open).filter(|i| !value(*i).is_multiple_of(self.base)).collect(),
            Which::Small => {
                let published = self.sums.add_up(&self.rounded);
                let small = |count: u64| count > 0 && count < self.base;
                let shows = |i: &usize| self.sums.of(*i).iter().any(|c| published.get(*c).is_some_and(|v| small(*v)));
                all.filter(open).filter(|i| small(value(*i))).filter(shows).collect()
            }
        }
    }

    /// Rounds more cells to the nearest multiple, from where the search goes on.
    fn enter(&mut self, new: Vec<usize>) {
        for index in new {
            let value = self.rounded.get(index).copied().unwrap_or(0);
            self.put(index, super::conventional(value, self.base));
            if let Some(part) = self.takes_part.get_mut(index) {
                *part = true;
            }
            self.moving.push(index);
        }
    }

    fn put(&mut self, index: usize, value: u64) {
        let Some(slot) = self.rounded.get_mut(index) else { return };
        let by = value.cast_signed() - slot.cast_signed();
        *slot = value;
        for cell in self.sums.of(index) {
            if let Some(change) = self.change.get_mut(*cell) {
                *change += by;
            }
        }
    }

    fn anneal(&mut self) {
        let looks: usize = self.moving.iter().map(|i| self.sums.of(*i).len()).sum();
        let sweeps = (MAX_LOOKS / (looks as u64).max(1)).clamp(MIN_SWEEPS, SWEEPS);
        let unit = cost(self.base.cast_signed()) as f64;
        for sweep in 0..=sweeps {
            let left = 1.0 - sweep as f64 / sweeps as f64;
            let temperature = unit * (COLD + (HOT - COLD) * left);
            // The last sweep only goes down.
            let temperature = if sweep == sweeps { 0.0 } else { temperature };
            let mut moving = std::mem::take(&mut self.moving);
            self.random.shuffle(&mut moving);
            for index in &moving {
                self.try_other(*index, temperature);
            }
            self.moving = moving;
        }
    }

    /// Rounds one cell the other way, if that is better or the temperature allows it.
    fn try_other(&mut self, index: usize, temperature: f64) {
        let (Some(value), Some(now)) = (self.inner.get(index), self.rounded.get(index)) else { return };
        let down = value - value % self.base;
        let other = if *now == down { down + self.base } else { down };
        let by = other.cast_signed() - now.cast_signed();
        let worse = |cell: &usize| self.change.get(*cell).map_or(0, |change| cost(change + by) - cost(*change));
        let worse: i64 = self.sums.of(index).iter().map(worse).sum();
        if worse <= 0 || (temperature > 0.0 && (worse as f64) < temperature * self.random.exponential()) {
            self.put(index, other);
        }
    }
}

fn cost(change: i64) -> i64 {
    change.abs().saturating_mul(LINEAR).saturating_add(change.saturating_mul(change))
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// About exponential with mean 1. −log₂ of a uniform number is cut at its leading bit and straight between, as libraries' logarithms differ
    /// in their last digits, which would make the result depend on the machine.
    fn exponential(&mut self) -> f64 {
        let drawn = self.next() | 1;
        let zeros = drawn.leading_zeros();
        let below = (drawn << zeros << 1) >> 11;
        let part = below as f64 / (1u64 << 53) as f64;
        std::f64::consts::LN_2 * (f64::from(zeros) + 1.0 - part)
    }

    fn shuffle(&mut self, items: &mut [usize]) {
        for last in (1..items.len()).rev() {
            let with = (u128::from(self.next()) * (last as u128 + 1)) >> 64;
            items.swap(last, with as usize);
        }
    }
}

#[cfg(test)]
mod tests;
