//! A part of the table small enough to be solved at once: some cells change, all others stand still.
//!
//! What protects a cell within the window protects it in the table. A withheld cell that a witness from outside needs is left alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use super::echelon::Vector;
use super::field::{self, Random};
use super::kernel::Kernel;
use super::pattern::{Pattern, Role, Witness};

/// Reusable memory of the size of the table.
pub(super) struct Scratch {
    /// Place of each cell in the window.
    place: Vec<u32>,
    /// Place of each sum in the window.
    row: Vec<u32>,
    pub(super) work: u64,
}

/// Not in the window.
const NONE: u32 = u32::MAX;
/// Most totals of one cell that are looked at.
const MOST_TOTALS: usize = 512;
/// Free cells tried for the shortest witness of a cell.
const WITNESSES_TRIED: usize = 3;

impl Scratch {
    pub(super) fn new() -> Self {
        Self { place: Vec::new(), row: Vec::new(), work: 0 }
    }

    fn fit(&mut self, pattern: &Pattern) {
        self.place.resize(pattern.len(), NONE);
        self.row.resize(pattern.rows.len(), NONE);
    }

    /// Up to `size` cells of the table around `seeds`, cheap ones and withheld ones first, with those that were added between.
    pub(super) fn around(
        &mut self,
        pattern: &Pattern,
        seeds: &[u32],
        size: usize,
        noise: Option<&mut Random>,
    ) -> Vec<u32> {
        self.fit(pattern);
        let mut heap: BinaryHeap<(Reverse<u64>, u32)> = seeds.iter().map(|s| (Reverse(0), *s)).collect();
        let (mut cells, mut rows, mut added) = (Vec::new(), Vec::new(), 0);
        let mut random = noise;
        while let Some((Reverse(distance), cell)) = heap.pop() {
            if self.place[cell as usize] != NONE {
                continue;
            }
            self.place[cell as usize] = cells.len() as u32;
            cells.push(cell);
            added += usize::from(cell >= pattern.first_added());
            if cells.len() >= size + added {
                break;
            }
            for (row, _) in &pattern.columns[cell as usize] {
                if std::mem::replace(&mut self.row[*row as usize], 0) != NONE {
                    continue;
                }
                rows.push(*row);
                self.work += pattern.rows[*row as usize].len() as u64;
                for (next, _) in &pattern.rows[*row as usize] {
                    let cost = match pattern.roles[*next as usize] {
                        Role::Shut => continue,
                        // Withheld cells would fill the window alone if they were nearer than cheap candidates are.
                        Role::Open | Role::Held => pattern.costs[*next as usize],
                        Role::Taken => pattern.costs[*next as usize] * 0.25,
                    };
                    let factor = random.as_mut().map_or(1.0, |r| 0.5 + r.unit());
                    // Every step counts a little, so that the window stays around its seeds.
                    let step = ((cost * factor + 0.5) * 1024.0).min(1e15) as u64;
                    if self.place[*next as usize] == NONE {
                        heap.push((Reverse(distance + step), *next));
                    }
                }
            }
        }
        cells.iter().for_each(|c| self.place[*c as usize] = NONE);
        rows.iter().for_each(|r| self.row[*r as usize] = NONE);
        cells
    }

    /// A cell with one of the finest that it is the sum of, and all totals of that one, but `still`: as long as none of them must be published, it can
    /// change together with them.
    pub(super) fn totals(&self, pattern: &Pattern, cell: u32, still: &[u32]) -> Vec<u32> {
        let mut finest = cell;
        for _ in 0..MOST_TOTALS {
            let mut sums = pattern.columns[finest as usize].iter().filter(|(_, sign)| *sign > 0);
            let parts = sums.find_map(|(row, _)| {
                let free = |(part, sign): &&(u32, i8)| {
                    *sign < 0 && pattern.roles[*part as usize] != Role::Shut && !still.contains(part)
                };
                let costs = |(part, _): &&(u32, i8)| pattern.costs[*part as usize];
                let parts = pattern.rows[*row as usize].iter().filter(free);
                parts.min_by(|a, b| costs(a).total_cmp(&costs(b)))
            });
            let Some((part, _)) = parts else { break };
            finest = *part;
        }
        let mut totals = vec![cell];
        if finest != cell {
            totals.push(finest);
        }
        let mut next = 0;
        while let Some(part) = totals.get(next).copied().filter(|_| totals.len() < MOST_TOTALS) {
            next += 1;
            for (row, _) in pattern.columns[part as usize].iter().filter(|(_, sign)| *sign < 0) {
                let total = pattern.rows[*row as usize].iter().find(|(_, sign)| *sign > 0).map(|(total, _)| *total);
                let free = |t: &u32| pattern.roles[*t as usize] != Role::Shut && !still.contains(t);
                totals.extend(total.filter(|t| free(t) && !totals.contains(t)));
            }
        }
        totals
    }

