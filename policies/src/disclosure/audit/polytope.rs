//! All tables that agree with what is published of a part: a polytope, explored by the simplex method with bounded variables.
//!
//! The true table is the first point, so none has to be searched for. From it one steps along edges; a variable that is not basic may lie between its bounds,
//! which the textbook's method does not allow and which makes starting there free. What each step reaches is kept as a shown interval of each cell that it
//! moves. At the end of every program the point is checked against the original sums; if it has drifted, what it showed is forgotten.

use super::parts::Part;

/// Coefficients below this are rounding errors.
const ZERO: f64 = 1e-10;
/// Smallest coefficient to pivot on.
const PIVOT: f64 = 1e-7;
/// A sum that has only smaller coefficients left follows from others. One left out by mistake is seen when the point is checked.
const INDEPENDENT: f64 = 1e-3;
/// Steps without movement after which the rule that cannot cycle is used.
const STALLED: u32 = 64;
/// A cell that is not basic.
const NOT_BASIC: u32 = u32::MAX;

/// The tableau: each row says `basic + Σ coefficient · other = constant`.
#[derive(Debug)]
pub(super) struct Polytope<'a> {
    part: &'a Part,
    lower: Vec<f64>,
    upper: Vec<f64>,
    x: Vec<f64>,
    /// How far a value may be beyond a bound and a sum may miss.
    slack: f64,
    /// Row in which a cell is basic.
    row_of: Vec<u32>,
    basic: Vec<u32>,
    rows: Vec<Vec<(u32, f64)>>,
    /// Rows that may hold a cell.
    columns: Vec<Vec<u32>>,
    /// Intervals shown so far.
    low: Vec<f64>,
    high: Vec<f64>,
    steps_left: u64,
    buffer: Vec<(u32, f64)>,
    /// Programs solved.
    pub(super) programs: u64,
}

/// What is in the way of a step.
enum Block {
    /// The cell that moves is at its own other bound.
    Own,
    /// The basic cell of a row is at a bound.
    Row(usize),
}

impl<'a> Polytope<'a> {
    /// The tables that agree with what is published of `part`.
    pub(super) fn new(part: &'a Part, max_steps: u64) -> Self {
        let n = part.cells.len();
        let greatest = part.values.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
        let mut polytope = Self {
            part,
            lower: part.lower.clone(),
            upper: part.upper.clone(),
            x: part.values.clone(),
            slack: 1e-9 * greatest,
            row_of: vec![NOT_BASIC; n],
            basic: Vec::new(),
            rows: Vec::new(),
            columns: vec![Vec::new(); n],
            low: part.values.clone(),
            high: part.values.clone(),
            steps_left: max_steps,
            buffer: Vec::new(),
            programs: 0,
        };
        polytope.eliminate();
        polytope
    }

    /// The interval shown so far.
    pub(super) fn interval(&self, cell: usize) -> (f64, f64) {
        (self.low[cell], self.high[cell])
    }

    /// What was shown of a cell elsewhere.
    pub(super) fn know(&mut self, cell: usize, (low, high): (f64, f64)) {
        self.low[cell] = self.low[cell].min(low);
        self.high[cell] = self.high[cell].max(high);
    }

    /// The current point.
    pub(super) fn point(&self) -> &[f64] {
        &self.x
    }

    /// Solves the sums, one after the other, for one cell each.
    fn eliminate(&mut self) {
        for index in 0..self.part.rows.len() {
            let mut row = self.part.rows[index].clone();
            let basics: Vec<(u32, f64)> =
                row.iter().copied().filter(|(cell, _)| self.row_of[*cell as usize] != NOT_BASIC).collect();
            for (cell, coefficient) in basics {
                let other = self.row_of[cell as usize] as usize;
                row.retain(|(c, _)| *c != cell);
                merge(&mut row, &self.rows[other], -coefficient, &mut self.buffer, |_| ());
            }
            // Of those that are large enough the one in the fewest rows, so that rows stay short; then the one with the most room.
            let most = row.iter().fold(0.0_f64, |most, (_, a)| most.max(a.abs()));
            if most < INDEPENDENT {
                continue;
            }
            let room = |cell: u32| {
                (self.upper[cell as usize] - self.x[cell as usize])
                    .min(self.x[cell as usize] - self.lower[cell as usize])
            };
            let better = |a: u32, b: u32| {
                let count = |cell: u32| self.columns[cell as usize].len();
                count(a).cmp(&count(b)).then(room(b).total_cmp(&room(a))).then(a.cmp(&b))
            };
            let chosen =
                row.iter().filter(|(_, a)| a.abs() >= 0.5 * most).map(|(cell, _)| *cell).min_by(|a, b| better(*a, *b));
            if let Some(cell) = chosen {
                self.add_row(row, cell);
            }
        }
    }

