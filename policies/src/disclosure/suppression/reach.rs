//! How far each sensitive cell can be shown to move, and programs that make it move further.
//!
//! A witness is one direction in which withheld cells can change together. How far depends on what an attacker knows of each cell beforehand. What
//! one witness shows of several cells counts for all of them.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome, Variable};

use super::super::table::{State, Table};
use super::field::Random;
use super::pattern::{Pattern, Witness};
use super::window::{Scratch, propose_for};

/// Sizes of the windows in which programs are solved, one after the other.
const WINDOWS: [usize; 5] = [150, 300, 600, 1_500, 4_000];
/// Before programs of this size, which take long, single directions are looked for in windows of these.
const GREAT: usize = 1_500;
const DIRECTED: [usize; 2] = [1_500, 4_000];
/// Directions looked at in each, without the cells that blocked the ones before.
const DIRECTIONS: usize = 32;
/// Draws of the costs, where whole numbers are asked for and the cheapest solution is not whole.
const DRAWS: usize = 4;
/// Smallest change that counts.
const LEAST: f64 = 1e-7;

/// How far above and below its value each cell was shown to reach.
pub(super) struct Reach<'a> {
    table: &'a Table,
    whole: bool,
    up: Vec<f64>,
    down: Vec<f64>,
    random: Random,
    /// Linear programs solved.
    pub(super) programs: u64,
}

impl<'a> Reach<'a> {
    pub(super) fn new(table: &'a Table, whole: bool, seed: u64) -> Self {
        let zero = vec![0.0; table.cells.len()];
        Self { table, whole, up: zero.clone(), down: zero, random: Random(seed), programs: 0 }
    }

    /// What is still missing above and below, of a cell of this index.
    fn missing(&self, cell: u32) -> (f64, f64) {
        let levels = &self.table.cells[cell as usize].levels;
        let (up, down) = (self.up[cell as usize], self.down[cell as usize]);
        // Any change at all is the least that protects.
        let below = if levels.lower > down + LEAST { levels.lower } else { 0.0 };
        let above = levels.upper.max(levels.sliding - down.max(levels.lower)).max(if levels.lower > 0.0 {
            0.0
        } else {
            LEAST * 2.0
        });
        let above = if above > up + LEAST { above } else { 0.0 };
        (above, below)
    }

    /// Makes all primary cells reach their levels, taking more cells where they must. Returns those that do not.
    pub(super) fn extend(&mut self, pattern: &mut Pattern, scratch: &mut Scratch) -> Vec<u32> {
        let cells = 0..self.table.cells.len() as u32;
        let primary: Vec<u32> = cells.filter(|c| self.table.cells[*c as usize].state == State::Primary).collect();
        for cell in &primary {
            let witness = pattern.witness(*cell).clone();
            if keeps_sums(pattern, &witness) {
                self.learn(&witness);
                self.learn(&witness.iter().map(|(c, share)| (*c, -share)).collect());
            }
        }
        let mut narrow = Vec::new();
        for cell in primary {
            for direction in [1.0, -1.0] {
                let (above, below) = self.missing(cell);
                let level = if direction > 0.0 { above } else { below };
                if level > 0.0 && !self.push(pattern, scratch, cell, direction * level, &[]) {
                    narrow.push(cell);
                    break;
                }
            }
        }
        narrow
    }

    /// Counts what a direction shows, as far as one can go in it.
    fn learn(&mut self, witness: &Witness) {
        let step = witness.iter().map(|(cell, share)| {
            let cell = &self.table.cells[*cell as usize];
            let room = if *share > 0.0 { cell.bounds.1 - cell.value } else { cell.value - cell.bounds.0 };
            room / share.abs()
        });
        let step = step.fold(f64::INFINITY, f64::min);
        let step = if self.whole { step.floor() } else { step };
        let whole = !self.whole || witness.iter().all(|(_, share)| share.fract() == 0.0);
        if witness.is_empty() || step <= 0.0 || !whole {
            return;
        }
        for (cell, share) in witness {
            let side = if *share > 0.0 { &mut self.up } else { &mut self.down };
            let reach = &mut side[*cell as usize];
            *reach = reach.max(share.abs() * step.min(1e15));
        }
    }

    /// Whether a cell was shown to go this far, by anybody's leave.
    pub(super) fn reaches(&self, cell: u32, change: f64) -> bool {
        let reach = if change > 0.0 { &self.up } else { &self.down };
        reach[cell as usize] + LEAST >= change.abs()
    }

    /// Finds the cheapest way for `cell` to change by `change` while `still` stand still, and takes the cells it needs.
    pub(super) fn push(
        &mut self,
        pattern: &mut Pattern,
        scratch: &mut Scratch,
        cell: u32,
        change: f64,
        still: &[u32],
    ) -> bool {
        let change = if self.whole { change.signum() * change.abs().ceil() } else { change };
        for size in WINDOWS {
            let directed = |size| self.direction(pattern, scratch, cell, change, (size, still));
            if size == GREAT
                && let Some(witness) = DIRECTED.into_iter().find_map(directed)
            {
                self.buy(pattern, &witness);
                return true;
            }
            let seeds =
                if size == WINDOWS[WINDOWS.len() - 1] { scratch.totals(pattern, cell, still) } else { vec![cell] };
            let mut cells = scratch.around(pattern, &seeds, size, None);
            cells.retain(|c| !still.contains(c));
            for draw in 0..if self.whole { DRAWS } else { 1 } {
                let Some(witness) = self.cheapest(pattern, &cells, cell, change, draw > 0) else { break };
                let fraction = self.whole && witness.iter().any(|(_, share)| share.fract() != 0.0);
                if fraction || !keeps_sums(pattern, &witness) {
                    continue;
                }
                self.buy(pattern, &witness);
                return true;
            }
        }
        false
    }

