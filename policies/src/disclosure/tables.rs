//! Tables of a dataflow's figures: cells, and the sums between them, the figures that were published before among them.
//!
//! Figures of different periods seldom add up, so each period is a table of its own; where a dataflow has months beside quarters or years, each year is. The
//! code lists say which sums there may be, the figures whether they hold: a total that differs from its parts by as much as must stay hidden gives none of
//! them away.

mod ages;
mod axes;
mod keys;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::table::{Cell, Levels, State, Sum, Table};

pub(super) use axes::{Axis, TOTAL};
pub(super) use keys::{Coders, Rows};

/// What else readers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// An earlier release of the same dataflow, or a release of one that shares figures with it: its sums are known too.
    Release,
    /// Another member's figures of the same movements.
    Mirror,
}

/// Figures that readers have beside the table, under its keys.
#[derive(Debug)]
pub(super) struct Known {
    /// What they are called: a release's id, a member.
    pub(super) name: String,
    pub(super) kind: Beside,
    pub(super) rows: Rows,
}

/// What was decided of a row before tables are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    /// Whether it is part of sums at all: a count, or money that rules concern.
    pub(super) counted: bool,
    /// What it needs, if it is sensitive.
    pub(super) levels: Option<Levels>,
    /// Withheld in any case.
    pub(super) forced: bool,
    /// Published unless it is withheld for its own sake.
    pub(super) told: bool,
    /// Whether it may be withheld though it is zero.
    pub(super) zero_may_go: bool,
}

/// One table, and where its cells come from.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) table: Table,
    /// By cell: its row; none for cells of other releases.
    pub(super) rows: Vec<Option<u32>>,
    /// By cell: its key.
    pub(super) keys: Vec<Vec<u16>>,
    /// By cell: who published its value.
    pub(super) public: HashMap<u32, usize>,
    /// By sum of the table's own figures: the axis.
    pub(super) axes: Vec<(usize, u32)>,
}

/// The sums among keys: axis, total, parts.
pub(super) fn sums_of(axes: &[Axis], coders: &Coders, keys: &[&[u16]], mut tell: impl FnMut(usize, u32, Vec<u32>)) {
    for (number, axis) in axes.iter().enumerate() {
        let coder = &coders.0[axis.place];
        let there: HashSet<u16> = keys.iter().map(|key| key[axis.place]).collect();
        let mut there: Vec<u16> = there.into_iter().collect();
        there.sort_unstable();
        let codes: Vec<&str> = there.iter().map(|n| coder.code(*n)).collect();
        if axis.sums(&there, &codes).is_empty() {
            continue;
        }
        let others: Vec<usize> =
            (0..coders.0.len()).filter(|place| *place != axis.place && Some(*place) != axis.with).collect();
        let rest = |i: u32| others.iter().map(move |place| keys[i as usize][*place]);
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_unstable_by(|a, b| {
            rest(*a).cmp(rest(*b)).then_with(|| keys[*a as usize][axis.place].cmp(&keys[*b as usize][axis.place]))
        });
        for slice in order.chunk_by(|a, b| rest(*a).eq(rest(*b))).filter(|slice| slice.len() > 1) {
            let numbers: Vec<u16> = slice.iter().map(|i| keys[*i as usize][axis.place]).collect();
            let codes: Vec<&str> = numbers.iter().map(|n| coder.code(*n)).collect();
            for (total, parts) in axis.sums(&numbers, &codes).iter() {
                tell(number, slice[*total as usize], parts.iter().map(|part| slice[*part as usize]).collect());
            }
        }
    }
}

/// The slices in which one dimension varies: indexes into `keys`, in the order of codes.
pub(super) fn slices(coders: &Coders, place: usize, keys: &[&[u16]]) -> Vec<Vec<u32>> {
    let others: Vec<usize> = (0..coders.0.len()).filter(|other| *other != place).collect();
    let rest = |i: u32| others.iter().map(move |other| keys[i as usize][*other]);
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_unstable_by(|a, b| rest(*a).cmp(rest(*b)).then(a.cmp(b)));
    order.chunk_by(|a, b| rest(*a).eq(rest(*b))).map(<[u32]>::to_vec).collect()
}

/// Whether some periods are parts of others.
pub(super) fn periods_nest(coders: &Coders) -> bool {
    let Some(time) = coders.0.last() else { return false };
    let there: HashSet<&str> = time.codes.iter().map(|code| &**code).collect();
    time.codes.iter().any(|code| axes::wider(code).iter().any(|wider| there.contains(wider.as_str())))
}

