//! Cuts: sums that would give a protected cell away if nothing else in them were withheld.
//!
//! A combination of published sums in which one protected cell stands beside other cells lets everybody compute it, unless one of those is withheld too. A
//! pattern protects every cell if it holds a cell of every such cut (a cocircuit of the sums). There are far too many to list: those that a pattern, or shares of
//! cells, do not meet are found by elimination.

use std::collections::HashSet;

use super::echelon::Vector;
use super::field::{self, Random};
use super::kernel::Kernel;
use super::pattern::{Pattern, Role};
use super::window::Scratch;

/// A share of a cell below this counts as none, and a cut as met if this is missing.
const TOLERANCE: f64 = 1e-6;

/// Cells that may change while all others stand still, and the cuts known of them. Cells are named by their place here.
pub(super) struct Region {
    /// The cells of the table.
    pub(super) cells: Vec<u32>,
    pub(super) costs: Vec<f64>,
    /// Cells that are withheld whatever else is.
    pub(super) held: Vec<bool>,
    /// Cells that must be able to change, and can.
    protected: Vec<u32>,
    rows: Vec<Vector>,
    pub(super) cuts: Vec<Vec<u32>>,
    known: HashSet<Vec<u32>>,
}

impl Region {
    /// Of these cells of the table, all that may be withheld.
    pub(super) fn new(pattern: &Pattern, scratch: &mut Scratch, cells: Vec<u32>) -> Self {
        let rows = scratch.rows(pattern, &cells);
        let held: Vec<bool> = cells.iter().map(|c| pattern.roles[*c as usize] == Role::Held).collect();
        let costs = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
        let mut region =
            Self { costs, held, protected: Vec::new(), rows, cuts: Vec::new(), known: HashSet::new(), cells };
        let all: Vec<f64> = vec![1.0; region.cells.len()];
        let (kernel, order) = region.kernel(&all, |_| 0.0);
        let protected = |place: &usize| pattern.protected[region.cells[order[*place] as usize] as usize];
        let places = (0..order.len()).filter(protected).filter(|place| kernel.moves(*place));
        region.protected = places.map(|place| order[place]).collect();
        region.protected.sort_unstable();
        scratch.work += kernel.work;
        region
    }

    /// Of these cells alone, while all others stay as they are: withheld ones go on changing, published ones stand still.
    pub(super) fn window(pattern: &Pattern, scratch: &mut Scratch, window: &[u32]) -> Self {
        let mut inside = vec![false; pattern.len()];
        let may = |c: &&u32| matches!(pattern.roles[**c as usize], Role::Open | Role::Taken);
        let window: Vec<u32> = window.iter().filter(may).copied().collect();
        window.iter().for_each(|c| inside[*c as usize] = true);
        let mut cells = pattern.cells(Role::withheld);
        cells.retain(|c| !inside[*c as usize]);
        let first = cells.len();
        cells.extend(&window);
        let kernel = scratch.kernel(pattern, &cells, first);
        // What of the others moves with none of the others needs the window.
        let needs = |place: &usize| {
            let row = kernel.combination(*place).and_then(|row| row.first());
            pattern.protected[cells[*place] as usize] && row.is_some_and(|(mover, _)| *mover as usize >= first)
        };
        let needy: Vec<usize> = (0..first).filter(needs).collect();
        let mut rows = Vec::new();
        let tied = (first..cells.len()).map(|place| (place, place - first));
        for (place, name) in tied.chain(needy.iter().enumerate().map(|(i, place)| (*place, window.len() + i))) {
            let Some(combination) = kernel.combination(place) else { continue };
            let others = combination.iter().map(|(mover, c)| (mover - first as u32, field::neg(*c)));
            rows.push(std::iter::once((name as u32, 1)).chain(others).collect());
        }
        let held: Vec<bool> = (0..window.len() + needy.len()).map(|place| place >= window.len()).collect();
        let protected = (window.len() as u32..held.len() as u32).collect();
        let cells: Vec<u32> = window.iter().copied().chain(needy.iter().map(|place| cells[*place])).collect();
        let costs = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
        Self { costs, held, protected, rows, cuts: Vec::new(), known: HashSet::new(), cells }
    }

