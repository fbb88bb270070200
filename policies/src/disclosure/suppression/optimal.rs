//! The cheapest pattern of a small table, or how far from it the one found can be.
//!
//! A bound from cuts fixes most cells: what would cost more than the cheapest pattern known if it were withheld stays published, and the other way round. The
//! rest is an integer program, solved again with further cuts until its solution protects every cell (as Fischetti and Salazar 2001 do, whose cuts ask for
//! intervals too).

use super::cuts::Region;
use super::pattern::{Pattern, Role};
use super::program;
use super::relaxation::Relaxation;
use super::window::Scratch;

/// Searches for further cuts before the integer program.
const ROUNDS: usize = 60;
/// Cells that the integer program may leave open, programs solved one after the other, and nodes that each may visit within seconds or minutes.
const MAX_OPEN: usize = 2_000;
const PROGRAMS: usize = 60;
const NODES: u64 = 50;
const THOROUGH_NODES: u64 = 2_000;
/// Costs that differ by less, as a share, are the same.
const SAME: f64 = 1e-7;

/// What is known of the cheapest pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Least {
    /// No pattern costs less.
    pub cost: f64,
    /// Whether the pattern that was found costs no more.
    pub proven: bool,
}

/// Makes the pattern the cheapest, as far as that can be found. Its witnesses are those of the pattern before.
pub(super) fn prove(pattern: &mut Pattern, scratch: &mut Scratch, seed: u64, thorough: bool) -> Least {
    let mut region = Region::new(pattern, scratch, pattern.cells(|role| role != Role::Shut));
    let mut taken = region.taken(pattern);
    let relaxation = Relaxation::new(&mut region, &taken, ROUNDS, seed, &mut scratch.work);
    let cost = region.cost(&taken);
    let mut least = Least { cost: relaxation.bound.min(cost), proven: false };
    // No cheaper pattern holds a cell that raises the bound above the cost known.
    let cheap = |place: &usize| relaxation.bound + relaxation.reduced[*place] <= cost * (1.0 + SAME);
    let open: Vec<bool> = (0..taken.len()).map(|place| !region.held[place] && cheap(&place)).collect();
    if open.iter().filter(|open| **open).count() <= MAX_OPEN {
        let nodes = if thorough { THOROUGH_NODES } else { NODES };
        finish(&mut region, &mut taken, (&open, nodes), &mut least, &mut scratch.work);
        region.replace(pattern, &taken);
    }
    least
}

/// Solves the program of the cells left open with more and more cuts. Whatever it finds that protects all cells is `taken` if it costs less.
fn finish(
    region: &mut Region,
    taken: &mut Vec<bool>,
    (open, nodes): (&[bool], u64),
    least: &mut Least,
    work: &mut u64,
) {
    let cost = region.cost(taken);
    for _ in 0..PROGRAMS {
        let Some(solved) = program::solve(region, taken, open, nodes) else { return };
        *work += solved.work;
        least.cost = least.cost.max(solved.bound.min(cost));
        let cheaper = region.cost(&solved.taken) < cost * (1.0 - SAME);
        if cheaper && region.lacks(&solved.taken, work) {
            continue;
        }
        if cheaper {
            *taken = solved.taken;
        }
        if solved.optimal {
            *least = Least { cost: region.cost(taken), proven: true };
        }
        return;
    }
}
