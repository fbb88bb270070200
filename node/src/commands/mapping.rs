//! `map`: mapping files, without a node.

use std::path::Path;

use anyhow::Result;
use chancery_exchange::{Error, try_mapping};

use super::Context;
use super::publishing::{rows, show};
use crate::cli::Map;
use crate::output;

pub(crate) fn run(context: &Context, command: Map) -> Result<()> {
    match command {
        Map::Test { mapping, file, rows } => test(context, &mapping, file.as_deref(), rows),
    }
}

fn test(context: &Context, mapping: &Path, file: Option<&Path>, most: u64) -> Result<()> {
    let text = std::fs::read_to_string(mapping).map_err(|e| Error::file("read the mapping", mapping, e))?;
    let structures = chancery_schema::shared::structures()?;
    let trial = try_mapping(&structures, &text, file, most)?;
    let figures = std::slice::from_ref(&trial.figures);
    if context.json {
        return output::json(&serde_json::json!({
            "dataflow": trial.dataflow, "found": trial.found, "headings": trial.headings, "unused": trial.unused,
            "rows": trial.rows, "left_out": trial.left_out, "figures": rows(figures), "problems": trial.problems,
        }));
    }
    for found in &trial.found {
        output::line(format!("found: {} {}", found.what, found.value));
    }
    if !trial.unused.is_empty() {
        output::line(format!("columns the mapping does not use: {}", trial.unused.join(", ")));
    }
    show(figures);
    if !trial.problems.is_empty() {
        output::line(output::problem_table(&trial.problems).to_string());
    }
    output::line(format!(
        "{}: {} rows read, {} figures, {} left out by the mapping, {} problems",
        trial.dataflow,
        trial.rows,
        trial.figures.num_rows(),
        trial.left_out,
        trial.problems.len()
    ));
    Ok(())
}
