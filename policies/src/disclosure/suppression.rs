//! Secondary suppression: withholds more cells so that no sensitive one can be computed, or known too closely, from what is published.
//!
//! 1. **Cover.** Around each exposed cell all cheap cells of a window are taken; then those that are not needed are given back, the costliest first
//!    (Gauss elimination, modulo a prime). What is left is a witness for each sensitive cell: a change of withheld cells that keeps every sum.
//! 2. **Improve.** The same in small windows drawn at random, with the costs disturbed; then exchanges that are the best there are within a window, by integer
//!    programs over the cuts that give protected cells away. What is cheaper stays. In small tables a bound fixes most cells, and the program for all others
//!    finds the cheapest pattern there is.
//! 3. **Reach.** Where a witness does not let a cell move as far as its levels ask, or needs a cell that a respondent knows, the cheapest other one is
//!    found, by a linear program or without that cell, and what it needs is taken for good.
//!
//! The result depends on the table and the seed alone. It is no certificate: that is the audit's, which shares nothing with this.

mod cuts;
mod echelon;
mod exchange;
mod field;
mod kernel;
mod optimal;
mod pattern;
mod program;
mod reach;
mod relaxation;
mod respondents;
mod search;
mod window;

#[cfg(test)]
pub(super) mod tests;

use super::table::{State, Table, TableError};
pub use optimal::Least;
use pattern::{Pattern, Role};

/// How far sums may miss, as a share of the greatest value in them.
const TOLERANCE: f64 = 1e-9;

/// Greatest numbers of cells: of tables that are improved by programs, of those whose cheapest pattern is looked for, and of those for which it is if asked for.
const MAX_EXCHANGED: usize = 60_000;
const MAX_PROVEN: usize = 2_500;
const MAX_BOUNDED: usize = 10_000;
/// Work spent on cheaper patterns for each cell of a table, at least and at most; and how many times that in a thorough search.
const EFFORT: u64 = 3_500;
const LEAST_EFFORT: u64 = 2_000_000;
const MAX_EFFORT: u64 = 500_000_000;
const THOROUGH: u64 = 12;
/// Part of the effort, one of so many, that is spent on drawing.
const DRAWN: u64 = 5;
/// Part of it that is spent in each turn on protecting from respondents.
const TURN: u64 = 2;

/// How to protect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Decides which exchanges are tried.
    pub seed: u64,
    /// Work spent on exchanges, in coefficients computed: about 5·10⁷ a second.
    pub effort: u64,
    /// Whether respondents who are alone in a cell, and so know it, are attackers too.
    pub respondents: bool,
    /// Whether the attacker knows that all values are whole: witnesses must then be whole too.
    pub whole: bool,
    /// Whether zeros may be withheld to protect others.
    pub zeros: bool,
    /// Whether cells are taken until each sensitive one is shown to reach its levels; without it, only until each can change, and [`strengthen`] takes
    /// what an audit finds missing.
    pub levels: bool,
    /// Whether to find out how much cheaper a pattern could be at best, in all but great tables, and not in small ones alone. It takes minutes.
    pub bounded: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            effort: LEAST_EFFORT,
            respondents: false,
            whole: false,
            zeros: false,
            levels: true,
            bounded: false,
        }
    }
}

impl Options {
    /// For a table of so many cells, to be protected within seconds, or within minutes.
    pub fn sized(cells: usize, thorough: bool) -> Self {
        let quick = EFFORT.saturating_mul(cells as u64).clamp(LEAST_EFFORT, MAX_EFFORT);
        Self { effort: if thorough { quick * THOROUGH } else { quick }, bounded: thorough, ..Self::default() }
    }
}

/// What protection did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Cells withheld to protect others.
    pub secondary: usize,
    /// What those cost.
    pub cost: f64,
    /// Primary cells that can be computed, or known more closely than their levels allow, whatever else is withheld. The table must not be published.
    pub unprotected: Vec<u32>,
    /// What the cheapest pattern costs in which every cell can change, where that was looked for.
    pub least: Option<Least>,
    /// Coefficients computed.
    pub work: u64,
    /// Linear programs solved.
    pub programs: u64,
}

/// Withholds cells of the table ([`State::Secondary`]) so that its primary ones are protected. `go_on` is asked now and then whether to go on looking for a
/// cheaper pattern.
pub fn protect(table: &mut Table, options: &Options, mut go_on: impl FnMut() -> bool) -> Result<Outcome, TableError> {
    table.check(TOLERANCE)?;
    let mut pattern = Pattern::new(table, options.zeros);
    let mut scratch = window::Scratch::new();
    search::cover(&mut pattern, &mut scratch);
    let end = scratch.work.saturating_add(options.effort);
    let least = exchanges(&mut pattern, &mut scratch, options, &mut |work| work < end && go_on());
    let mut unprotected = pattern.exposed();
    let mut reach = reach::Reach::new(table, options.whole, options.seed);
    if options.levels {
        unprotected.extend(reach.extend(&mut pattern, &mut scratch));
    }
    let programs = reach.programs;
    if options.respondents {
        unprotected.extend(against_respondents(table, &mut pattern, &mut scratch, options));
    }
    unprotected.sort_unstable();
    unprotected.dedup();
    let mut outcome = Outcome { unprotected, least, work: scratch.work, programs, ..Outcome::default() };
    write(table, &pattern);
    for cell in table.cells.iter().filter(|cell| cell.state == State::Secondary) {
        outcome.secondary += 1;
        outcome.cost += cell.cost;
    }
    Ok(outcome)
}

