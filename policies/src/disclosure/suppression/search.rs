//! The search for a cheap pattern: first one that protects, then exchanges in small windows.

use std::collections::HashSet;

use super::field::Random;
use super::pattern::{Pattern, Role, Witness};
use super::window::{Scratch, accept, propose, propose_for};

/// Cells of the window for one cell and its totals.
const ALONE: usize = 1_000;
/// Cells that are eliminated together whatever they cost.
const WHOLE: usize = 60_000;
/// In greater tables, shares of the published cells that are looked at one after the other, the cheapest first.
const SHARES: [f64; 4] = [0.2, 0.5, 0.8, 1.0];
/// Cells around an exposed one that are eliminated together after the first share.
const AROUND: [usize; 2] = [8_000, 30_000];

/// Takes cells until every protected one has a witness, as far as it can have one.
///
/// Cells are given back the costliest first, so those that cost more than any that is needed change nothing but the time: in great tables the cheap ones are
/// tried alone, and then what is around each cell that they left exposed.
pub(super) fn cover(pattern: &mut Pattern, scratch: &mut Scratch) {
    let open = pattern.roles.iter().zip(&pattern.costs).filter(|(role, _)| **role == Role::Open).map(|(_, cost)| *cost);
    let mut costs: Vec<f64> = open.collect();
    costs.sort_by(f64::total_cmp);
    let candidates = pattern.roles.iter().filter(|role| **role != Role::Shut).count();
    for (turn, share) in SHARES.iter().filter(|share| candidates > WHOLE || **share == 1.0).enumerate() {
        if pattern.exposed().is_empty() {
            break;
        }
        let dearest = costs.get((costs.len() as f64 * share) as usize).copied().unwrap_or(f64::INFINITY);
        let within = |c: &u32| match pattern.roles[*c as usize] {
            Role::Shut => false,
            Role::Open => pattern.costs[*c as usize] <= dearest,
            Role::Held | Role::Taken => true,
        };
        let cells: Vec<u32> = (0..pattern.len() as u32).filter(within).collect();
        together(pattern, scratch, &cells);
        if turn == 0 {
            for size in AROUND.into_iter().filter(|size| *size < candidates) {
                around_exposed(pattern, scratch, size);
            }
        }
    }
    // What moves with nothing of that moves with the totals above it, if at all.
    for cell in pattern.exposed() {
        if pattern.witness(cell).is_empty()
            && let Some(witness) = alone(pattern, scratch, cell, &[])
        {
            take(pattern, &witness);
            pattern.witnessed(&[cell], witness);
        }
    }
}

/// Takes what is cheap around the exposed cells, one after the other; one that was around another already is not tried again.
fn around_exposed(pattern: &mut Pattern, scratch: &mut Scratch, size: usize) {
    let mut tried = HashSet::new();
    for cell in pattern.exposed() {
        if !pattern.witness(cell).is_empty() || tried.contains(&cell) {
            continue;
        }
        let cells = scratch.around(pattern, &[cell], size, None);
        together(pattern, scratch, &cells);
        let exposed = cells.iter().filter(|c| pattern.protected[**c as usize] && pattern.witness(**c).is_empty());
        tried.extend(exposed.copied());
    }
}

/// Takes all of these cells, and gives back what is not needed.
fn together(pattern: &mut Pattern, scratch: &mut Scratch, cells: &[u32]) {
    let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
    let proposal = propose(scratch, pattern, cells, &keys, true);
    if proposal.gained > 0 {
        accept(pattern, proposal);
    }
}

/// Finds a witness for every protected cell that can have one.
pub(super) fn witness_all(pattern: &mut Pattern, scratch: &mut Scratch) {
    let cells = 0..pattern.len() as u32;
    let protected: Vec<u32> = cells.clone().filter(|c| pattern.protected[*c as usize]).collect();
    pattern.witnessed(&protected, Witness::new());
    let withheld: Vec<u32> = cells.filter(|c| pattern.roles[*c as usize].withheld()).collect();
    together(pattern, scratch, &withheld);
}

/// Withholds what a witness needs, for now.
fn take(pattern: &mut Pattern, witness: &Witness) {
    for (used, _) in witness {
        if pattern.roles[*used as usize] == Role::Open {
            pattern.roles[*used as usize] = Role::Taken;
        }
    }
}

/// A witness for one cell, while `still` stand still, of which what is not withheld yet is as cheap as can be.
fn alone(pattern: &Pattern, scratch: &mut Scratch, cell: u32, still: &[u32]) -> Option<Witness> {
    let totals = scratch.totals(pattern, cell, still);
    let mut cells = scratch.around(pattern, &totals, ALONE.max(totals.len()), None);
    cells.retain(|c| !still.contains(c));
    let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
    propose_for(scratch, pattern, &cells, &keys, cell)
}

/// Takes cells, for good, until `cell` can change while `still` stand still. Whether that could be.
pub(super) fn cover_without(pattern: &mut Pattern, scratch: &mut Scratch, cell: u32, still: &[u32]) -> bool {
    let Some(witness) = alone(pattern, scratch, cell, still) else { return false };
    witness.iter().for_each(|(used, _)| pattern.pin(*used));
    true
}

/// Exchanges cells for cheaper ones in windows drawn at random, while `go_on` allows.
pub(super) fn improve(pattern: &mut Pattern, scratch: &mut Scratch, seed: u64, go_on: &mut dyn FnMut(u64) -> bool) {
    let mut random = Random(seed);
    let start: Vec<u32> = (0..pattern.len() as u32).filter(|c| pattern.roles[*c as usize] == Role::Taken).collect();
    if start.is_empty() {
        return;
    }
    while go_on(scratch.work) {
        let seed = start[random.below(start.len())];
        let size = 60 + random.below(240);
        let cells = scratch.around(pattern, &[seed], size, Some(&mut random));
        let spread = random.unit() * 1.5;
        let keys: Vec<f64> =
            cells.iter().map(|c| pattern.costs[*c as usize] * (spread * (random.unit() - 0.5) * 2.0).exp()).collect();
        let proposal = propose(scratch, pattern, &cells, &keys, false);
        if proposal.change <= 0.0 {
            accept(pattern, proposal);
        }
    }
}
