//! The search for a cheap pattern: first one that protects, then exchanges in small windows.

use super::field::Random;
use super::pattern::{Pattern, Role, Witness};
use super::window::{Scratch, accept, propose, propose_for};

/// Cells of the first windows.
const WINDOW: usize = 500;
/// Cells of the window for one cell and its totals.
const ALONE: usize = 1_000;
/// Cells of windows for several cells, and how many those are at most.
const SHARED: usize = 32_000;
const SEEDS: usize = 2_000;

/// Takes cells until every protected one has a witness, as far as it can have one.
pub(super) fn cover(pattern: &mut Pattern, scratch: &mut Scratch) {
    for size in [WINDOW, 2 * WINDOW, 4 * WINDOW] {
        for cell in pattern.exposed() {
            if pattern.witness(cell).is_empty() {
                cover_together(pattern, scratch, &[cell], size);
            }
        }
    }
    // What is left is sparse: it moves only with many others, which greater windows hold; one for several cells.
    for cells in pattern.exposed().chunks(SEEDS) {
        cover_together(pattern, scratch, cells, SHARED);
    }
    // Nothing cheap is near: the totals above are what is left.
    for cell in pattern.exposed() {
        if pattern.witness(cell).is_empty()
            && let Some(witness) = alone(pattern, scratch, cell, &[])
        {
            take(pattern, &witness);
            pattern.witnessed(cell, witness);
        }
    }
}

/// Takes cells in a window around some.
fn cover_together(pattern: &mut Pattern, scratch: &mut Scratch, seeds: &[u32], size: usize) {
    let cells = scratch.around(pattern, seeds, size, None);
    let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
    let proposal = propose(scratch, pattern, &cells, &keys, true);
    if proposal.gained > 0 {
        accept(pattern, proposal);
    }
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