/// Exchanges cells of a table that is protected for cheaper ones, all but those `pinned`.
pub fn improve(table: &mut Table, pinned: &[u32], options: &Options) -> Result<(), TableError> {
    table.check(TOLERANCE)?;
    let mut pattern = Pattern::new(table, options.zeros);
    let mut scratch = window::Scratch::new();
    pinned.iter().for_each(|cell| pattern.pin(*cell));
    search::witness_all(&mut pattern, &mut scratch);
    let end = scratch.work.saturating_add(options.effort);
    exchanges(&mut pattern, &mut scratch, options, &mut |work| work < end);
    if options.respondents {
        against_respondents(table, &mut pattern, &mut scratch, options);
    }
    write(table, &pattern);
    Ok(())
}

/// Protects from respondents who know their own cells. Returns the cells that cannot be.
fn against_respondents(
    table: &Table,
    pattern: &mut Pattern,
    scratch: &mut window::Scratch,
    options: &Options,
) -> Vec<u32> {
    let great = pattern.cells(|role| role != Role::Shut).len() > MAX_EXCHANGED;
    let effort = options.effort / TURN;
    respondents::protect(table, pattern, scratch, options.seed, &mut |pattern, scratch, seed| {
        let end = scratch.work.saturating_add(effort);
        let drawn = if great { end } else { scratch.work.saturating_add(effort / DRAWN) };
        search::improve(pattern, scratch, seed, &mut |work| work < drawn);
        exchange::improve(pattern, scratch, seed, &mut |work| work < end);
    })
}

/// Makes the pattern cheaper: by drawing, then by programs. What the cheapest costs, where that was looked for.
fn exchanges(
    pattern: &mut Pattern,
    scratch: &mut window::Scratch,
    options: &Options,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Option<Least> {
    let candidates = pattern.roles.iter().filter(|role| **role != Role::Shut).count();
    if candidates > MAX_EXCHANGED {
        search::improve(pattern, scratch, options.seed, go_on);
        return None;
    }
    let drawn = scratch.work.saturating_add(options.effort / DRAWN);
    search::improve(pattern, scratch, options.seed, &mut |work| work < drawn && go_on(work));
    let mut least = (candidates <= MAX_PROVEN).then(|| optimal::prove(pattern, scratch, options.seed, options.bounded));
    if least.is_none_or(|least| !least.proven) {
        exchange::improve(pattern, scratch, options.seed, go_on);
        let bounded = options.bounded && candidates <= MAX_BOUNDED;
        least = (bounded || least.is_some()).then(|| optimal::prove(pattern, scratch, options.seed, options.bounded));
    }
    search::witness_all(pattern, scratch);
    least
}

/// A cell of which an audit found that it cannot go as far as it must.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The cell.
    pub cell: u32,
    /// How far it must be able to go; below its value, if negative.
    pub change: f64,
    /// Cells that the attacker knows.
    pub known: Vec<u32>,
}

/// Withholds the cheapest further cells that let each target go as far as it must; none is given back. Returns the cells that none were found for.
pub fn strengthen(table: &mut Table, targets: &[Target], options: &Options) -> Result<Vec<u32>, TableError> {
    table.check(TOLERANCE)?;
    let mut pattern = Pattern::new(table, options.zeros);
    let mut scratch = window::Scratch::new();
    let mut reach = reach::Reach::new(table, options.whole, options.seed);
    let mut left = Vec::new();
    for target in targets {
        // What was bought for another may be enough.
        if target.known.is_empty() && reach.reaches(target.cell, target.change) {
            continue;
        }
        if !reach.push(&mut pattern, &mut scratch, target.cell, target.change, &target.known) {
            left.push(target.cell);
        }
    }
    write(table, &pattern);
    Ok(left)
}

/// Makes the cells what the pattern says.
fn write(table: &mut Table, pattern: &Pattern) {
    for (cell, role) in table.cells.iter_mut().zip(&pattern.roles) {
        match (cell.state, *role) {
            (State::Published, Role::Taken | Role::Held) => cell.state = State::Secondary,
            (State::Secondary, Role::Open | Role::Shut) => cell.state = State::Published,
            _ => {}
        }
    }
}
