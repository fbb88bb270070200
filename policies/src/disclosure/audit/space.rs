//! What is shown of a part's cells, looked for near each cell first: a table that could be the true one and differs from it in a few cells shows as much as one that
//! differs in all, and is found in a fraction of the time. Only where none is found nearby the whole part is looked at.

use super::near::Surroundings;
use super::parts::Part;
use super::polytope::Polytope;
use super::{Need, Options};

/// Cells that are let move, step by step; beyond the last the whole part.
const NEAR: [usize; 4] = [60, 300, 1_500, 6_000];
/// Greatest surroundings in which every direction is tried, which shows much of other cells too.
const EACH_DIRECTION: usize = 300;
/// Greatest part that is looked at as a whole; in greater ones, what is not shown nearby counts as not safe.
const MAX_WHOLE: usize = 20_000;
/// Greatest part in which the narrowest interval is worked out to its ends.
const MAX_NARROWEST: usize = 400;
/// Cells whose whole interval is worked out to find the narrowest.
const NARROWEST_TRIED: usize = 32;

/// Intervals shown of a part's cells.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Shown {
    /// The true table alone.
    pub(super) fn new(part: &Part) -> Self {
        Self { low: part.values.clone(), high: part.values.clone() }
    }

    /// The interval shown so far.
    pub(super) fn interval(&self, cell: usize) -> (f64, f64) {
        (self.low[cell], self.high[cell])
    }

    /// Adds an interval of a cell.
    pub(super) fn add(&mut self, cell: usize, (low, high): (f64, f64)) {
        self.low[cell] = self.low[cell].min(low);
        self.high[cell] = self.high[cell].max(high);
    }

    /// Adds what was shown elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        (0..self.low.len()).for_each(|cell| self.add(cell, other.interval(cell)));
    }
}

/// A part, and what was shown of it.
pub(super) struct Space<'a> {
    pub(super) part: &'a Part,
    near: Surroundings<'a>,
    pub(super) shown: Shown,
    whole: Option<Polytope<'a>>,
    max_steps: u64,
    programs: u64,
}

impl<'a> Space<'a> {
    /// Of a part whose `columns` are the sums of each cell.
    pub(super) fn new(part: &'a Part, columns: &'a [Vec<u32>], shown: Shown, options: &Options) -> Self {
        Self {
            part,
            near: Surroundings::new(part, columns),
            shown,
            whole: None,
            max_steps: options.max_steps,
            programs: 0,
        }
    }

    /// The interval shown so far.
    pub(super) fn interval(&self, cell: usize) -> (f64, f64) {
        self.shown.interval(cell)
    }