/// The rows of each table: of a period, or of a year.
pub(super) fn groups(coders: &Coders, rows: &Rows, nest: bool) -> BTreeMap<String, Vec<u32>> {
    let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let Some((time, periods)) = coders.0.iter().enumerate().next_back() else { return groups };
    for row in 0..rows.len() {
        let period = rows.key(row).get(time).map_or("", |number| periods.code(*number));
        let name = if nest { period.get(..4).unwrap_or(period) } else { period };
        match groups.get_mut(name) {
            Some(group) => group.push(row as u32),
            None => {
                groups.insert(name.to_owned(), vec![row as u32]);
            }
        }
    }
    groups
}

/// Makes the table of some rows.
pub(super) struct Maker<'a> {
    pub(super) coders: &'a Coders,
    pub(super) axes: &'a [Axis],
    pub(super) rows: &'a Rows,
    pub(super) judged: &'a [Judged],
    /// What a row is worth, and who is in it: cost, contributors, contributor.
    pub(super) respondents: &'a dyn Fn(u32) -> (f64, u32, Option<u64>),
    /// Sums that miss by less count.
    pub(super) margin: f64,
    /// How close to ours a mirror figure must be to give it away: a share.
    pub(super) mirror_tolerance: f64,
}

impl Maker<'_> {
    /// The table of the rows `members`, with those figures that readers have of the same keys; none if nothing has to be protected.
    pub(super) fn make(&self, members: &[u32], known: &[Known], known_rows: &[Vec<u32>]) -> Option<Built> {
        let mut built = Built::default();
        for row in members {
            let (Some(value), judged) = (self.rows.values[*row as usize], self.judged[*row as usize]) else { continue };
            if judged.counted {
                self.add_own(&mut built, *row, value, judged);
            }
        }
        let withheld_before = known
            .iter()
            .zip(known_rows)
            .any(|(known, rows)| rows.iter().any(|r| known.rows.values[*r as usize].is_none()));
        if !withheld_before && built.table.cells.iter().all(|cell| !cell.state.withheld()) {
            return None;
        }
        let by_key: HashMap<Vec<u16>, u32> = built.keys.iter().cloned().zip(0..).collect();
        for (number, (known, rows)) in known.iter().zip(known_rows).enumerate() {
            self.mark_public(&mut built, &by_key, number, known, rows);
        }
        let mut seen = HashSet::new();
        self.add_own_sums(&mut built, &mut seen);
        for (known, rows) in known.iter().zip(known_rows).filter(|(known, _)| known.kind == Beside::Release) {
            self.add_known_sums(&mut built, &by_key, &mut seen, known, rows);
        }
        built.table.same_persons();
        Some(built)
    }

    fn add_own(&self, built: &mut Built, row: u32, value: f64, judged: Judged) {
        let (cost, contributors, contributor) = (self.respondents)(row);
        let state = match judged.levels {
            Some(_) => State::Primary,
            None if judged.forced => State::Forced,
            // A zero that is published is known to be one, and hides nothing.
            None if judged.told || (value == 0.0 && !judged.zero_may_go) => State::Kept,
            None => State::Published,
        };
        let bounds = (value.min(0.0), f64::INFINITY);
        let levels = judged.levels.unwrap_or_default();
        built.table.cells.push(Cell { cost, bounds, state, levels, contributors, contributor, ..Cell::new(value) });
        built.rows.push(Some(row));
        built.keys.push(self.rows.key(row as usize).to_vec());
    }

    /// A figure that readers have, and that is the same now, is public whatever becomes of it here.
    fn mark_public(
        &self,
        built: &mut Built,
        by_key: &HashMap<Vec<u16>, u32>,
        number: usize,
        known: &Known,
        rows: &[u32],
    ) {
        for row in rows {
            let Some(index) = by_key.get(known.rows.key(*row as usize)) else { continue };
            let cell = &mut built.table.cells[*index as usize];
            let near = if known.kind == Beside::Mirror { self.mirror_tolerance * cell.value.abs() } else { 0.0 };
            match known.rows.values[*row as usize] {
                Some(value) if (value - cell.value).abs() <= near => {
                    cell.state = State::Kept;
                    built.public.entry(*index).or_insert(number);
                }
                None if known.kind == Beside::Release => cell.withheld_before = Some(true),
                _ => {}
            }
        }
    }

    fn add_own_sums(&self, built: &mut Built, seen: &mut HashSet<Vec<u32>>) {
        let keys: Vec<&[u16]> = built.keys.iter().map(Vec::as_slice).collect();
        let mut found = Vec::new();
        sums_of(self.axes, self.coders, &keys, |axis, total, parts| found.push((axis, total, parts)));
        for (axis, total, parts) in found {
            if let Some(sum) = self.enter(built, seen, total, parts, 0.0) {
                built.axes.push((axis, sum));
            }
        }
    }

    /// Enters a sum if it holds well enough, with a known cell for what it misses by, `constant` included. The sum's index.
    fn enter(
        &self,
        built: &mut Built,
        seen: &mut HashSet<Vec<u32>>,
        total: u32,
        mut parts: Vec<u32>,
        constant: f64,
    ) -> Option<u32> {
        let value = |cell: u32| built.table.cells[cell as usize].value;
        let missing = value(total) - parts.iter().map(|part| value(*part)).sum::<f64>() - constant;
        let needed = parts.iter().map(|part| built.table.cells[*part as usize].levels.upper).fold(0.0, f64::max);
        if missing.abs() >= self.margin.max(needed).max(1e-6 * value(total).abs()) {
            return None;
        }
        parts.sort_unstable();
        let name: Vec<u32> = [&[total], parts.as_slice()].concat();
        let open = |cell: &u32| built.table.cells[*cell as usize].state != State::Kept;
        if !name.iter().any(open) || !seen.insert(name) {
            return None;
        }
        if missing + constant != 0.0 {
            parts.push(self.constant(built, missing + constant));
        }
        built.table.sums.push(Sum { total, parts });
        Some(built.table.sums.len() as u32 - 1)
    }

    /// A cell that everybody knows.
    fn constant(&self, built: &mut Built, value: f64) -> u32 {
        let bounds = (f64::NEG_INFINITY, f64::INFINITY);
        built.table.cells.push(Cell { state: State::Kept, bounds, cost: 0.0, ..Cell::new(value) });
        built.rows.push(None);
        built.keys.push(Vec::new());
        built.table.cells.len() as u32 - 1
    }

    /// The sums of a release that readers have: what it published is known, what it withheld is what it is now.
    fn add_known_sums(
        &self,
        built: &mut Built,
        by_key: &HashMap<Vec<u16>, u32>,
        seen: &mut HashSet<Vec<u32>>,
        known: &Known,
        rows: &[u32],
    ) {
        if rows.iter().all(|row| known.rows.values[*row as usize].is_some()) {
            return;
        }
        let keys: Vec<&[u16]> = rows.iter().map(|row| known.rows.key(*row as usize)).collect();
        let mut found = Vec::new();
        sums_of(self.axes, self.coders, &keys, |_, total, parts| found.push((total, parts)));
        let (mut gone, mut revised) = (BTreeMap::new(), HashMap::new());
        for (total, parts) in found {
            let sum = [&[total], parts.as_slice()].concat();
            // Of a figure that is gone only what was said of it is left.
            let lost = |i: &&u32| {
                known.rows.values[rows[**i as usize] as usize].is_none() && !by_key.contains_key(keys[**i as usize])
            };
            let lost: Vec<u32> = sum.iter().filter(lost).copied().filter(|i| !gone.contains_key(i)).collect();
            let mut cell = |built: &mut Built, gone: &BTreeMap<u32, u32>, i: u32| -> u32 {
                let own = by_key.get(keys[i as usize]).copied();
                match (own, known.rows.values[rows[i as usize] as usize]) {
                    (Some(own), None) => own,
                    (Some(own), Some(value)) if built.table.cells[own as usize].value == value => own,
                    (_, Some(value)) => *revised.entry(i).or_insert_with(|| self.constant(built, value)),
                    (None, None) => gone.get(&i).copied().unwrap_or(u32::MAX),
                }
            };
            match lost.as_slice() {
                [] => {
                    let total = cell(built, &gone, total);
                    let parts = parts.iter().map(|part| cell(built, &gone, *part)).collect();
                    self.enter(built, seen, total, parts, 0.0);
                }
                [one] => {
                    let value = |built: &Built, cell: u32| built.table.cells[cell as usize].value;
                    let others: Vec<(u32, f64)> = sum
                        .iter()
                        .enumerate()
                        .filter(|(_, i)| *i != one)
                        .map(|(at, i)| (cell(built, &gone, *i), if at == 0 { 1.0 } else { -1.0 }))
                        .collect();
                    let left: f64 = others.iter().map(|(cell, sign)| sign * value(built, *cell)).sum();
                    let left = if *one == total { -left } else { left };
                    if left < 0.0 {
                        continue;
                    }
                    let own = self.gone(built, left, keys[*one as usize]);
                    gone.insert(*one, own);
                    let mut member = |i: u32, built: &mut Built| if i == *one { own } else { cell(built, &gone, i) };
                    let total = member(total, built);
                    let parts = parts.iter().map(|part| member(*part, built)).collect();
                    self.enter(built, seen, total, parts, 0.0);
                }
                _ => {}
            }
        }
    }

    /// A cell that an earlier release withheld and this one does not have: it must not be found now.
    fn gone(&self, built: &mut Built, value: f64, key: &[u16]) -> u32 {
        let levels = Levels { upper: 0.0, lower: 0.0, sliding: 1.0 };
        let cell = Cell { cost: 0.0, withheld_before: Some(true), ..Cell::new(value).primary(levels) };
        built.table.cells.push(cell);
        built.rows.push(None);
        built.keys.push(key.to_vec());
        built.table.cells.len() as u32 - 1
    }
}
