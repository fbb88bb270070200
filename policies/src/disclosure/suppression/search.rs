//! The search for a cheap pattern: first one that protects, then exchanges in small windows.

use super::field::Random;
use super::pattern::{Pattern, Role};
use super::window::{Scratch, accept, propose, propose_for};

/// Cells of the first windows.
const WINDOW: usize = 500;
/// Cells of the greatest windows.
const MAX_WINDOW: usize = 4000;

/// Takes cells until every protected one has a witness, as far as it can have one.
pub(super) fn cover(pattern: &mut Pattern, scratch: &mut Scratch) {
    let mut size = WINDOW;
    loop {
        let before = pattern.exposed();
        if before.is_empty() {
            return;
        }
        for cell in &before {
            if !pattern.witness(*cell).is_empty() {
                continue;
            }
            let cells = scratch.around(pattern, &[*cell], size, None);
            let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
            let proposal = propose(scratch, pattern, &cells, &keys, true);
            if proposal.gained > 0 {
                accept(pattern, proposal);
            }
        }
        if size >= MAX_WINDOW {
            return;
        }
        size *= 2;
    }
}

/// Takes cells, for good, until `cell` can change while `still` stand still. Whether that could be.
pub(super) fn cover_without(pattern: &mut Pattern, scratch: &mut Scratch, cell: u32, still: &[u32]) -> bool {
    let mut size = WINDOW / 2;
    while size <= MAX_WINDOW {
        let mut cells = scratch.around(pattern, &[cell], size, None);
        cells.retain(|c| !still.contains(c));
        let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
        if let Some(witness) = propose_for(scratch, pattern, &cells, &keys, cell) {
            witness.iter().for_each(|(used, _)| pattern.pin(*used));
            return true;
        }
        size *= 2;
    }
    false
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
