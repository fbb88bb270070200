//! Directions in which a great part's cells can move together so that every sum still holds, for all cells at once.
//!
//! The sums are brought into echelon form, those with the fewest cells first, which keeps them short. Each cell that is then left free gives a direction: it moves by
//! one, and the others follow. From the true table one goes as far that way as the bounds allow. A direction is believed only if it was checked against the
//! sums themselves. It shows that a cell can move, seldom how far at most; what needs more is looked for cell by cell.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::parts::Part;
use super::space::Shown;

/// Coefficients below this are rounding errors.
const ZERO: f64 = 1e-9;
/// A cell is solved for only if its coefficient is at least this share of the greatest in the sum.
const SHARE: f64 = 0.1;
/// Sums may miss by this share of the greatest move.
const EXACT: f64 = 1e-9;
/// Most coefficients held: beyond it directions are not used.
const MAX_COEFFICIENTS: usize = 48 << 20;
/// Tables that differ from the true one in more cells say little of who could know one of them.
const FEW: usize = 2_000;
/// How far one goes where nothing is in the way.
const FAR: f64 = 1e6;

/// A cell that a sum was solved for: its move is the sum of others' moves, each times its coefficient.
#[derive(Debug)]
struct Tied {
    cell: u32,
    others: Vec<(u32, f64)>,
}

/// The sums of a part in echelon form.
#[derive(Debug)]
pub(super) struct Directions<'a> {
    part: &'a Part,
    columns: &'a [Vec<u32>],
    /// In the order in which they were solved: others are solved later, or free.
    tied: Vec<Tied>,
    /// For each cell the places in `tied` where it is another.
    followers: Vec<Vec<u32>>,
    /// Cells that no sum was solved for.
    pub(super) free: Vec<u32>,
}

impl<'a> Directions<'a> {
    /// Of a part whose `columns` are the sums of each cell; cells of higher `rank` are rather left free. None if they would not fit into memory.
    pub(super) fn of(part: &'a Part, columns: &'a [Vec<u32>], rank: impl Fn(u32) -> u32) -> Option<Self> {
        let ranks = (0..part.len() as u32).map(rank).collect();
        let tied = Elimination::new(part, columns, ranks).run()?;
        let mut followers = vec![Vec::new(); part.len()];
        let mut free = vec![true; part.len()];
        for (tied, place) in tied.iter().zip(0u32..) {
            free[tied.cell as usize] = false;
            tied.others.iter().for_each(|(other, _)| followers[*other as usize].push(place));
        }
        let free = free.iter().zip(0u32..).filter(|(free, _)| **free).map(|(_, cell)| cell).collect();
        Some(Self { part, columns, tied, followers, free })
    }

    /// Shows what follows from the directions of some free cells; `tell` hears of the tables that move few cells.
    pub(super) fn show(&self, free: &[u32], shown: &mut Shown, mut tell: impl FnMut(&[(u32, f64)])) {
        let mut moves = Moves::new(self);
        for cell in free {
            if moves.follow(*cell) {
                for (way, step) in [(1.0, moves.room(1.0)), (-1.0, moves.room(-1.0))] {
                    let (values, by) = (&self.part.values, &moves.by);
                    if step <= 0.0 {
                        continue;
                    }
                    let at = |cell: u32| values[cell as usize] + way * step * by[cell as usize];
                    moves.moved.iter().for_each(|cell| shown.add(*cell as usize, (at(*cell), at(*cell))));
                    if moves.moved.len() <= FEW {
                        let moved = moves.moved.iter().map(|cell| (*cell, way * step * by[*cell as usize]));
                        tell(&moved.collect::<Vec<_>>());
                    }
                }
            }
            moves.forget();
        }
    }
}

/// Memory for one direction after the other.
struct Moves<'a> {
    directions: &'a Directions<'a>,
    /// How far each cell moves.
    by: Vec<f64>,
    /// Cells that move.
    moved: Vec<u32>,
    waiting: BinaryHeap<u32>,
    waits: Vec<bool>,
}

impl<'a> Moves<'a> {
    fn new(directions: &'a Directions<'a>) -> Self {
        Self {
            directions,
            by: vec![0.0; directions.part.len()],
            moved: Vec::new(),
            waiting: BinaryHeap::new(),
            waits: vec![false; directions.tied.len()],
        }
    }

