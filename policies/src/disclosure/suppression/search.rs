//! The search for a cheap pattern: first one that protects, then exchanges in small windows.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::echelon::Echelon;
use super::field::Random;
use super::pattern::{Pattern, Role, Witness};
use super::window::{Scratch, accept, propose, propose_for};

/// Cells of the window for one cell and its totals.
const ALONE: usize = 1_000;
/// Cells that are eliminated together whatever they cost.
const WHOLE: usize = 60_000;
/// In greater tables, shares of the published cells that are, the cheapest.
const CHEAP: f64 = 0.2;
const LESS_CHEAP: f64 = 0.5;
/// Cells around an exposed one that are eliminated together between the two.
const AROUND: [usize; 2] = [8_000, 30_000];
/// Windows in a row that make nothing cheaper, for each cell that may be given back, after which nothing is left to find.
const IDLE: usize = 20;

/// Takes cells until every protected one has a witness, as far as it can have one.
///
/// Cells are given back the costliest first, so those that cost more than any that is needed change nothing but the time and the memory: in great tables the
/// cheap ones are tried alone, then what is around each cell that they left exposed, then more; what moves those exposed still is looked for one by one.
pub(super) fn cover(pattern: &mut Pattern, scratch: &mut Scratch) {
    let candidates = pattern.cells(|role| role != Role::Shut);
    if candidates.len() > WHOLE {
        together(pattern, scratch, &cheap(pattern, &candidates, CHEAP));
        for size in AROUND {
            around_exposed(pattern, scratch, size);
        }
        together(pattern, scratch, &cheap(pattern, &candidates, LESS_CHEAP));
        one_by_one(pattern, scratch, candidates);
    } else {
        together(pattern, scratch, &candidates);
    }
    // What moves with nothing of that moves with the totals above it, if at all.
    for cell in pattern.exposed() {
        if pattern.witness(cell).is_empty()
            && let Some(witness) = alone(pattern, scratch, cell)
        {
            take(pattern, &witness);
            pattern.witnessed(&[cell], witness);
        }
    }
}

/// Those of the candidates that are withheld already, or among this share of the others, the cheapest.
fn cheap(pattern: &Pattern, candidates: &[u32], share: f64) -> Vec<u32> {
    let open = candidates.iter().filter(|c| pattern.roles[**c as usize] == Role::Open);
    let mut costs: Vec<f64> = open.map(|c| pattern.costs[*c as usize]).collect();
    costs.sort_by(f64::total_cmp);
    let dearest = costs.get((costs.len() as f64 * share) as usize).copied().unwrap_or(f64::INFINITY);
    let within = |c: &u32| pattern.roles[*c as usize] != Role::Open || pattern.costs[*c as usize] <= dearest;
    candidates.iter().copied().filter(within).collect()
}

/// For each exposed cell, takes what moves with it when the cheapest cell does that moves it; then gives back what is not needed.
pub(super) fn one_by_one(pattern: &mut Pattern, scratch: &mut Scratch, mut cells: Vec<u32>) {
    let exposed = pattern.exposed();
    if exposed.is_empty() {
        return;
    }
    let cost = |c: u32| if pattern.roles[c as usize].withheld() { -1.0 } else { pattern.costs[c as usize] };
    cells.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(a.cmp(b)));
    let withheld = cells.iter().take_while(|c| pattern.roles[**c as usize].withheld()).count();
    let place_of: HashMap<u32, u32> = cells[..withheld].iter().copied().zip(0..).collect();
    let rows = scratch.rows(pattern, &cells);
    let echelon = Echelon::new(cells.len(), withheld, rows, &mut scratch.work);
    let mut left: BTreeSet<u32> = exposed.into_iter().collect();
    while let Some(cell) = left.pop_first() {
        let movers = place_of.get(&cell).map(|place| echelon.movers(*place, &mut scratch.work));
        let Some(cheapest) = movers.and_then(|movers| movers.first().copied()) else { continue };
        let circuit = echelon.circuit(cheapest, &mut scratch.work);
        let witness: Witness = circuit.into_iter().map(|(place, share)| (cells[place as usize], share)).collect();
        take(pattern, &witness);
        let mut owners: Vec<u32> = witness.iter().map(|(c, _)| *c).filter(|c| left.remove(c)).collect();
        owners.push(cell);
        pattern.witnessed(&owners, witness);
    }
    witness_all(pattern, scratch);
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
    let protected: Vec<u32> = (0..pattern.len() as u32).filter(|c| pattern.protected[*c as usize]).collect();
    pattern.witnessed(&protected, Witness::new());
    let withheld = pattern.cells(Role::withheld);
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

/// A witness for one cell, of which what is not withheld yet is as cheap as can be.
fn alone(pattern: &Pattern, scratch: &mut Scratch, cell: u32) -> Option<Witness> {
    let totals = scratch.totals(pattern, cell, &[]);
    let cells = scratch.around(pattern, &totals, ALONE.max(totals.len()), None);
    let keys: Vec<f64> = cells.iter().map(|c| pattern.costs[*c as usize]).collect();
    propose_for(scratch, pattern, &cells, &keys, cell)
}

/// Exchanges cells for cheaper ones in windows drawn at random, while `go_on` allows.
pub(super) fn improve(pattern: &mut Pattern, scratch: &mut Scratch, seed: u64, go_on: &mut dyn FnMut(u64) -> bool) {
    let mut random = Random(seed);
    let start = pattern.cells(|role| role == Role::Taken);
    let mut idle = 0;
    while idle < IDLE * start.len() && go_on(scratch.work) {
        let seed = start[random.below(start.len())];
        let size = 60 + random.below(240);
        let cells = scratch.around(pattern, &[seed], size, Some(&mut random));
        let spread = random.unit() * 1.5;
        let keys: Vec<f64> =
            cells.iter().map(|c| pattern.costs[*c as usize] * (spread * (random.unit() - 0.5) * 2.0).exp()).collect();
        let proposal = propose(scratch, pattern, &cells, &keys, false);
        idle = if proposal.change < 0.0 { 0 } else { idle + 1 };
        if proposal.change <= 0.0 {
            accept(pattern, proposal);
        }
    }
}
