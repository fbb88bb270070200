//! The sums solved for cells, one after the other: what a cell rests on, and what moves with it, can be worked out from that cell by cell.
//!
//! It takes hardly more memory than the sums themselves. Worked out for all cells at once ([`super::kernel`]) it takes gigabytes where the table is great.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::field::{self, Random};

/// A sparse vector: places in ascending order with their coefficients, which are not 0.
pub(super) type Vector = Vec<(u32, u32)>;

/// No row was solved for the place.
const NONE: u32 = u32::MAX;

pub(super) struct Echelon {
    count: usize,
    /// Places with the row that was solved for each, where its coefficient is 1: those solved later are not in rows solved before, but for what comes after.
    rows: Vec<(u32, Vector)>,
    /// For each place its row.
    row_of: Vec<u32>,
}

impl Echelon {
    /// Solves `rows`, sums over `count` places, for earlier places where possible; for the `first` of them in the order that keeps the sums short.
    pub(super) fn new(count: usize, first: usize, rows: Vec<Vector>, work: &mut u64) -> Self {
        let (mut solved, left) = Sparse::new(first, rows).run(work);
        let echelon = forward(count, left, work).into_iter().zip(0u32..);
        solved.extend(echelon.filter_map(|(row, place)| Some((place, row?))));
        let mut row_of = vec![NONE; count];
        solved.iter().zip(0u32..).for_each(|((place, _), row)| row_of[*place as usize] = row);
        Self { count, rows: solved, row_of }
    }

    /// The places that move `place`, in ascending order: those that no row was solved for and it rests on. Itself, if none was solved for it.
    pub(super) fn movers(&self, place: u32, work: &mut u64) -> Vec<u32> {
        let Some((_, row)) = self.rows.get(self.row_of[place as usize] as usize) else { return vec![place] };
        // Rows yet to be put in, by their number: each rests on later ones.
        let (mut rest, mut movers) = (BTreeMap::new(), BTreeMap::new());
        let add = |rest: &mut BTreeMap<u32, u32>, movers: &mut BTreeMap<u32, u32>, at: u32, value: u32| {
            let row = self.row_of[at as usize];
            let (sum, key) = if row == NONE { (movers, at) } else { (rest, row) };
            let slot = sum.entry(key).or_insert(0);
            *slot = field::sub(*slot, value);
        };
        for (at, coefficient) in row.iter().filter(|(at, _)| *at != place) {
            add(&mut rest, &mut movers, *at, *coefficient);
        }
        while let Some((number, share)) = rest.pop_first() {
            if share == 0 {
                continue;
            }
            let (solved, row) = &self.rows[number as usize];
            *work += row.len() as u64;
            for (at, coefficient) in row.iter().filter(|(at, _)| at != solved) {
                add(&mut rest, &mut movers, *at, field::mul(*coefficient, share));
            }
        }
        movers.into_iter().filter(|(_, share)| *share != 0).map(|(at, _)| at).collect()
    }

    /// How all places change together when `mover` does, for which no row was solved, and no other such place.
    pub(super) fn circuit(&self, mover: u32, work: &mut u64) -> Vec<(u32, f64)> {
        let mut change = vec![0u32; self.count];
        change[mover as usize] = 1;
        self.follow(&mut change, work);
        field::whole((0u32..).zip(change).filter(|(_, change)| *change != 0).collect())
    }

    /// How all places change together when those that no row was solved for change at random.
    pub(super) fn change(&self, random: &mut Random, work: &mut u64) -> Vec<u32> {
        let mut change: Vec<u32> = (0..self.count).map(|_| random.share()).collect();
        self.follow(&mut change, work);
        change
    }

    /// Works out how the solved places change from how the others do.
    fn follow(&self, change: &mut [u32], work: &mut u64) {
        for (place, row) in self.rows.iter().rev() {
            *work += row.len() as u64;
            let others = row.iter().filter(|(at, _)| at != place && change[*at as usize] != 0);
            let sum = others.fold(0, |sum, (at, c)| field::sub(sum, field::mul(*c, change[*at as usize])));
            change[*place as usize] = sum;
        }
    }

    /// Each solved place as a combination of places that no row was solved for; for those nothing.
    pub(super) fn combinations(self, work: &mut u64) -> Vec<Option<Vector>> {
        let mut tied: Vec<Option<Vector>> = vec![None; self.count];
        let mut sum = vec![0u32; self.count];
        // What was solved first rests on what was solved later.
        for (place, row) in self.rows.into_iter().rev() {
            let mut touched = Vec::new();
            let mut add = |place: u32, value: u32| {
                let slot = &mut sum[place as usize];
                if *slot == 0 {
                    touched.push(place);
                }
                *slot = field::sub(*slot, value);
            };
            for (other, coefficient) in row.iter().filter(|(other, _)| *other != place) {
                match &tied[*other as usize] {
                    None => add(*other, *coefficient),
                    Some(combination) => {
                        *work += combination.len() as u64;
                        combination.iter().for_each(|(free, c)| add(*free, field::mul(*c, *coefficient)));
                    }
                }
            }
            touched.sort_unstable();
            touched.dedup();
            let taken = touched.into_iter().map(|place| (place, std::mem::take(&mut sum[place as usize])));
            let mut combination: Vector = taken.filter(|(_, value)| *value != 0).collect();
            combination.shrink_to_fit();
            tied[place as usize] = Some(combination);
        }
        tied
    }
}

pub(super) fn find(row: &Vector, free: u32) -> Option<usize> {
    row.binary_search_by_key(&free, |(f, _)| *f).ok()
}