    /// Moves a free cell by one, and all that follow. Whether the sums hold then.
    fn follow(&mut self, free: u32) -> bool {
        self.set(free, 1.0);
        let mut most = 1.0_f64;
        while let Some(place) = self.waiting.pop() {
            self.waits[place as usize] = false;
            let tied = &self.directions.tied[place as usize];
            let by: f64 = tied.others.iter().map(|(other, a)| a * self.by[*other as usize]).sum();
            if by.abs() > ZERO {
                most = most.max(by.abs());
                self.set(tied.cell, by);
            }
        }
        self.holds(EXACT * most)
    }

    fn set(&mut self, cell: u32, by: f64) {
        self.by[cell as usize] = by;
        self.moved.push(cell);
        for place in &self.directions.followers[cell as usize] {
            if !std::mem::replace(&mut self.waits[*place as usize], true) {
                self.waiting.push(*place);
            }
        }
    }

    /// Whether no sum misses by more than this.
    fn holds(&self, most: f64) -> bool {
        let part = self.directions.part;
        let mut rows: Vec<u32> =
            self.moved.iter().flat_map(|cell| &self.directions.columns[*cell as usize]).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let missing = |row: &u32| -> f64 {
            part.rows[*row as usize].iter().map(|(cell, sign)| sign * self.by[*cell as usize]).sum()
        };
        rows.iter().all(|row| missing(row).abs() <= most)
    }

    /// How many times the direction one can go from the true table.
    fn room(&self, way: f64) -> f64 {
        let part = self.directions.part;
        let room = self.moved.iter().map(|cell| {
            let (cell, by) = (*cell as usize, way * self.by[*cell as usize]);
            let room =
                if by > 0.0 { part.upper[cell] - part.values[cell] } else { part.values[cell] - part.lower[cell] };
            room / by.abs()
        });
        room.fold(FAR, f64::min)
    }

    fn forget(&mut self) {
        self.moved.drain(..).for_each(|cell| self.by[cell as usize] = 0.0);
    }
}

/// Sums on their way to echelon form.
struct Elimination {
    rows: Vec<Vec<(u32, f64)>>,
    /// Sums that may hold a cell.
    columns: Vec<Vec<u32>>,
    /// Sums by their number of cells, which may have changed since.
    shortest: BinaryHeap<Reverse<(u32, u32)>>,
    /// Those of higher ranks are solved for only if there is no other.
    ranks: Vec<u32>,
    coefficients: usize,
    buffer: Vec<(u32, f64)>,
}

impl Elimination {
    fn new(part: &Part, columns: &[Vec<u32>], ranks: Vec<u32>) -> Self {
        let rows = part.rows.clone();
        let shortest = rows.iter().zip(0u32..).map(|(row, number)| Reverse((row.len() as u32, number))).collect();
        let coefficients = rows.iter().map(Vec::len).sum();
        Self { rows, columns: columns.to_vec(), shortest, ranks, coefficients, buffer: Vec::new() }
    }

    /// Solves one sum after the other for one of its cells. None if there are too many coefficients.
    fn run(mut self) -> Option<Vec<Tied>> {
        let mut tied = Vec::new();
        while let Some(Reverse((length, number))) = self.shortest.pop() {
            if self.rows[number as usize].len() != length as usize {
                continue;
            }
            let row = std::mem::take(&mut self.rows[number as usize]);
            let Some((cell, coefficient)) = self.chosen(&row) else { continue };
            for other in std::mem::take(&mut self.columns[cell as usize]) {
                self.strike(other, cell, &row, coefficient);
            }
            let others =
                row.into_iter().filter(|(other, _)| *other != cell).map(|(other, a)| (other, -a / coefficient));
            tied.push(Tied { cell, others: others.collect() });
            if self.coefficients > MAX_COEFFICIENTS {
                return None;
            }
        }
        Some(tied)
    }

    /// Of the cells of a sum the one in the fewest others.
    fn chosen(&self, row: &[(u32, f64)]) -> Option<(u32, f64)> {
        let most = row.iter().fold(0.0_f64, |most, (_, a)| most.max(a.abs()));
        let great = row.iter().filter(|(_, a)| a.abs() >= SHARE * most).copied();
        great.min_by_key(|(cell, _)| (self.ranks[*cell as usize], self.columns[*cell as usize].len(), *cell))
    }

