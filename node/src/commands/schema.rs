//! `schema`: shows, checks, compares and maps structures. Needs no node.

mod load;
mod map;
mod show;

use std::process::ExitCode;

use anyhow::Result;
use chancery_schema::diff::{Change, Impact, diff};
use chancery_schema::lint::lint;
use chancery_schema::{mirror, shared};

use super::Context;
use crate::cli::Schema;
use crate::output;

/// Most findings and changes a table shows; `--json` has all.
const TABLE_ROWS: usize = 200;

pub(crate) fn run(context: &Context, command: Schema) -> Result<ExitCode> {
    match command {
        Schema::Show(args) => show::show(context, &args),
        Schema::Lint { files } => lint_all(context, &files),
        Schema::Diff { a, b } => compare(context, &a, &b),
        Schema::Map(args) => map::map(context, &args),
    }
}

fn lint_all(context: &Context, files: &[std::path::PathBuf]) -> Result<ExitCode> {
    let structures = if files.is_empty() { shared::structures()? } else { load::files(files)? };
    let mut findings: Vec<(&str, String, String)> =
        lint(&structures).into_iter().map(|f| (f.rule.name(), f.place, f.detail)).collect();
    if files.is_empty() {
        let broken = mirror::shared()?.into_iter().filter_map(|rule| rule.check(&structures).err());
        findings.extend(broken.map(|error| ("mirror", "mirror rules".to_owned(), error.to_string())));
    }
    let code = if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) };
    if context.json {
        let list = findings
            .iter()
            .map(|(rule, place, detail)| serde_json::json!({ "rule": rule, "place": place, "detail": detail }));
        output::json(&serde_json::json!({ "ok": findings.is_empty(), "findings": list.collect::<Vec<_>>() }))?;
        return Ok(code);
    }
    if findings.is_empty() {
        let artefacts = structures.artefacts().len();
        output::line(format!("ok  {artefacts} artefacts keep every rule"));
        return Ok(code);
    }
    let mut table = output::table(&["rule", "where", "what"]);
    findings.iter().take(TABLE_ROWS).for_each(|(rule, place, detail)| {
        table.add_row([*rule, place, detail]);
    });
    output::line(table.to_string());
    output::line(format!("{} findings", findings.len()));
    Ok(code)
}

fn compare(context: &Context, a: &str, b: &str) -> Result<ExitCode> {
    let found = diff(&load::named(a)?, &load::named(b)?);
    let impact = found.impact();
    let code = match impact {
        None | Some(Impact::Compatible) => ExitCode::SUCCESS,
        Some(Impact::NeedsMapping) => ExitCode::from(9),
        Some(Impact::Breaking) => ExitCode::from(10),
    };
    if context.json {
        let change = |c: &Change| {
            serde_json::json!({
                "impact": c.impact.word(), "place": c.place, "what": c.what, "for": c.party.word(), "dataflows": c.dataflows,
            })
        };
        output::json(&serde_json::json!({
            "impact": impact.map_or("none", Impact::word),
            "changes": found.changes.iter().map(change).collect::<Vec<_>>(),
            "versions": found.versions,
        }))?;
        return Ok(code);
    }
    if found.changes.is_empty() {
        output::line("nothing changes");
        return Ok(code);
    }
    let mut changes = found.changes;
    changes.sort_by_key(|c| std::cmp::Reverse(c.impact));
    let mut table = output::table(&["impact", "where", "what", "for", "dataflows"]);
    for c in changes.iter().take(TABLE_ROWS) {
        table.add_row([c.impact.word(), &c.place, &c.what, c.party.word(), &few(&c.dataflows)]);
    }
    output::line(table.to_string());
    found.versions.iter().for_each(|note| output::line(format!("version  {note}")));
    output::line(format!("{} changes: {}", changes.len(), impact.map_or("none", Impact::word)));
    Ok(code)
}

/// The first few, and how many more.
fn few(all: &[String]) -> String {
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > 3 { format!("{shown} and {} more", all.len() - 3) } else { shown }
}
