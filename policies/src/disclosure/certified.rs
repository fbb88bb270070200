//! Protection until an audit agrees: further cells are withheld where the audit finds too little, and costly ones given back that it does not miss.

use super::audit::{self, Audit, Finding};
use super::suppression::{self, Target};
use super::table::{State, Table, TableError};

/// Rounds in which more is withheld after an audit that found something.
const MAX_ROUNDS: usize = 24;
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
}

/// Withholds cells of the table until no sensitive one can be found, or nothing more helps.
pub fn protect(
    table: &mut Table,
    options: &suppression::Options,
    looking: &audit::Options,
) -> Result<Certified, TableError> {
    let options = suppression::Options { levels: false, ..options.clone() };
    suppression::protect(table, &options, || true)?;
    let mut audit = audit::audit(table, looking)?;
    for _ in 0..MAX_ROUNDS {
        if audit.safe() || !strengthen(table, &audit, &options)? {
            break;
        }
        // What more is withheld cannot expose a cell: only those found are looked at again, and all of them when none is left.
        let found = audit.unsafe_cells();
        audit = audit::audit_where(table, looking, |cell| found.binary_search(&cell).is_ok())?;
        if audit.safe() {
            audit = audit::audit(table, looking)?;
        }
    }
    let mut given_back = 0;
    if audit.safe() && table.cells.len() <= MAX_GIVING_BACK {
        given_back = give_back(table, looking, &mut audit)?;
    }
    Ok(Certified { audit, given_back })
}

/// Withholds more where the audit found too little. Whether anything was.
fn strengthen(table: &mut Table, audit: &Audit, options: &suppression::Options) -> Result<bool, TableError> {
    let before = table.count(State::Secondary);
    let target = |finding: &Finding| {
        let (change, known) = finding.missing(table);
        Target { cell: finding.cell, change, known }
    };
    let targets: Vec<Target> = audit.findings.iter().map(target).collect();
    suppression::strengthen(table, &targets, options)?;
    Ok(table.count(State::Secondary) > before)
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