    /// The whole part, if it is not too great.
    fn whole(&mut self) -> Option<&mut Polytope<'a>> {
        if self.part.len() > MAX_WHOLE {
            return None;
        }
        Some(self.whole.get_or_insert_with(|| Polytope::new(self.part, self.max_steps)))
    }

    /// Sizes that are smaller than the whole.
    fn sizes(&self) -> impl Iterator<Item = usize> + use<> {
        let all = self.part.len();
        NEAR.into_iter().filter(move |size| size * 2 < all)
    }

    /// Shows as much of a cell's interval as it needs, if that can be shown nearby; `tell` hears of tables found on the way.
    pub(super) fn reach_nearby(&mut self, cell: u32, need: &Need, mut tell: impl FnMut(&[(u32, f64)])) {
        let (at, value) = (cell as usize, self.part.values[cell as usize]);
        let (low, high) = (value - need.down, value + need.up);
        for size in self.sizes() {
            if need.met(value, self.interval(at)) {
                return;
            }
            let Some(near) = self.near.of(cell, size) else { continue };
            let mut polytope = Polytope::new(&near, self.max_steps);
            // What was shown elsewhere counts.
            polytope.know(0, self.interval(at));
            if size <= EACH_DIRECTION {
                polytope.each_direction(|moved| tell(&outer(&near, moved)));
            }
            polytope.reach(0, low, high, need.width);
            self.programs += polytope.programs;
            for (place, outer) in near.cells.iter().enumerate() {
                self.shown.add(*outer as usize, polytope.interval(place));
            }
        }
    }

    /// Likewise in the whole part. Whether the search was whole.
    pub(super) fn reach(&mut self, cell: u32, need: &Need, mut tell: impl FnMut(&[(u32, f64)])) -> bool {
        let (at, value) = (cell as usize, self.part.values[cell as usize]);
        let (low, high) = (value - need.down, value + need.up);
        if need.met(value, self.interval(at)) {
            return true;
        }
        let first = self.whole.is_none();
        let interval = self.interval(at);
        let count = self.part.len();
        let Some(polytope) = self.whole() else { return false };
        if first {
            polytope.each_direction(&mut tell);
        }
        polytope.know(at, interval);
        let done = polytope.reach(at, low, high, need.width);
        let found: Vec<(f64, f64)> = (0..count).map(|cell| polytope.interval(cell)).collect();
        found.into_iter().enumerate().for_each(|(cell, interval)| self.shown.add(cell, interval));
        done
    }

    /// Whether one who knows the cells `known` is kept from a cell by what is near; otherwise the interval left to them, and that this is only what could be shown.
    pub(super) fn knowing_nearby(
        &mut self,
        known: &[u32],
        cell: u32,
        need: &Need,
        mut tell: impl FnMut(&[(u32, f64)]),
    ) -> Result<(), ((f64, f64), bool)> {
        let value = self.part.values[cell as usize];
        let goal = (value - need.down, value + need.up, need.width);
        for size in self.sizes() {
            let Some(near) = self.near.of(cell, size) else { continue };
            let own = near.cells.iter().enumerate().filter(|(_, outer)| known.contains(outer));
            let own: Vec<u32> = own.map(|(place, _)| place as u32).collect();
            let mut polytope = Polytope::new(&near, self.max_steps);
            let (interval, _) = polytope.reach_knowing(&own, 0, goal, |moved| tell(&outer(&near, moved)));
            self.programs += polytope.programs;
            if need.met(value, interval) {
                return Ok(());
            }
        }
        Err(((value, value), true))
    }

    /// Likewise by the whole part.
    pub(super) fn knowing(
        &mut self,
        known: &[u32],
        cell: u32,
        need: &Need,
        mut tell: impl FnMut(&[(u32, f64)]),
    ) -> Result<(), ((f64, f64), bool)> {
        if self.knowing_nearby(known, cell, need, &mut tell).is_ok() {
            return Ok(());
        }
        let value = self.part.values[cell as usize];
        let goal = (value - need.down, value + need.up, need.width);
        let Some(polytope) = self.whole() else { return Err(((value, value), true)) };
        let (interval, whole) = polytope.reach_knowing(known, cell as usize, goal, tell);
        if need.met(value, interval) { Ok(()) } else { Err((interval, !whole)) }
    }

    /// The width of the narrowest interval, relative to what it must be; in great parts, of what was shown of it.
    pub(super) fn narrowest(&mut self, needs: &[Option<Need>]) -> Option<f64> {
        let ratio = |space: &Self, cell: usize, need: &Need| {
            let (low, high) = space.interval(cell);
            (high - low) / need.total()
        };
        let needy = needs.iter().enumerate().filter_map(|(cell, need)| Some((cell, need.as_ref()?)));
        let mut open: Vec<(f64, usize)> = needy.map(|(cell, need)| (ratio(self, cell, need), cell)).collect();
        open.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut found = f64::INFINITY;
        let exact = self.part.len() <= MAX_NARROWEST;
        for (tried, (shown, cell)) in open.into_iter().enumerate() {
            if shown >= found {
                break;
            }
            let Some(need) = &needs[cell] else { continue };
            let (lower, upper) = (self.part.lower[cell], self.part.upper[cell]);
            if exact
                && tried < NARROWEST_TRIED
                && let Some(polytope) = self.whole()
            {
                polytope.reach(cell, lower, upper, 0.0);
                let interval = polytope.interval(cell);
                self.shown.add(cell, interval);
            }
            found = found.min(ratio(self, cell, need));
        }
        found.is_finite().then_some(found)
    }

    /// Programs solved in all.
    pub(super) fn programs(&self) -> u64 {
        self.programs + self.whole.as_ref().map_or(0, |polytope| polytope.programs)
    }
}

/// Cells of a part's part by their places in the part.
fn outer(near: &Part, moved: &[(u32, f64)]) -> Vec<(u32, f64)> {
    moved.iter().map(|(place, by)| (near.cells[*place as usize], *by)).collect()
}