    /// Takes `cell` out of the sum `other` with the help of `row`.
    fn strike(&mut self, other: u32, cell: u32, row: &[(u32, f64)], coefficient: f64) {
        let old = std::mem::take(&mut self.rows[other as usize]);
        let Ok(at) = old.binary_search_by_key(&cell, |term| term.0) else {
            self.rows[other as usize] = old;
            return;
        };
        let factor = -old[at].1 / coefficient;
        self.buffer.clear();
        let (mut i, mut j) = (0, 0);
        while i < old.len() || j < row.len() {
            let (a, b) = (old.get(i).map_or(u32::MAX, |t| t.0), row.get(j).map_or(u32::MAX, |t| t.0));
            let term = if a < b {
                old[i].1
            } else if b < a {
                factor * row[j].1
            } else {
                old[i].1 + factor * row[j].1
            };
            if a.min(b) != cell && term.abs() > ZERO {
                self.buffer.push((a.min(b), term));
                if b < a {
                    self.columns[b as usize].push(other);
                }
            }
            (i, j) = (i + usize::from(a <= b), j + usize::from(b <= a));
        }
        self.coefficients = self.coefficients + self.buffer.len() - old.len();
        self.rows[other as usize] = self.buffer.clone();
        self.shortest.push(Reverse((self.buffer.len() as u32, other)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parts;
    use super::super::polytope::Polytope;
    use super::*;
    use crate::disclosure::table::{Cell, State, Sum, Table};

    /// A table of `n` × `n` × `n` with all margins, of which some cells are withheld.
    fn cube(n: u32, inner: &[u32], withheld: &[usize]) -> Table {
        let side = n + 1;
        let place = |at: [u32; 3]| (at[0] * side + at[1]) * side + at[2];
        let mut cells = vec![Cell::new(0.0); (side * side * side) as usize];
        for (number, value) in (0u32..).zip(inner) {
            let at = [number / n / n, number / n % n, number % n];
            for total in 0..8u32 {
                let at = [0, 1, 2].map(|axis| if total >> axis & 1 == 1 { n } else { at[axis] });
                cells[place(at) as usize].value += f64::from(*value);
            }
        }
        let mut sums = Vec::new();
        for (axis, a, b) in (0..3).flat_map(|axis| (0..side).flat_map(move |a| (0..side).map(move |b| (axis, a, b)))) {
            let at = |code: u32| {
                let mut at = [a, b, b];
                (at[axis], at[(axis + 1) % 3], at[(axis + 2) % 3]) = (code, a, b);
                place(at)
            };
            sums.push(Sum { total: at(n), parts: (0..n).map(at).collect() });
        }
        withheld.iter().for_each(|cell| cells[*cell].state = State::Secondary);
        Table { cells, sums }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_can_move_is_shown_to_move_and_nothing_else(
            inner in prop::collection::vec(0u32..5, 27),
            withheld in prop::collection::vec(0usize..64, 20..60),
        ) {
            let table = cube(3, &inner, &withheld);
            table.check(1e-9).unwrap();
            for part in parts::split(&table) {
                let columns = part.columns();
                let directions = Directions::of(&part, &columns, |cell| cell % 3).unwrap();
                let mut shown = Shown::new(&part);
                directions.show(&directions.free, &mut shown, |_| ());
                let mut polytope = Polytope::new(&part, u64::MAX);
                let positive = part.values.iter().all(|value| *value > 0.0);
                for cell in 0..part.len() {
                    polytope.reach(cell, 0.0, 1e5, 0.0);
                    let ((low, high), whole) = (shown.interval(cell), polytope.interval(cell));
                    prop_assert!(low >= whole.0 - 1e-6 && (high <= whole.1 + 1e-6 || whole.1 >= 1e5));
                    // Where a cell is 0 a direction may end at once.
                    prop_assert!(!positive || (low < high) == (whole.0 < whole.1 - 1e-9), "{cell}: {low} {high} {whole:?}");
                }
            }
        }
    }
}