    /// Enters a row that `cell` becomes basic in, and removes the cell from all others.
    fn add_row(&mut self, mut row: Vec<(u32, f64)>, cell: u32) {
        let coefficient = take(&mut row, cell);
        row.iter_mut().for_each(|(_, a)| *a /= coefficient);
        let number = self.rows.len();
        for other in self.column(cell) {
            let factor = take(&mut self.rows[other], cell);
            self.add_to(other, &row, -factor);
        }
        row.iter().for_each(|(c, _)| self.columns[*c as usize].push(number as u32));
        self.columns[cell as usize].clear();
        self.row_of[cell as usize] = number as u32;
        self.basic.push(cell);
        self.rows.push(row);
    }

    /// Adds `factor` times `row` to the row `other`.
    fn add_to(&mut self, other: usize, row: &[(u32, f64)], factor: f64) {
        let columns = &mut self.columns;
        merge(&mut self.rows[other], row, factor, &mut self.buffer, |cell| columns[cell as usize].push(other as u32));
    }

    /// The rows that hold a cell which is not basic.
    fn column(&mut self, cell: u32) -> Vec<usize> {
        let mut rows = std::mem::take(&mut self.columns[cell as usize]);
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|row| self.rows[*row as usize].binary_search_by_key(&cell, |t| t.0).is_ok());
        let found = rows.iter().map(|row| *row as usize).collect();
        self.columns[cell as usize] = rows;
        found
    }

    fn coefficient(&self, row: usize, cell: u32) -> f64 {
        self.rows[row].binary_search_by_key(&cell, |t| t.0).map_or(0.0, |at| self.rows[row][at].1)
    }

    /// How far `cell`, which is not basic, can go in `direction`, and what stops it.
    fn room(&self, cell: u32, direction: f64, column: &[usize], careful: bool) -> (f64, Block) {
        let (mut step, mut block) = (self.room_of(cell as usize, direction), Block::Own);
        let mut size = f64::INFINITY;
        for row in column {
            let rate = -self.coefficient(*row, cell) * direction;
            if rate.abs() < PIVOT {
                continue;
            }
            let basic = self.basic[*row];
            let limit = (self.room_of(basic as usize, rate) / rate.abs()).max(0.0);
            // Among equals the largest coefficient, or, where steps go in circles, the first cell.
            let wins = if careful {
                limit < step || (limit == step && matches!(block, Block::Row(r) if basic < self.basic[r]))
            } else {
                limit < step - self.slack
                    || (limit <= step + self.slack && rate.abs() > size && matches!(block, Block::Row(_)))
            };
            if wins {
                (step, size, block) = (limit.min(step), rate.abs(), Block::Row(*row));
            }
        }
        (step, block)
    }

    fn room_of(&self, cell: usize, direction: f64) -> f64 {
        if direction > 0.0 { self.upper[cell] - self.x[cell] } else { self.x[cell] - self.lower[cell] }
    }

    /// Moves a cell that is not basic, and the basic ones with it. The point may be anywhere: nothing is shown by it yet.
    fn shift(&mut self, cell: u32, by: f64, column: &[usize]) {
        self.x[cell as usize] += by;
        for row in column {
            let basic = self.basic[*row] as usize;
            let moved = self.x[basic] - self.coefficient(*row, cell) * by;
            self.x[basic] = if (moved - self.lower[basic]).abs() <= self.slack {
                self.lower[basic]
            } else if (moved - self.upper[basic]).abs() <= self.slack {
                self.upper[basic]
            } else {
                moved
            };
        }
    }

    /// Keeps what the point shows of the cells that a step moved.
    fn show(&mut self, cell: u32, column: &[usize]) {
        let moved = column.iter().map(|row| self.basic[*row]).chain([cell]);
        for cell in moved {
            let (cell, x) = (cell as usize, self.x[cell as usize]);
            self.low[cell] = self.low[cell].min(x);
            self.high[cell] = self.high[cell].max(x);
        }
    }

    /// Makes `cell` basic in `row` instead of the cell that is.
    fn pivot(&mut self, row: usize, cell: u32) {
        let leaving = self.basic[row];
        let mut pivoted = std::mem::take(&mut self.rows[row]);
        let coefficient = take(&mut pivoted, cell);
        pivoted.iter_mut().for_each(|(_, a)| *a /= coefficient);
        let at = pivoted.partition_point(|(c, _)| *c < leaving);
        pivoted.insert(at, (leaving, 1.0 / coefficient));
        for other in self.column(cell) {
            let factor = take(&mut self.rows[other], cell);
            if factor != 0.0 {
                self.add_to(other, &pivoted, -factor);
            }
        }
        self.columns[leaving as usize].push(row as u32);
        self.columns[cell as usize].clear();
        self.rows[row] = pivoted;
        self.basic[row] = cell;
        self.row_of[cell as usize] = row as u32;
        self.row_of[leaving as usize] = NOT_BASIC;
    }

    /// A cell to move so that `wanted` goes in `direction`, and which way; none if there is none.
    fn entering(&self, wanted: usize, direction: f64, careful: bool) -> Option<(u32, f64)> {
        let row = self.row_of[wanted];
        if row == NOT_BASIC {
            return (self.room_of(wanted, direction) > self.slack).then_some((wanted as u32, direction));
        }
        let mut best: Option<(u32, f64, f64)> = None;
        for (cell, a) in &self.rows[row as usize] {
            if a.abs() < PIVOT {
                continue;
            }
            let way = if -a * direction > 0.0 { 1.0 } else { -1.0 };
            if self.room_of(*cell as usize, way) <= self.slack {
                continue;
            }
            if careful {
                return Some((*cell, way));
            }
            if best.is_none_or(|(_, _, size)| a.abs() > size) {
                best = Some((*cell, way, a.abs()));
            }
        }
        best.map(|(cell, way, _)| (cell, way))
    }

    /// Moves `wanted` in `direction` until it is at `goal` or cannot go on. False if the limit on steps was met first.
    fn run(&mut self, wanted: usize, direction: f64, goal: f64, show: bool) -> bool {
        self.programs += 1;
        let (mut stalled, mut careful) = (0u32, false);
        while (goal - self.x[wanted]) * direction > self.slack {
            let Some((cell, way)) = self.entering(wanted, direction, careful) else { return true };
            if self.steps_left == 0 {
                return false;
            }
            let column = self.column(cell);
            // A step costs what it touches.
            self.steps_left = self.steps_left.saturating_sub(1 + column.len() as u64 / 16);
            let (step, block) = self.room(cell, way, &column, careful);
            if step.is_infinite() {
                // Nothing is in the way: as far as asked, or a long way.
                let far = if goal.is_finite() {
                    2.0 * (goal - self.x[wanted]).abs() + 1.0
                } else {
                    1e6 * (1.0 + self.x[wanted].abs())
                };
                self.shift(cell, way * far, &column);
                if show {
                    self.show(cell, &column);
                }
                return true;
            }
            if step > self.slack {
                self.shift(cell, way * step, &column);
                if show {
                    self.show(cell, &column);
                }
                (stalled, careful) = (0, false);
            } else {
                stalled += 1;
                careful |= stalled > STALLED;
            }
            if let Block::Row(row) = block {
                self.pivot(row, cell);
            }
        }
        true
    }

    /// Whether the point is within bounds and satisfies the original sums.
    fn holds(&self) -> bool {
        let loose = 1e3 * self.slack;
        let within = (0..self.x.len())
            .all(|c| self.x[c] >= self.part.lower[c] - loose && self.x[c] <= self.part.upper[c] + loose);
        within
            && self.part.rows.iter().all(|row| {
                let sum = |values: &[f64]| row.iter().map(|(cell, sign)| sign * values[*cell as usize]).sum::<f64>();
                let size = row.iter().fold(1.0_f64, |most, (cell, _)| most.max(self.x[*cell as usize].abs()));
                (sum(&self.x) - sum(&self.part.values)).abs() <= loose + 1e-9 * size
            })
    }

    /// How far a cell is from its true value.
    fn moved_by(&self, cell: u32) -> f64 {
        self.x[cell as usize] - self.part.values[cell as usize]
    }

    /// Back to the true table.
    pub(super) fn back(&mut self) {
        self.x.clone_from(&self.part.values);
    }

    /// Forgets the tableau, which has drifted.
    fn renew(&mut self) {
        self.back();
        let n = self.part.cells.len();
        self.row_of = vec![NOT_BASIC; n];
        self.basic.clear();
        self.rows.clear();
        self.columns = vec![Vec::new(); n];
        self.eliminate();
    }

    /// Runs a program whose steps are shown only if the point at its end holds.
    fn shown(&mut self, cell: usize, direction: f64, goal: f64) -> bool {
        let before = (self.low.clone(), self.high.clone());
        for _ in 0..2 {
            let whole = self.run(cell, direction, goal, true);
            if self.holds() {
                return whole;
            }
            (self.low, self.high) = before.clone();
            self.renew();
        }
        false
    }

    /// Shows as much of a cell's interval as reaches `low` and `high` and is `width` wide, if it can be. False if the limit on steps was met.
    pub(super) fn reach(&mut self, cell: usize, low: f64, high: f64, width: f64) -> bool {
        let mut whole = true;
        if self.high[cell] < high - self.slack {
            whole &= self.shown(cell, 1.0, high);
        }
        if self.low[cell] > low + self.slack {
            whole &= self.shown(cell, -1.0, low);
        }
        let open = |polytope: &Self| width - (polytope.high[cell] - polytope.low[cell]);
        if open(self) > self.slack {
            whole &= self.shown(cell, 1.0, self.low[cell] + width);
        }
        if open(self) > self.slack {
            whole &= self.shown(cell, -1.0, self.high[cell] - width);
        }
        whole
    }

    /// From the true table, one step along every edge of the first basis, both ways: `tell` hears the cells that moved, and by how much. Shows much at little
    /// cost.
    pub(super) fn each_direction(&mut self, mut tell: impl FnMut(&[(u32, f64)])) {
        for cell in 0..self.x.len() as u32 {
            if self.row_of[cell as usize] != NOT_BASIC {
                continue;
            }
            let column = self.column(cell);
            for way in [1.0, -1.0] {
                let (step, _) = self.room(cell, way, &column, false);
                // Without end where nothing is known to be above.
                let step = if step.is_finite() { step } else { 1e6 };
                if step > self.slack {
                    self.shift(cell, way * step, &column);
                    self.show(cell, &column);
                    let moved = column.iter().map(|row| self.basic[*row]).chain([cell]);
                    let moved: Vec<(u32, f64)> = moved.map(|cell| (cell, self.moved_by(cell))).collect();
                    tell(&moved);
                    for (cell, _) in moved {
                        self.x[cell as usize] = self.part.values[cell as usize];
                    }
                }
            }
        }
        self.back();
    }

    /// The interval of a cell for one who knows `known`, as far as it must be known to reach the levels; and whether that was within the limit on
    /// steps. `tell` hears of every table at a program's end.
    pub(super) fn reach_knowing(
        &mut self,
        known: &[u32],
        cell: usize,
        (low, high, width): (f64, f64, f64),
        mut tell: impl FnMut(&[(u32, f64)]),
    ) -> ((f64, f64), bool) {
        let value = self.part.values[cell];
        for cell in known {
            let cell = *cell as usize;
            (self.lower[cell], self.upper[cell]) = (self.part.values[cell], self.part.values[cell]);
        }
        let (mut found, mut whole) = ((value, value), true);
        for (direction, goal) in [(1.0, high.max(value + width)), (-1.0, low)] {
            self.back();
            // What is missing of the width after the way up must be found below.
            let goal = if direction < 0.0 { goal.min(found.1 - width) } else { goal };
            if (goal - value) * direction <= self.slack {
                continue;
            }
            whole &= self.run(cell, direction, goal, false);
            if !self.holds() {
                self.renew();
                whole &= self.run(cell, direction, goal, false) && self.holds();
            }
            if self.holds() {
                found = (found.0.min(self.x[cell]), found.1.max(self.x[cell]));
                let moved = (0..self.x.len() as u32).map(|cell| (cell, self.moved_by(cell)));
                tell(&moved.filter(|(_, by)| by.abs() > self.slack).collect::<Vec<_>>());
            }
        }
        for cell in known {
            let cell = *cell as usize;
            (self.lower[cell], self.upper[cell]) = (self.part.lower[cell], self.part.upper[cell]);
        }
        self.back();
        (found, whole)
    }
}