    /// Withholds what a witness needs for good, and counts what it shows.
    fn buy(&mut self, pattern: &mut Pattern, witness: &Witness) {
        for (used, _) in witness {
            pattern.pin(*used);
        }
        self.learn(witness);
    }

    /// A direction in which `cell` can change by `change`, found by elimination: much faster than a great program, but not the cheapest.
    fn direction(
        &self,
        pattern: &Pattern,
        scratch: &mut Scratch,
        cell: u32,
        change: f64,
        (size, still): (usize, &[u32]),
    ) -> Option<Witness> {
        let mut cells = scratch.around(pattern, &[cell], size, None);
        cells.retain(|c| !still.contains(c));
        for _ in 0..DIRECTIONS {
            let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
            let found = propose_for(scratch, pattern, &cells, &keys, cell)?;
            let own = found.iter().find(|(c, _)| *c == cell)?.1;
            let witness: Witness = found.into_iter().map(|(c, share)| (c, share * change / own)).collect();
            let blocks = |(c, by): &&(u32, f64)| {
                let of = &self.table.cells[*c as usize];
                of.value + by > of.bounds.1 + LEAST || of.value + by < of.bounds.0 - LEAST
            };
            let blocked: Vec<u32> = witness.iter().filter(blocks).map(|(c, _)| *c).collect();
            let whole = !self.whole || witness.iter().all(|(_, by)| by.fract() == 0.0);
            if blocked.is_empty() {
                return (whole && keeps_sums(pattern, &witness)).then_some(witness);
            }
            if blocked.contains(&cell) {
                return None;
            }
            cells.retain(|c| !blocked.contains(c));
        }
        None
    }

    /// The cheapest direction within `cells`, as a linear program.
    fn cheapest(&mut self, pattern: &Pattern, cells: &[u32], cell: u32, change: f64, noise: bool) -> Option<Witness> {
        self.programs += 1;
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let mut rows: std::collections::BTreeMap<u32, Vec<(Variable, f64)>> = std::collections::BTreeMap::new();
        let mut variables: Vec<(u32, Variable, Option<Variable>)> = Vec::new();
        for other in cells {
            let of = self.table.cells.get(*other as usize)?;
            let taken = pattern.roles[*other as usize].withheld();
            // Short witnesses are better than long ones where both are free.
            let cost = if taken { 1e-3 } else { pattern.costs[*other as usize] + 1e-3 };
            let cost = if noise { cost * (0.5 + self.random.unit()) } else { cost };
            let most = change.abs() * 64.0;
            let (up, down) = ((of.bounds.1 - of.value).min(most), (of.value - of.bounds.0).min(most));
            let (up, down) = match *other == cell {
                true if change <= up && -change <= down => (problem.add_var(0.0, (change, change)), None),
                true => return None,
                false => (problem.add_var(cost, (0.0, up)), Some(problem.add_var(cost, (0.0, down)))),
            };
            for (row, sign) in &pattern.columns[*other as usize] {
                let terms = rows.entry(*row).or_default();
                terms.push((up, f64::from(*sign)));
                terms.extend(down.map(|down| (down, -f64::from(*sign))));
            }
            variables.push((*other, up, down));
        }
        for row in rows.into_values() {
            problem.add_constraint(row, ComparisonOp::Eq, 0.0);
        }
        let Ok(SolveOutcome::Solution(solution)) = problem.solve() else { return None };
        let change = |(other, up, down): &(u32, Variable, Option<Variable>)| {
            (*other, solution.var_value(*up) - down.map_or(0.0, |down| solution.var_value(down)))
        };
        let witness = variables.iter().map(change).filter(|(_, c)| c.abs() > LEAST * 1e-2);
        let whole = |c: f64| if (c - c.round()).abs() < 1e-6 { c.round() } else { c };
        Some(witness.map(|(other, c)| (other, if self.whole { whole(c) } else { c })).collect())
    }
}

/// Whether every sum still holds after the change: shares found modulo a prime can be fractions, which look like great whole numbers.
fn keeps_sums(pattern: &Pattern, witness: &Witness) -> bool {
    let mut sums: std::collections::BTreeMap<u32, (f64, f64)> = std::collections::BTreeMap::new();
    for (cell, share) in witness {
        for (row, sign) in &pattern.columns[*cell as usize] {
            let sum = sums.entry(*row).or_default();
            sum.0 += share * f64::from(*sign);
            sum.1 = sum.1.max(share.abs());
        }
    }
    sums.values().all(|(sum, greatest)| sum.abs() <= greatest * 1e-9) && witness.iter().all(|(_, s)| s.abs() < 1e6)
}