/// `a − factor · b`; `new` is told what is in the result and was not in `a`.
pub(super) fn combine(a: &Vector, b: &[(u32, u32)], factor: u32, mut new: impl FnMut(u32)) -> Vector {
    let mut result = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let left = a.get(i).map_or(u32::MAX, |(place, _)| *place);
        let right = b.get(j).map_or(u32::MAX, |(place, _)| *place);
        if left < right {
            result.push(a[i]);
            i += 1;
        } else if right < left {
            result.push((right, field::neg(field::mul(b[j].1, factor))));
            new(right);
            j += 1;
        } else {
            let value = field::sub(a[i].1, field::mul(b[j].1, factor));
            if value != 0 {
                result.push((left, value));
            }
            (i, j) = (i + 1, j + 1);
        }
    }
    if result.capacity() > 2 * result.len() {
        result.shrink_to_fit();
    }
    result
}

/// Sums being solved for cells that all cost the same: in the order that keeps the sums short.
struct Sparse {
    first: u32,
    rows: Vec<Vector>,
    /// For each of the first cells the rows that may hold it.
    columns: Vec<Vec<u32>>,
    /// Rows by their length, which may have changed since.
    shortest: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Sparse {
    fn new(first: usize, rows: Vec<Vector>) -> Self {
        let mut columns = vec![Vec::new(); first];
        for (row, number) in rows.iter().zip(0u32..) {
            for (place, _) in row.iter().take_while(|(place, _)| (*place as usize) < first) {
                columns[*place as usize].push(number);
            }
        }
        let shortest = rows.iter().zip(0u32..).map(|(row, number)| Reverse((row.len() as u32, number))).collect();
        Self { first: first as u32, rows, columns, shortest }
    }

    /// The rows solved for a cell, in order: with coefficient 1 for it. And those that are left, which hold none of the first cells.
    fn run(mut self, work: &mut u64) -> (Vec<(u32, Vector)>, Vec<Vector>) {
        let (mut solved, mut left) = (Vec::new(), Vec::new());
        while let Some(Reverse((length, number))) = self.shortest.pop() {
            if self.rows[number as usize].len() != length as usize {
                continue;
            }
            let mut row = std::mem::take(&mut self.rows[number as usize]);
            let choice = row.iter().take_while(|(place, _)| *place < self.first);
            let Some((pivot, coefficient)) = choice.min_by_key(|(p, _)| (self.columns[*p as usize].len(), *p)).copied()
            else {
                left.push(row);
                continue;
            };
            let scale = field::inverse(coefficient);
            row.iter_mut().for_each(|(_, c)| *c = field::mul(*c, scale));
            for other in std::mem::take(&mut self.columns[pivot as usize]) {
                self.strike(other, pivot, &row, work);
            }
            solved.push((pivot, row));
        }
        (solved, left)
    }

    /// Takes `pivot` out of another row.
    fn strike(&mut self, other: u32, pivot: u32, row: &Vector, work: &mut u64) {
        let Some(at) = find(&self.rows[other as usize], pivot) else { return };
        let old = std::mem::take(&mut self.rows[other as usize]);
        *work += (old.len() + row.len()) as u64;
        let (columns, first) = (&mut self.columns, self.first);
        let new = combine(&old, row, old[at].1, |place| {
            if place < first {
                columns[place as usize].push(other);
            }
        });
        self.shortest.push(Reverse((new.len() as u32, other)));
        self.rows[other as usize] = new;
    }
}

/// Echelon form: for each place the row that leads there, with leading coefficient 1.
fn forward(count: usize, rows: Vec<Vector>, work: &mut u64) -> Vec<Option<Vector>> {
    let mut waiting: Vec<Vec<Vector>> = vec![Vec::new(); count];
    for row in rows {
        if let Some((lead, _)) = row.first() {
            waiting[*lead as usize].push(row);
        }
    }
    let mut echelon = vec![None; count];
    for place in 0..count {
        let mut here = std::mem::take(&mut waiting[place]);
        let Some(shortest) = (0..here.len()).min_by_key(|i| here[*i].len()) else { continue };
        let mut pivot = here.swap_remove(shortest);
        let scale = field::inverse(pivot[0].1);
        pivot.iter_mut().for_each(|(_, c)| *c = field::mul(*c, scale));
        for row in here {
            *work += (row.len() + pivot.len()) as u64;
            let rest = combine(&row, &pivot, row[0].1, |_| ());
            if let Some((lead, _)) = rest.first() {
                waiting[*lead as usize].push(rest);
            }
        }
        echelon[place] = Some(pivot);
    }
    echelon
}

#[cfg(test)]
mod tests {
    use super::super::kernel::Kernel;
    use super::*;

    #[test]
    fn cell_by_cell_is_found_what_is_found_for_all_at_once() {
        // A table of 3 × 4 with its margins, the inner cells first.
        let minus = field::of(-1);
        let mut rows: Vec<Vector> = Vec::new();
        for row in 0..3 {
            rows.push((0..4).map(|c| (row * 4 + c, minus)).chain([(12 + row, 1)]).collect());
        }
        for column in 0..4 {
            rows.push((0..3).map(|r| (r * 4 + column, minus)).chain([(15 + column, 1)]).collect());
        }
        rows.push((12..15).map(|c| (c, minus)).chain([(19, 1)]).collect());
        rows.push((15..19).map(|c| (c, minus)).chain([(19, 1)]).collect());
        for first in [0, 5, 20] {
            let (kernel, mut work) = (Kernel::new(20, first, rows.clone()), 0);
            let echelon = Echelon::new(20, first, rows.clone(), &mut work);
            for place in 0..20 {
                let movers = echelon.movers(place, &mut work);
                assert_eq!(movers, kernel.movers(place as usize));
                for mover in movers {
                    assert_eq!(echelon.circuit(mover, &mut work), kernel.circuit(mover));
                }
            }
        }
    }
}
