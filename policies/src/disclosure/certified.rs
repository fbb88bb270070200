//! Protection until an audit agrees: further cells are withheld where the audit finds too little, and costly ones given back that it does not miss.

use super::audit::{self, Audit, Finding};
use super::suppression::{self, Target};
use super::table::{State, Table, TableError};

/// Rounds in which more is withheld after an audit that found something.
const MAX_ROUNDS: usize = 24;
/// Turns of exchanges after it, and the greatest table in which they are tried.
const MAX_TURNS: u64 = 3;
const MAX_TURNED: usize = 60_000;
/// Withheld cells that are tried to be published again, and the greatest table in which they are.
const GIVEN_BACK_TRIED: usize = 48;
const MAX_GIVING_BACK: usize = 1_000;

/// What became of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Certified {
    /// The last audit. What it still finds could not be helped: such a table must not be published.
    pub audit: Audit,
    /// Cells that were withheld at first and are not needed.
    pub given_back: u64,
    /// What is lost of the cells that protect others.
    pub cost: f64,
    /// What would be lost of them at least, where that was found out.
    pub least: Option<f64>,
}

/// Withholds cells of the table until no sensitive one can be found, or nothing more helps.
pub fn protect(
    table: &mut Table,
    options: &suppression::Options,
    looking: &audit::Options,
) -> Result<Certified, TableError> {
    let options = suppression::Options { levels: false, ..options.clone() };
    let least = suppression::protect(table, &options, || true)?.least;
    let mut pinned = Vec::new();
    let mut audit = until_safe(table, &mut pinned, &options, looking)?;
    // With what the audit asked for, other cells may no longer be needed.
    let turn = suppression::Options { effort: options.effort / MAX_TURNS, bounded: false, ..options.clone() };
    for _ in 0..MAX_TURNS {
        if !audit.safe() || pinned.is_empty() || table.cells.len() > MAX_TURNED {
            break;
        }
        let mut other = table.clone();
        suppression::improve(&mut other, &pinned, &turn)?;
        let found = until_safe(&mut other, &mut pinned, &options, looking)?;
        if !found.safe() || cost(&other) >= cost(table) {
            break;
        }
        (*table, audit) = (other, found);
    }
    let mut given_back = 0;
    if audit.safe() && table.cells.len() <= MAX_GIVING_BACK {
        given_back = give_back(table, looking, &mut audit)?;
    }
    let least = least.map(|least| if least.proven { least.cost.min(cost(table)) } else { least.cost });
    Ok(Certified { audit, given_back, least, cost: cost(table) })
}

/// What is lost of the table to protect others.
fn cost(table: &Table) -> f64 {
    table.cells.iter().filter(|cell| cell.state == State::Secondary).map(|cell| cell.cost).sum()
}

/// Audits, and withholds more until nothing is found or nothing helps; `pinned` are the cells that were.
fn until_safe(
    table: &mut Table,
    pinned: &mut Vec<u32>,
    options: &suppression::Options,
    looking: &audit::Options,
) -> Result<Audit, TableError> {
    let mut audit = audit::audit(table, looking)?;
    for _ in 0..MAX_ROUNDS {
        if audit.safe() || !strengthen(table, &audit, pinned, options)? {
            break;
        }
        // What more is withheld cannot expose a cell: only those found are looked at again, and all of them when none is left.
        let found = audit.unsafe_cells();
        audit = audit::audit_where(table, looking, |cell| found.binary_search(&cell).is_ok())?;
        if audit.safe() {
            audit = audit::audit(table, looking)?;
        }
    }
    Ok(audit)
}

/// Withholds more where the audit found too little. Whether anything was.
fn strengthen(
    table: &mut Table,
    audit: &Audit,
    pinned: &mut Vec<u32>,
    options: &suppression::Options,
) -> Result<bool, TableError> {
    let before: Vec<State> = table.cells.iter().map(|cell| cell.state).collect();
    let target = |finding: &Finding| {
        let (change, known) = finding.missing(table);
        Target { cell: finding.cell, change, known }
    };
    let targets: Vec<Target> = audit.findings.iter().map(target).collect();
    suppression::strengthen(table, &targets, options)?;
    let more = (0..before.len()).filter(|cell| table.cells[*cell].state != before[*cell]).map(|cell| cell as u32);
    let known = pinned.len();
    pinned.extend(more);
    Ok(pinned.len() > known)
}

/// Publishes again what protects nothing, the most costly first. How many.
fn give_back(table: &mut Table, looking: &audit::Options, audit: &mut Audit) -> Result<u64, TableError> {
    let cost = |cell: &u32| table.cells[*cell as usize].cost;
    // What was withheld before stays, so that patterns do not move without need.
    let free = |cell: &u32| {
        let cell = &table.cells[*cell as usize];
        cell.state == State::Secondary && cell.withheld_before != Some(true)
    };
    let mut secondary: Vec<u32> = (0..table.cells.len() as u32).filter(free).collect();
    secondary.sort_by(|a, b| cost(b).total_cmp(&cost(a)).then(a.cmp(b)));
    let mut given_back = 0;
    for cell in secondary.into_iter().take(GIVEN_BACK_TRIED) {
        table.cells[cell as usize].state = State::Published;
        let without = audit::audit(table, looking)?;
        if without.safe() {
            *audit = without;
            given_back += 1;
        } else {
            table.cells[cell as usize].state = State::Secondary;
        }
    }
    Ok(given_back)
}

#[cfg(test)]
mod tests;
