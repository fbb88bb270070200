//! What is wrong with a file: on the terminal, as CSV, and as a marked copy of the sheet.

use std::path::Path;

use anyhow::{Context as _, Result};
use chancery_exchange::{Checks, Error, Findings, mark};
use chancery_schema::validate::{MAX_LISTED, MAX_PROBLEMS};

use crate::cli::Checking;
use crate::output;

/// Reads the rule files, and keeps as many problems as are asked for.
pub(crate) fn checks(args: &Checking) -> Result<Checks> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).map_err(|e| Error::file("read the rules", path, e).into())
    };
    let listed = if args.problems.is_some() || args.marked.is_some() { MAX_LISTED } else { MAX_PROBLEMS };
    let rules = args.rules.iter().map(read).collect::<Result<_>>()?;
    Ok(Checks { rules, accept: args.accept.clone(), listed })
}

/// Writes the files that were asked for, also when nothing was found: an old list must not stay.
pub(crate) fn write(args: &Checking, file: Option<&Path>, mapping: &str, findings: &Findings) -> Result<()> {
    if let Some(path) = &args.problems {
        list(path, findings).with_context(|| format!("cannot write the problems to `{}`", path.display()))?;
    }
    if let Some(path) = &args.marked {
        let marked = mark(file, mapping, findings, path)?;
        let cut = if marked.cut_off { ", as far as a sheet has rows" } else { "" };
        output::note(format!("marked {} cells in `{}`{cut}", marked.cells, path.display()));
    }
    Ok(())
}

fn list(path: &Path, findings: &Findings) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["row", "column", "component", "value", "level", "kind", "expected", "nearest"])?;
    for problem in &findings.problems {
        let row = problem.row.to_string();
        let nearest = problem.nearest.as_deref().unwrap_or("");
        let (level, kind) = (problem.kind.severity().name(), problem.kind.name());
        let (column, component) = (problem.column.as_str(), problem.component.as_str());
        writer.write_record([&row, column, component, &problem.value, level, kind, &problem.expected, nearest])?;
    }
    writer.flush()?;
    Ok(())
}
