//! The ways in which withheld cells can change together so that every sum still holds: the null space of the sums, restricted to some cells.
//!
//! It is held as a basis: some cells are *free*, every other is *tied*, a combination of free ones. Cells earlier in the order given are tied where
//! that is possible, so that a later, costlier cell can be taken out again by striking it from all combinations. A tied cell with an empty
//! combination cannot change: an attacker can compute it.

use super::echelon::{Echelon, Vector, combine, find};
use super::field;

pub(super) struct Kernel {
    /// For a tied cell its combination of free cells; for a free cell nothing.
    tied: Vec<Option<Vector>>,
    /// For a free cell the tied ones whose combinations it may be in.
    users: Vec<Vec<u32>>,
    gone: Vec<bool>,
    /// Coefficients computed: the measure of work.
    pub(super) work: u64,
}

impl Kernel {
    /// Of `count` cells whose `rows` are sums over them, with signs. The `first` of them all cost the same, so that those that are tied can be chosen freely.
    pub(super) fn new(count: usize, first: usize, rows: Vec<Vector>) -> Self {
        let mut work = 0;
        let tied = Echelon::new(count, first, rows, &mut work).combinations(&mut work);
        // In great tables these are most of the memory: no more of it than is needed.
        let mut sizes = vec![0; count];
        tied.iter().flatten().flatten().for_each(|(free, _)| sizes[*free as usize] += 1);
        let mut users: Vec<Vec<u32>> = sizes.into_iter().map(Vec::with_capacity).collect();
        for (index, row) in tied.iter().enumerate() {
            for (free, _) in row.iter().flatten() {
                users[*free as usize].push(index as u32);
            }
        }
        Self { tied, users, gone: vec![false; count], work }
    }

    /// Whether the cell can change at all.
    pub(super) fn moves(&self, cell: usize) -> bool {
        !self.gone[cell] && self.tied[cell].as_ref().is_none_or(|row| !row.is_empty())
    }

    /// Whether the cell is free.
    fn free(&self, cell: usize) -> bool {
        self.tied[cell].is_none()
    }

    /// The free cells that move `cell`; itself, if it is free.
    pub(super) fn movers(&self, cell: usize) -> Vec<u32> {
        match &self.tied[cell] {
            None => vec![cell as u32],
            Some(row) => row.iter().map(|(f, _)| *f).collect(),
        }
    }

    /// How a tied cell rests on free ones; none if it is free.
    pub(super) fn combination(&self, cell: usize) -> Option<&Vector> {
        self.tied[cell].as_ref()
    }

    /// How all cells change together when the free cell `free` does, in the smallest whole numbers that were found.
    pub(super) fn circuit(&self, free: u32) -> Vec<(u32, f64)> {
        let mut circuit = vec![(free, 1)];
        for user in &self.users[free as usize] {
            let row = self.tied[*user as usize].as_ref().filter(|_| !self.gone[*user as usize]);
            if let Some(coefficient) = row.and_then(|row| find(row, free).map(|place| row[place].1)) {
                circuit.push((*user, coefficient));
            }
        }
        // A combination that lost a cell and got it back is listed twice.
        circuit.sort_unstable_by_key(|(cell, _)| *cell);
        circuit.dedup_by_key(|(cell, _)| *cell);
        field::whole(circuit)
    }

    /// For how many cells the free cell counts, at most.
    pub(super) fn users(&self, free: u32) -> usize {
        self.users[free as usize].len()
    }

    /// Takes the cell out (it is published) unless a protected one could then be computed. Returns whether it did.
    pub(super) fn take_out(&mut self, cell: usize, protected: &[bool]) -> bool {
        let taken = if self.free(cell) { self.take_free(cell, protected) } else { self.take_tied(cell, protected) };
        self.gone[cell] |= taken;
        taken
    }

    fn take_free(&mut self, cell: usize, protected: &[bool]) -> bool {
        let users = std::mem::take(&mut self.users[cell]);
        let alone = |row: &Vector| row.len() == 1 && row[0].0 == cell as u32;
        let needed = |user: &u32| {
            protected[*user as usize]
                && !self.gone[*user as usize]
                && self.tied[*user as usize].as_ref().is_some_and(alone)
        };
        if users.iter().any(needed) {
            self.users[cell] = users;
            return false;
        }
        self.work += users.len() as u64;
        for user in users {
            if let Some(row) = &mut self.tied[user as usize]
                && let Some(place) = find(row, cell as u32)
            {
                row.remove(place);
            }
        }
        true
    }