/// Takes a cell's coefficient out of a row.
fn take(row: &mut Vec<(u32, f64)>, cell: u32) -> f64 {
    row.binary_search_by_key(&cell, |t| t.0).map_or(0.0, |at| row.remove(at).1)
}

/// Adds `factor` times `other` to `row`; both sorted by cell. `enters` hears of cells that were not in `row`.
fn merge(
    row: &mut Vec<(u32, f64)>,
    other: &[(u32, f64)],
    factor: f64,
    buffer: &mut Vec<(u32, f64)>,
    mut enters: impl FnMut(u32),
) {
    buffer.clear();
    buffer.reserve(row.len() + other.len());
    let (mut a, mut b) = (row.iter().peekable(), other.iter().peekable());
    loop {
        let term = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                let term = (x.0, x.1 + factor * y.1);
                a.next();
                b.next();
                term
            }
            (Some(x), y) if y.is_none_or(|y| x.0 < y.0) => {
                let term = **x;
                a.next();
                term
            }
            (_, Some(y)) => {
                let term = (y.0, factor * y.1);
                b.next();
                if term.1.abs() > ZERO {
                    enters(term.0);
                }
                term
            }
            (_, None) => break,
        };
        if term.1.abs() > ZERO {
            buffer.push(term);
        }
    }
    std::mem::swap(row, buffer);
}