    /// The sums over these cells, each cell by its place.
    pub(super) fn rows(&mut self, pattern: &Pattern, cells: &[u32]) -> Vec<Vector> {
        self.fit(pattern);
        let mut rows: Vec<Vector> = Vec::new();
        let mut seen = Vec::new();
        for (place, cell) in cells.iter().enumerate() {
            for (row, sign) in &pattern.columns[*cell as usize] {
                let slot = &mut self.row[*row as usize];
                if *slot == NONE {
                    *slot = rows.len() as u32;
                    seen.push(*row);
                    rows.push(Vec::new());
                }
                rows[*slot as usize].push((place as u32, field::of(*sign)));
            }
        }
        seen.iter().for_each(|r| self.row[*r as usize] = NONE);
        rows
    }

    /// The ways these cells can change; earlier ones tied where possible, of the `first` any.
    pub(super) fn kernel(&mut self, pattern: &Pattern, cells: &[u32], first: usize) -> Kernel {
        let rows = self.rows(pattern, cells);
        let kernel = Kernel::new(cells.len(), first, rows);
        self.work += kernel.work;
        kernel
    }
}

/// What could be withheld instead within a window.
pub(super) struct Proposal {
    /// Cells that may be taken, with whether they are.
    pub(super) taken: Vec<(u32, bool)>,
    /// New witnesses, and the protected cells that rest on them.
    pub(super) witnesses: Vec<(Vec<u32>, Witness)>,
    /// Cost afterwards less cost before.
    pub(super) change: f64,
    /// Protected cells that had no witness and have one.
    pub(super) gained: usize,
}

/// Takes all `cells` (withheld ones and candidates), then gives back what is not needed, the greatest `keys` first. `keys` are of the same order
/// as `cells`. With `must_gain` nothing is proposed where no exposed cell would be protected.
pub(super) fn propose(
    scratch: &mut Scratch,
    pattern: &Pattern,
    cells: &[u32],
    keys: &[f64],
    must_gain: bool,
) -> Proposal {
    // Those that must be withheld come first, then the cheap ones.
    let rank = |i: &usize| match pattern.roles[cells[*i] as usize] {
        Role::Held => -1.0,
        _ => keys[*i],
    };
    let mut order: Vec<usize> = (0..cells.len()).filter(|i| pattern.roles[cells[*i] as usize] != Role::Shut).collect();
    order.sort_by(|a, b| rank(a).total_cmp(&rank(b)).then(cells[*a].cmp(&cells[*b])));
    let cells: Vec<u32> = order.iter().map(|i| cells[*i]).collect();
    let held = cells.iter().take_while(|c| pattern.roles[**c as usize] == Role::Held).count();
    let mut kernel = scratch.kernel(pattern, &cells, held);
    let protected: Vec<bool> =
        cells.iter().enumerate().map(|(i, c)| pattern.protected[*c as usize] && kernel.moves(i)).collect();
    let exposed = |i: &usize| protected[*i] && pattern.witness(cells[*i]).is_empty();
    let gained = (0..cells.len()).filter(exposed).count();
    if gained == 0 && must_gain {
        return Proposal { taken: Vec::new(), witnesses: Vec::new(), change: 0.0, gained };
    }
    let locked = locked(scratch, pattern, &cells, &protected);
    let mut given_back = Vec::new();
    let mut taken = Vec::new();
    let mut change = 0.0;
    for (place, cell) in cells.iter().enumerate().rev() {
        let role = pattern.roles[*cell as usize];
        if role == Role::Held {
            continue;
        }
        let stays = locked[place] || !kernel.take_out(place, &protected);
        change +=
            pattern.costs[*cell as usize] * (f64::from(u8::from(stays)) - f64::from(u8::from(role == Role::Taken)));
        taken.push((*cell, stays));
        if !stays && role == Role::Taken {
            given_back.push(*cell);
        }
    }
    scratch.work += kernel.work;
    let fallen: HashSet<u32> = given_back.iter().flat_map(|cell| pattern.users(*cell)).collect();
    let stands = |cell: u32| !pattern.witness(cell).is_empty() && !fallen.contains(&cell);
    let new = (0..cells.len()).filter(|i| protected[*i] && !stands(cells[*i]));
    let mut shortest = Shortest::new(&kernel);
    let mut by_mover: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for place in new {
        if let Some(mover) = shortest.mover(place) {
            by_mover.entry(mover).or_default().push(cells[place]);
        }
    }
    let witnesses = by_mover.into_iter().map(|(mover, owners)| (owners, witness(&kernel, mover, &cells))).collect();
    Proposal { taken, witnesses, change, gained }
}

