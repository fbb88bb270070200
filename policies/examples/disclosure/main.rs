//! Protects made-up tables of migration counts, audits them, and prints what is lost: `cargo run --release -p chancery-policies --example disclosure`.
//!
//! Names of tables as arguments run those alone, and `--own FILE` a table of yours (see `Figures::read`). `--thorough` takes minutes for what seconds do, and finds
//! out how little could be lost; `--singletons` takes who is alone in a cell for an attacker too. For comparisons with other programs
//! (`bench/disclosure.py`): `--json` prints a line of JSON a table; `--cells FILE NAME` writes the finest counts of a table, `--audit FILE NAME` looks at what
//! another program withheld of it, and `--pattern FILE NAME` writes what was withheld here.

mod numbers;
mod tables;

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use chancery_policies::disclosure;
use disclosure::audit::{self, Insiders, audit};
use disclosure::certified;
use disclosure::suppression::Options;
use disclosure::table::{State, Table};

use tables::{Figures, SHAPES, table};

/// Readers are the attackers, as in other programs' methods; with `singletons`, those who are alone in a cell as well.
fn looking(singletons: bool) -> audit::Options {
    let insiders = if singletons { Insiders::Exact } else { Insiders::Ignored };
    audit::Options { insiders, ..audit::Options::default() }
}

/// Published cells, what is withheld, and what an audit says.
struct Outcome {
    seconds: [f64; 2],
    table: Table,
    unsafe_cells: usize,
    narrowest: Option<f64>,
    /// What must be lost at least, where that was found out.
    least: Option<f64>,
}

impl Outcome {
    fn of(table: Table, seconds: f64, looking: &audit::Options) -> Result<Self, Box<dyn Error>> {
        let start = Instant::now();
        let found = audit(&table, looking)?;
        let seconds = [seconds, start.elapsed().as_secs_f64()];
        let unsafe_cells = found.unsafe_cells().len();
        Ok(Self { seconds, table, unsafe_cells, narrowest: found.narrowest, least: None })
    }

    /// Number and value of the cells withheld to protect others.
    fn lost(&self) -> (usize, f64) {
        let secondary = self.table.cells.iter().filter(|cell| cell.state == State::Secondary);
        (secondary.clone().count(), secondary.map(|cell| cell.value).sum())
    }

