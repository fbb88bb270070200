//! The audit: what an attacker can find out about a table, given everything that is published of it.
//!
//! It shares nothing with protection but [`Table`], so that a mistake there is not repeated here. The withheld cells that sums connect form a
//! part; in each, linear programs look for the highest and the lowest value that a cell may have without contradicting what is published. Every claim that a
//! cell is safe rests on tables that could be the true one: points that were reached and checked against all sums. Where no such point is
//! found the cell counts as unsafe, so an audit that fails, fails closed.
//!
//! Intervals are those of real numbers. Among whole numbers they may be narrower where figures are cross-tabulated by three dimensions or more;
//! no method in use rules that out.

mod attackers;
mod blind;
mod directions;
mod look;
mod near;
mod parts;
mod polytope;
mod space;

use super::table::{State, Table, TableError};

use attackers::Known;
use look::Look;
use parts::Part;

pub use blind::complete;

/// Sums may miss by this share of the greatest value in them: figures were added up as floats.
const SUM_TOLERANCE: f64 = 1e-6;
/// A level counts as reached if this share of it is missing.
const LEVEL_TOLERANCE: f64 = 1e-6;

/// What those know who are in the table themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Insiders {
    /// They are not thought of.
    Ignored,
    /// Who is alone in a cell knows it, and must not find another cell's value: its interval must stay a unit wide, or as wide as it has to be
    /// if that is less.
    #[default]
    Exact,
    /// Who is alone in a cell knows it, and other cells must keep their whole protection against them.
    Levels,
}

/// How to look at a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// What those in the table know.
    pub insiders: Insiders,
    /// Most steps of linear programs in one part; beyond it, cells that are not shown to be safe count as unsafe.
    pub max_steps: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { insiders: Insiders::default(), max_steps: 20_000_000 }
    }
}

/// Who finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attacker {
    /// Anybody.
    Reader,
    /// Whoever is alone in these cells.
    Insider(Vec<u32>),
}

/// A cell that is not protected as it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The cell.
    pub cell: u32,
    /// From whom.
    pub attacker: Attacker,
    /// The values between which they know it to be.
    pub interval: (f64, f64),
    /// The values it would have to reach.
    pub needed: (f64, f64),
    /// How wide the interval would have to be.
    pub needed_width: f64,
    /// Whether the interval is only what could be shown within the limit on steps.
    pub cut_off: bool,
    /// Cells that are in one sum with it.
    pub beside: Vec<u32>,
}

impl Finding {
    fn new(part: &Part, cell: usize, need: &Need, attacker: Attacker, interval: (f64, f64), cut_off: bool) -> Self {
        let value = part.values[cell];
        Self {
            cell: part.cells[cell],
            attacker,
            interval,
            needed: (value - need.down, value + need.up),
            needed_width: need.total(),
            cut_off,
            beside: Vec::new(),
        }
    }

    /// How far the cell would still have to be able to go from its value, down if negative, while which cells stand still.
    pub fn missing(&self, table: &Table) -> (f64, Vec<u32>) {
        let value = table.cells.get(self.cell as usize).map_or(0.0, |cell| cell.value);
        let short = LEVEL_TOLERANCE * self.needed_width;
        let (low, high) = self.interval;
        let change = if high < self.needed.1 - short {
            self.needed.1 - value
        } else if low > self.needed.0 + short {
            self.needed.0 - value
        } else {
            self.needed_width - (value - low).min(self.needed_width)
        };
        let known = match &self.attacker {
            Attacker::Reader => Vec::new(),
            Attacker::Insider(cells) => cells.clone(),
        };
        (change, known)
    }

    /// Whether the value itself is found.
    pub fn is_exact(&self) -> bool {
        let (low, high) = self.interval;
        high - low <= LEVEL_TOLERANCE * high.abs().max(1.0)
    }
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audit {
    /// Cells that are not safe, by cell.
    pub findings: Vec<Finding>,
    /// Cells that need protection.
    pub sensitive: usize,
    /// Withheld cells.
    pub withheld: usize,
    /// Parts that the withheld cells fall into.
    pub parts: usize,
    /// Cells of the greatest part.
    pub greatest_part: usize,
    /// Linear programs solved.
    pub programs: u64,
    /// Insiders looked at.
    pub insiders: usize,
    /// Width of the narrowest interval, relative to the width it must have; none if no cell needs any.
    pub narrowest: Option<f64>,
}

impl Audit {
    /// Whether nothing can be found out.
    pub fn safe(&self) -> bool {
        self.findings.is_empty()
    }

    /// Cells that are not safe, each once.
    pub fn unsafe_cells(&self) -> Vec<u32> {
        let mut cells: Vec<u32> = self.findings.iter().map(|f| f.cell).collect();
        cells.dedup();
        cells
    }
}

/// How far up and down a cell's value must be able to go, and how far apart both.
#[derive(Debug, Clone, Copy)]
struct Need {
    up: f64,
    down: f64,
    width: f64,
}

impl Need {
    /// Of the cell `global` of a table; none where nothing is needed.
    fn of(table: &Table, global: u32) -> Option<Self> {
        let cell = table.cells.get(global as usize).filter(|cell| cell.state == State::Primary)?;
        let need = Self { up: cell.levels.upper, down: cell.levels.lower, width: cell.levels.sliding };
        (need.total() > 0.0).then_some(need)
    }

    /// How wide the interval is at least when all is met.
    fn total(&self) -> f64 {
        self.width.max(self.up + self.down)
    }

    /// Whether an interval around `value` is enough.
    fn met(&self, value: f64, (low, high): (f64, f64)) -> bool {
        let short = LEVEL_TOLERANCE * self.total().max(value.abs() * 1e-3);
        high >= value + self.up - short && low <= value - self.down + short && high - low >= self.width - short
    }

    /// The level against insiders who must only not find the value.
    fn exact(&self) -> Self {
        Self { up: 0.0, down: 0.0, width: self.total().min(1.0) }
    }
}

/// Looks at a table as an attacker would.
pub fn audit(table: &Table, options: &Options) -> Result<Audit, TableError> {
    audit_where(table, options, |_| true)
}

/// Looks at some sensitive cells alone. Where cells were withheld since an audit and nothing else changed, only what it found can have become safe, and nothing
/// unsafe.
pub fn audit_where(table: &Table, options: &Options, of: impl Fn(u32) -> bool) -> Result<Audit, TableError> {
    table.check(SUM_TOLERANCE)?;
    let parts = parts::split(table);
    let mut audit = Audit {
        sensitive: table.count(State::Primary),
        withheld: table.cells.iter().filter(|cell| cell.state.withheld()).count(),
        parts: parts.len(),
        greatest_part: parts.iter().map(Part::len).max().unwrap_or(0),
        ..Audit::default()
    };
    for part in &parts {
        let need = |cell: &u32| of(*cell).then(|| Need::of(table, *cell)).flatten();
        let needs: Vec<Option<Need>> = part.cells.iter().map(need).collect();
        if needs.iter().any(Option::is_some) {
            Look::new(part, &needs, Known::of(table, part, options.insiders), options).at(&mut audit);
        }
    }
    audit.findings.sort_by_key(|finding| finding.cell);
    let beside = parts::beside(table, &audit.unsafe_cells());
    for finding in &mut audit.findings {
        finding.beside = beside.get(&finding.cell).cloned().unwrap_or_default();
    }
    Ok(audit)
}

#[cfg(test)]
mod tests;
