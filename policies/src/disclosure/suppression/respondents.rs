//! Respondents who are alone in a cell know it: a sensitive cell that changes only in step with theirs is known to them.
//!
//! For each such pair a cell is added to the pattern that is what the two differ by, in the ratio in which they change. It is protected like any other: as long
//! as it can change, they need not change in step. What changes in step is seen from a few random changes of all withheld cells.

use std::collections::{HashMap, HashSet};

use super::super::table::{Cell, State, Table};
use super::echelon::Echelon;
use super::field::{self, Random};
use super::pattern::{Pattern, Role};
use super::search;
use super::window::Scratch;

/// Times that pairs are looked for, each after cells were taken for those before.
const MAX_ROUNDS: usize = 24;
/// Turns of exchanges.
pub(super) const TURNS: u64 = 8;

/// Two cells that change in step: `times` of the first are `own` of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    cell: u32,
    times: i8,
    known: u32,
    own: i8,
}

impl Pair {
    /// Those of the two that the other gives away.
    fn sensitive(&self, table: &Table) -> impl Iterator<Item = u32> {
        let [cell, known] = [self.cell, self.known].map(|cell| &table.cells[cell as usize]);
        let turned = known.state == State::Primary && knows(cell, known);
        std::iter::once(self.cell).chain(turned.then_some(self.known))
    }
}

/// Takes cells until no respondent finds a sensitive cell by their own. Each turn, `exchange` makes the pattern cheaper, which can make new pairs; the cheapest
/// pattern without any is kept. Returns the cells that cannot be protected so.
pub(super) fn protect(
    table: &Table,
    pattern: &mut Pattern,
    scratch: &mut Scratch,
    seed: u64,
    exchange: &mut dyn FnMut(&mut Pattern, &mut Scratch, u64),
) -> Vec<u32> {
    let mut added = HashMap::new();
    let mut best = (f64::INFINITY, Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let any = part(table, pattern, scratch, seed, &mut added);
        let cost = pattern.cost();
        if cost < best.0 {
            best = (cost, pattern.roles.clone(), pattern.exposed());
        }
        if !any || turn + 1 == TURNS {
            break;
        }
        exchange(pattern, scratch, seed.wrapping_add(turn));
    }
    let (_, roles, exposed) = best;
    pattern.roles[..roles.len()].copy_from_slice(&roles);
    let exposed: HashSet<u32> = exposed.into_iter().collect();
    let found = added.iter().filter(|(_, difference)| exposed.contains(difference));
    found.flat_map(|(pair, _)| pair.sensitive(table)).collect()
}

/// Takes cells until none changes in step with one that another knows. Whether any did.
fn part(
    table: &Table,
    pattern: &mut Pattern,
    scratch: &mut Scratch,
    seed: u64,
    added: &mut HashMap<Pair, u32>,
) -> bool {
    let before = added.len();
    for _ in 0..MAX_ROUNDS {
        let mut pairs = find(table, pattern, scratch, seed);
        pairs.retain(|pair| !added.contains_key(pair));
        if pairs.is_empty() {
            break;
        }
        for pair in pairs {
            let difference = pattern.add(&[(pair.cell, pair.times), (pair.known, -pair.own)]);
            added.insert(pair, difference);
        }
        search::one_by_one(pattern, scratch, pattern.cells(|role| role != Role::Shut));
    }
    added.len() > before
}

/// For each sensitive cell that changes only in step with one that another knows, the first such.
fn find(table: &Table, pattern: &Pattern, scratch: &mut Scratch, seed: u64) -> Vec<Pair> {
    let cells = pattern.cells(Role::withheld);
    let rows = scratch.rows(pattern, &cells);
    let echelon = Echelon::new(cells.len(), cells.len(), rows, &mut scratch.work);
    let mut random = Random(seed);
    let [first, second, third] = [0; 3].map(|_| echelon.change(&mut random, &mut scratch.work));
    let mut in_step: HashMap<(u32, u32), Vec<usize>> = HashMap::new();
    for place in (0..cells.len()).filter(|place| first[*place] != 0 && cells[*place] < table.cells.len() as u32) {
        let scale = field::inverse(first[place]);
        let ratios = (field::mul(second[place], scale), field::mul(third[place], scale));
        in_step.entry(ratios).or_default().push(place);
    }
    let mut pairs = HashSet::new();
    for places in in_step.values().filter(|places| places.len() > 1) {
        for place in places.iter().filter(|place| table.cells[cells[**place] as usize].state == State::Primary) {
            let of = |place: &usize| &table.cells[cells[*place] as usize];
            let Some(known) = places.iter().find(|other| knows(of(other), of(place))) else { continue };
            let ratio = field::mul(first[*place], field::inverse(first[*known]));
            if let Some((own, times)) = field::ratio(ratio) {
                pairs.insert(Pair { cell: cells[*place], times, known: cells[*known], own });
            }
        }
    }
    // Two that are alone in their cells are one pair.
    let turned = |pair: &Pair| Pair { cell: pair.known, times: pair.own, known: pair.cell, own: pair.times };
    let mut pairs: Vec<Pair> =
        pairs.iter().filter(|pair| pair.cell < pair.known || !pairs.contains(&turned(pair))).copied().collect();
    pairs.sort_unstable_by_key(|pair| (pair.cell, pair.known));
    pairs
}

/// Whether somebody is alone in a cell who is not alone in the other too: nobody needs protection from themselves.
fn knows(cell: &Cell, other: &Cell) -> bool {
    let same = other.contributors == 1 && other.contributor.is_some() && cell.contributor == other.contributor;
    cell.contributors == 1 && !same && !std::ptr::eq(cell, other)
}
