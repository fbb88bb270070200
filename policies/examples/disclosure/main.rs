//! Protects made-up tables of migration counts by secondary suppression, and prints what it costs:
//! `cargo run --release -p chancery-policies --example disclosure -- 2205 4860`. `bench/disclosure.py` sets it beside tau-Argus.
//!
//! With `--cells FILE` the finest counts of the one table named are written there, as `code;code;…;count`, for other programs.

mod tables;

use std::fmt::Write as _;
use std::time::Instant;

use chancery_policies::disclosure;
use disclosure::suppression::{Options, protect};
use disclosure::table::State;

use tables::{SHAPES, Shape, table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let file = names.iter().position(|n| n == "--cells").map(|at| names.drain(at..).nth(1));
    let shapes: Vec<&Shape> = SHAPES.iter().filter(|s| names.is_empty() || names.iter().any(|n| n == s.name)).collect();
    if let Some(file) = file {
        let shape = shapes.first().ok_or("name a table")?;
        std::fs::write(file.ok_or("name a file")?, cells(shape)?)?;
        return Ok(());
    }
    println!(
        "{:>8} {:>8} {:>8} | {:>9} {:>9} {:>8} {:>11}",
        "cells", "sums", "primary", "secondary", "value", "seconds", "unprotected"
    );
    for shape in shapes {
        let mut table = table(shape);
        let start = Instant::now();
        let outcome = protect(&mut table, &Options::default(), || true)?;
        println!(
            "{:>8} {:>8} {:>8} | {:>9} {:>9} {:>8.2} {:>11}",
            table.cells.len(),
            table.sums.len(),
            table.count(State::Primary),
            outcome.secondary,
            outcome.cost,
            start.elapsed().as_secs_f64(),
            outcome.unprotected.len()
        );
    }
    Ok(())
}

/// The finest counts with their codes.
fn cells(shape: &Shape) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (codes, count) in tables::finest(shape) {
        for code in codes {
            write!(text, "{code};")?;
        }
        writeln!(text, "{count}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_three_dimensions_is_protected_for_little() -> Result<(), Box<dyn std::error::Error>> {
        let shape = SHAPES.iter().find(|s| s.name == "540").ok_or("no such table")?;
        let mut table = table(shape);
        let outcome = protect(&mut table, &Options { effort: 2_000_000, ..Options::default() }, || true)?;
        assert!(outcome.unprotected.is_empty() && outcome.cost <= 226.0, "{outcome:?}");
        Ok(())
    }
}