    fn take_tied(&mut self, cell: usize, protected: &[bool]) -> bool {
        let Some(row) = self.tied[cell].take() else { return false };
        if self.in_series(cell, &row, protected) {
            self.tied[cell] = Some(row);
            return false;
        }
        let Some((pivot, coefficient)) = row.iter().min_by_key(|(f, _)| self.users[*f as usize].len()).copied() else {
            self.tied[cell] = Some(row);
            return true;
        };
        // With the cell at 0: pivot = −Σ others / coefficient.
        let factor = field::neg(field::inverse(coefficient));
        let others = row.iter().filter(|(f, _)| *f != pivot);
        let replacement: Vector = others.map(|(f, c)| (*f, field::mul(*c, factor))).collect();
        for user in std::mem::take(&mut self.users[pivot as usize]) {
            let Some(old) = self.tied[user as usize].as_mut() else { continue };
            let Some(place) = find(old, pivot) else { continue };
            let (_, scale) = old.remove(place);
            let before = std::mem::take(old);
            self.work += (before.len() + replacement.len()) as u64;
            let users = &mut self.users;
            let new = combine(&before, &replacement, field::neg(scale), |f| users[f as usize].push(user));
            self.tied[user as usize] = Some(new);
        }
        for (f, _) in &replacement {
            self.users[*f as usize].push(pivot);
        }
        self.tied[pivot as usize] = Some(replacement);
        self.tied[cell] = Some(Vec::new());
        true
    }

    /// Whether a protected cell changes only together with this one.
    fn in_series(&self, cell: usize, row: &Vector, protected: &[bool]) -> bool {
        let Some((first, scale)) = row.first().copied() else { return false };
        if row.len() == 1 && protected[first as usize] {
            return true;
        }
        self.users[first as usize].iter().any(|user| {
            let other = self.tied[*user as usize].as_ref();
            *user as usize != cell
                && protected[*user as usize]
                && !self.gone[*user as usize]
                && other.is_some_and(|other| other.len() == row.len() && proportional(other, row, scale))
        })
    }
}

fn proportional(a: &Vector, b: &Vector, b_first: u32) -> bool {
    let a_first = a[0].1;
    a.iter().zip(b).all(|(a, b)| a.0 == b.0 && field::mul(a.1, b_first) == field::mul(b.1, a_first))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of 2 × 3 with its margins: 12 cells, the inner ones first.
    fn table(first: usize) -> Kernel {
        let minus = field::of(-1);
        let mut rows: Vec<Vector> = Vec::new();
        for row in 0..2 {
            rows.push((0..3).map(|c| (row * 3 + c, minus)).chain([(6 + row, 1)]).collect());
        }
        for column in 0..3 {
            rows.push(vec![(column, minus), (3 + column, minus), (8 + column, 1)]);
        }
        rows.push(vec![(6, minus), (7, minus), (11, 1)]);
        rows.push(vec![(8, minus), (9, minus), (10, minus), (11, 1)]);
        Kernel::new(12, first, rows)
    }

    #[test]
    fn circuits_keep_the_sums() {
        for (kernel, cell) in [0, 5, 12].map(table).iter().flat_map(|k| (0..12).map(move |c| (k, c))) {
            assert_eq!((0..12).filter(|c| kernel.free(*c)).count(), 6);
            if !kernel.free(cell) {
                continue;
            }
            let circuit = kernel.circuit(cell as u32);
            let change = |cell: u32| circuit.iter().find(|(c, _)| *c == cell).map_or(0.0, |(_, d)| *d);
            assert_eq!((0..3).map(change).sum::<f64>(), change(6));
            assert_eq!((6..8).map(change).sum::<f64>(), change(11));
            assert_eq!((8..11).map(change).sum::<f64>(), change(11));
        }
    }

    #[test]
    fn what_a_protected_cell_needs_stays() {
        let mut kernel = table(1);
        let protected: Vec<bool> = (0..12).map(|c| c == 0).collect();
        let left: Vec<usize> = (1..12).rev().filter(|c| !kernel.take_out(*c, &protected)).collect();
        // Totals go first: a rectangle of inner cells is left.
        assert_eq!(left, [4, 3, 1]);
        assert!([0, 1, 3, 4].iter().all(|c| kernel.moves(*c)) && !kernel.moves(2));
    }
}