    fn print(&self, name: &str, json: bool) {
        let ((secondary, value), primary) = (self.lost(), self.table.count(State::Primary));
        let (cells, sums, [protecting, auditing]) = (self.table.cells.len(), self.table.sums.len(), self.seconds);
        let (exposed, narrowest) = (self.unsafe_cells, self.narrowest.unwrap_or(f64::INFINITY));
        let least = self.least.map_or("null".to_owned(), |least| format!("{least:.1}"));
        if json {
            println!(
                "{{\"name\":\"{name}\",\"cells\":{cells},\"primary\":{primary},\"secondary\":{secondary},\"value\":{value},\
                 \"seconds\":{protecting:.3},\"audit_seconds\":{auditing:.3},\"unsafe\":{exposed},\"narrowest\":{narrowest:.2},\"least\":{least}}}"
            );
        } else {
            println!(
                "{cells:>8} {sums:>8} {primary:>8} | {secondary:>9} {value:>9} {least:>9} {protecting:>8.2} {auditing:>8.2} {exposed:>8} {narrowest:>10.2}"
            );
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name: &str, values: usize| {
        let at = names.iter().position(|n| n == name)?;
        Some(names.drain(at..(at + 1 + values).min(names.len())).skip(1).collect::<Vec<String>>())
    };
    let (json, thorough) = (option("--json", 0).is_some(), option("--thorough", 0).is_some());
    let singletons = option("--singletons", 0).is_some();
    let looking = looking(singletons);
    let (cells, audited, pattern) = (option("--cells", 1), option("--audit", 1), option("--pattern", 1));
    let file = |names: Vec<String>| names.into_iter().next().ok_or("name a file");
    let figures = match option("--own", 1) {
        Some(own) => {
            let own = file(own)?;
            vec![Figures::read("own", &std::fs::read_to_string(own)?)?]
        }
        None => {
            let named = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
            SHAPES.iter().filter(|shape| named(shape.name)).map(Figures::made_up).collect()
        }
    };
    let first = || figures.first().ok_or("name a table");
    if let Some(to) = cells {
        std::fs::write(file(to)?, finest(first()?)?)?;
        return Ok(());
    }
    if let Some(from) = audited {
        let figures = first()?;
        let table = withheld_elsewhere(figures, &std::fs::read_to_string(file(from)?)?)?;
        Outcome::of(table, 0.0, &looking)?.print(&figures.name, true);
        return Ok(());
    }
    if !json {
        println!(
            "{:>8} {:>8} {:>8} | {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>10}",
            "cells", "sums", "primary", "secondary", "value", "least", "seconds", "audit", "unsafe", "narrowest"
        );
    }
    for figures in &figures {
        let mut table = table(figures);
        table.same_persons();
        let start = Instant::now();
        let options = Options { respondents: singletons, ..Options::sized(table.cells.len(), thorough) };
        let found = certified::protect(&mut table, &options, &looking)?;
        let seconds = start.elapsed().as_secs_f64();
        if let Some(to) = &pattern {
            std::fs::write(file(to.clone())?, withheld_here(figures, &table)?)?;
        }
        Outcome { least: found.least, ..Outcome::of(table, seconds, &looking)? }.print(&figures.name, json);
    }
    Ok(())
}

/// The finest counts with their codes.
fn finest(figures: &Figures) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (codes, count) in figures.finest() {
        for code in codes {
            write!(text, "{code};")?;
        }
        writeln!(text, "{count}")?;
    }
    Ok(text)
}

/// What is withheld of a table, in the form in which another program's is read.
fn withheld_here(figures: &Figures, table: &Table) -> Result<String, std::fmt::Error> {
    let sizes = figures.sizes();
    let mut text = String::new();
    for (index, cell) in table.cells.iter().enumerate().filter(|(_, cell)| cell.state.withheld()) {
        let (mut rest, mut codes) = (index, Vec::new());
        for size in sizes.iter().rev() {
            codes.insert(0, (rest % size).to_string());
            rest /= size;
        }
        writeln!(text, "{};{}", codes.join(";"), if cell.state == State::Primary { "U" } else { "M" })?;
    }
    Ok(text)
}

/// The table as another program protected it: a line `code;code;…;status` for each cell that it withheld, `U` or `M`.
fn withheld_elsewhere(figures: &Figures, text: &str) -> Result<Table, Box<dyn Error>> {
    let mut table = table(figures);
    table.same_persons();
    let sizes = figures.sizes();
    let mut states = HashMap::new();
    for line in text.lines() {
        let mut fields: Vec<&str> = line.split(';').collect();
        let status = fields.pop().unwrap_or_default();
        let mut cell = 0;
        for (field, size) in fields.iter().zip(&sizes) {
            cell = cell * size + field.parse::<usize>()?;
        }
        states.insert(cell, status.to_owned());
    }
    for (index, cell) in table.cells.iter_mut().enumerate() {
        match (cell.state, states.get(&index).map(String::as_str)) {
            (State::Primary, Some("U" | "M")) | (State::Published, None) => {}
            (State::Published, Some("M")) => cell.state = State::Secondary,
            (state, status) => return Err(format!("cell {index} is {state:?} here and {status:?} there").into()),
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_three_dimensions_is_protected_for_little() -> Result<(), Box<dyn Error>> {
        let figures = Figures::made_up(SHAPES.iter().find(|s| s.name == "540").ok_or("no such table")?);
        let (mut table, looking) = (table(&figures), looking(false));
        let found = certified::protect(&mut table, &Options { effort: 2_000_000, ..Options::default() }, &looking)?;
        let outcome = Outcome::of(table, 0.0, &looking)?;
        // The cheapest there is; tau-Argus loses 314 with its modular method, 315 with the optimal one.
        assert_eq!((outcome.unsafe_cells, outcome.lost().1, found.least), (0, 303.0, Some(303.0)));
        // What was withheld here, read as another program's.
        let text = withheld_here(&figures, &outcome.table)?;
        let again = withheld_elsewhere(&figures, &text)?;
        assert!(again.cells.iter().zip(&outcome.table.cells).all(|(a, b)| a.state == b.state));
        Ok(())
    }

    #[test]
    fn a_table_is_read_from_a_file() -> Result<(), Box<dyn Error>> {
        let figures = Figures::read("own", "below;5\ndimension;3;0;1;0\ndimension;2\n0;0;4\n1;1;9\n2;1;7\n")?;
        let table = table(&figures);
        assert_eq!((figures.sizes(), table.sums.len()), (vec![6, 3], 3 * 3 + 6));
        let values: Vec<f64> = table.cells.iter().map(|cell| cell.value).collect();
        assert_eq!(values[9..], [4.0, 7.0, 11.0, 0.0, 9.0, 9.0, 4.0, 16.0, 20.0]);
        assert_eq!(table.count(State::Primary), 4);
        assert!(Figures::read("own", "dimension;2\n2;4\n").is_err());
        Ok(())
    }
}
