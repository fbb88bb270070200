//! Exchanges of withheld cells for cheaper ones, each the best there is among the cells that may change.

use super::cuts::Region;
use super::field::Random;
use super::pattern::{Pattern, Role};
use super::program;
use super::window::Scratch;

/// Cells that may change in one exchange.
const LEAST: usize = 40;
const MOST: usize = 300;
/// Nodes of one integer program, and programs of one exchange.
const NODES: u64 = 200;
const PROGRAMS: usize = 60;
/// Exchanges in a row that find nothing cheaper, for each cell that may be given back, after which there is nothing left to find.
const IDLE: usize = 2;
/// A pattern is cheaper if it costs less by this share.
const CHEAPER: f64 = 1e-7;

/// Improves the pattern while `go_on` allows. Its witnesses are those of the pattern before.
pub(super) fn improve(pattern: &mut Pattern, scratch: &mut Scratch, seed: u64, go_on: &mut dyn FnMut(u64) -> bool) {
    let mut random = Random(seed);
    let mut idle = 0;
    while go_on(scratch.work) {
        let taken = pattern.cells(|role| role == Role::Taken);
        if idle >= IDLE * taken.len() {
            break;
        }
        idle += 1;
        let seed = taken[random.below(taken.len())];
        let window = scratch.around(pattern, &[seed], LEAST + random.below(MOST - LEAST), Some(&mut random));
        let mut region = Region::window(pattern, scratch, &window);
        if let Some(taken) = exchange(&mut region, pattern, &mut scratch.work, go_on) {
            region.replace(pattern, &taken);
            idle = 0;
        }
    }
}

/// The cheapest cells of the window that protect all cells, if they cost less than those of now.
fn exchange(
    region: &mut Region,
    pattern: &Pattern,
    work: &mut u64,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Option<Vec<bool>> {
    let taken = region.taken(pattern);
    let open: Vec<bool> = region.held.iter().map(|held| !held).collect();
    let before = region.cost(&taken);
    region.lacks(&vec![false; taken.len()], work);
    for _ in 0..PROGRAMS {
        if !go_on(*work) {
            return None;
        }
        let solved = program::solve(region, &taken, &open, NODES)?;
        *work += solved.work;
        if region.cost(&solved.taken) > before - CHEAPER * before {
            return None;
        }
        if !region.lacks(&solved.taken, work) {
            return Some(solved.taken);
        }
    }
    None
}