/// A witness of one cell within `cells`, of which those not withheld yet are as few and cheap as can be.
pub(super) fn propose_for(
    scratch: &mut Scratch,
    pattern: &Pattern,
    cells: &[u32],
    keys: &[f64],
    cell: u32,
) -> Option<Witness> {
    let withheld = |i: &usize| pattern.roles[cells[*i] as usize].withheld();
    let rank = |i: &usize| {
        if cells[*i] == cell {
            -2.0
        } else if withheld(i) {
            -1.0
        } else {
            keys[*i]
        }
    };
    let mut order: Vec<usize> = (0..cells.len()).filter(|i| pattern.roles[cells[*i] as usize] != Role::Shut).collect();
    order.sort_by(|a, b| rank(a).total_cmp(&rank(b)).then(cells[*a].cmp(&cells[*b])));
    let cells: Vec<u32> = order.iter().map(|i| cells[*i]).collect();
    let held = cells.iter().filter(|c| **c == cell || pattern.roles[**c as usize].withheld()).count();
    let mut kernel = scratch.kernel(pattern, &cells, held);
    let first = cells.first() == Some(&cell) && kernel.moves(0);
    if !first {
        return None;
    }
    let protected: Vec<bool> = cells.iter().map(|c| *c == cell).collect();
    for place in (1..cells.len()).rev().filter(|i| !pattern.roles[cells[*i] as usize].withheld()) {
        kernel.take_out(place, &protected);
    }
    scratch.work += kernel.work;
    let mover = Shortest::new(&kernel).mover(0)?;
    Some(witness(&kernel, mover, &cells))
}

/// Taken cells that the witness of a cell needs which the window cannot protect itself.
fn locked(scratch: &mut Scratch, pattern: &Pattern, cells: &[u32], protected: &[bool]) -> Vec<bool> {
    cells.iter().enumerate().for_each(|(i, c)| scratch.place[*c as usize] = i as u32);
    let inside = |user: u32| {
        let place = scratch.place[user as usize];
        place != NONE && protected[place as usize]
    };
    let locked = cells.iter().map(|c| !pattern.users(*c).all(inside)).collect();
    cells.iter().for_each(|c| scratch.place[*c as usize] = NONE);
    locked
}

/// Finds which free cell moves another with the fewest others; in great tables one moves thousands, so what was counted is kept.
struct Shortest<'a> {
    kernel: &'a Kernel,
    lengths: HashMap<u32, usize>,
}

impl<'a> Shortest<'a> {
    fn new(kernel: &'a Kernel) -> Self {
        Self { kernel, lengths: HashMap::new() }
    }

    /// For the cell at `place`; none if it does not move.
    fn mover(&mut self, place: usize) -> Option<u32> {
        let kernel = self.kernel;
        let mut movers: Vec<(usize, u32)> =
            kernel.movers(place).into_iter().map(|free| (kernel.users(free), free)).collect();
        if movers.len() > WITNESSES_TRIED {
            movers.select_nth_unstable(WITNESSES_TRIED);
            movers.truncate(WITNESSES_TRIED);
        }
        movers.sort_unstable();
        let mut length = |free: u32| *self.lengths.entry(free).or_insert_with(|| kernel.circuit(free).len());
        movers.into_iter().map(|(_, free)| free).min_by_key(|free| length(*free))
    }
}

/// What moves with the free cell `mover`.
fn witness(kernel: &Kernel, mover: u32, cells: &[u32]) -> Witness {
    kernel.circuit(mover).into_iter().map(|(c, share)| (cells[c as usize], share)).collect()
}

/// Makes the pattern what was proposed.
pub(super) fn accept(pattern: &mut Pattern, proposal: Proposal) {
    for (cell, stays) in &proposal.taken {
        pattern.roles[*cell as usize] = if *stays { Role::Taken } else { Role::Open };
    }
    for (owners, witness) in proposal.witnesses {
        pattern.witnessed(&owners, witness);
    }
}