    /// What the pattern withholds here.
    pub(super) fn taken(&self, pattern: &Pattern) -> Vec<bool> {
        self.cells.iter().map(|c| pattern.roles[*c as usize].withheld()).collect()
    }

    /// Makes the pattern what is `taken`.
    pub(super) fn replace(&self, pattern: &mut Pattern, taken: &[bool]) {
        for (cell, taken) in self.cells.iter().zip(taken) {
            let role = &mut pattern.roles[*cell as usize];
            if *role != Role::Held {
                *role = if *taken { Role::Taken } else { Role::Open };
            }
        }
    }

    /// What the cells cost that need not be withheld and are.
    pub(super) fn cost(&self, taken: &[bool]) -> f64 {
        let own = |place: &usize| taken[*place] && !self.held[*place];
        (0..taken.len()).filter(own).map(|place| self.costs[place]).sum()
    }

    /// The sums solved for the cells with the greatest shares, then for those with the lowest `keys`; and the order of the cells in it.
    fn kernel(&self, shares: &[f64], keys: impl Fn(u32) -> f64) -> (Kernel, Vec<u32>) {
        let keys: Vec<f64> = (0..shares.len() as u32).map(keys).collect();
        let share = |place: u32| if self.held[place as usize] { 2.0 } else { shares[place as usize] };
        let mut order: Vec<u32> = (0..shares.len() as u32).collect();
        order.sort_by(|a, b| {
            let keys = keys[*a as usize].total_cmp(&keys[*b as usize]);
            share(*b).total_cmp(&share(*a)).then(keys).then(a.cmp(b))
        });
        let mut places = vec![0; order.len()];
        order.iter().zip(0u32..).for_each(|(cell, place)| places[*cell as usize] = place);
        let rows = self.rows.iter().map(|row| {
            let mut row: Vector = row.iter().map(|(cell, c)| (places[*cell as usize], *c)).collect();
            row.sort_unstable_by_key(|(place, _)| *place);
            row
        });
        let first = order.iter().take_while(|cell| share(**cell) >= 1.0 - TOLERANCE).count();
        (Kernel::new(order.len(), first, rows.collect()), order)
    }

    /// Whether what is `taken` leaves a protected cell without protection. Cuts that say so are added.
    pub(super) fn lacks(&mut self, taken: &[bool], work: &mut u64) -> bool {
        let shares: Vec<f64> = taken.iter().map(|taken| if *taken { 1.0 } else { 0.0 }).collect();
        self.separate(&shares, None, work).0 > 0
    }

    /// Adds cuts that these shares of cells do not meet. How many they do not meet, none if the shares are all 0 or 1 and every cell is protected; and how many of
    /// those are new. With `random`, others are found each time.
    pub(super) fn separate(&mut self, shares: &[f64], random: Option<&mut Random>, work: &mut u64) -> (usize, usize) {
        let noise: Vec<f64> = match random {
            Some(random) => self.costs.iter().map(|cost| cost * (0.5 + random.unit())).collect(),
            None => self.costs.clone(),
        };
        // Dear cells are left free: cuts made of them say most.
        let (kernel, order) = self.kernel(shares, |place| noise[place as usize]);
        *work += kernel.work;
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, cell)| places[*cell as usize] = place);
        let (before, mut missed) = (self.cuts.len(), 0);
        for cell in &self.protected {
            let place = places[*cell as usize];
            let movers = kernel.movers(place);
            if movers.first() == Some(&(place as u32)) {
                continue;
            }
            let mut cut: Vec<u32> = movers.into_iter().map(|place| order[place as usize]).collect();
            let met: f64 = cut.iter().map(|c| if self.held[*c as usize] { 1.0 } else { shares[*c as usize] }).sum();
            if met < 1.0 - TOLERANCE {
                missed += 1;
                cut.sort_unstable();
                if self.known.insert(cut.clone()) {
                    self.cuts.push(cut);
                }
            }
        }
        (missed, self.cuts.len() - before)
    }
}
