//! `preview`: the disclosure report, on the terminal and as a page, and another profile's.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chancery_exchange::{Error, Node, Stage};
use chancery_policies::disclosure::Report;
use chancery_policies::disclosure::report::html;

use crate::cli::PreviewOther;
use crate::output;

/// The report under another profile, or beside other members' figures, if that is asked for.
pub(crate) async fn otherwise(node: &Node, stage: &Stage, args: &PreviewOther) -> Result<Option<Report>> {
    if args.profile.is_none() && !args.mirror {
        return Ok(None);
    }
    let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| Error::file("read the profile", path, e));
    let profile = args.profile.as_ref().map(read).transpose()?;
    let report = node.disclose_otherwise(stage, profile, args.mirror).await;
    Ok(Some(report.with_context(|| format!("this is what would happen {}", other_name(args)))?))
}

/// What is otherwise.
fn other_name(args: &PreviewOther) -> String {
    let profile = args.profile.as_ref().map(|path| format!("under `{}`", path.display()));
    let mirror = args.mirror.then(|| "beside other members".to_owned());
    profile.into_iter().chain(mirror).collect::<Vec<_>>().join(", ")
}

/// Writes the report as a page, if that is asked for.
pub(crate) fn page(stage: &Stage, args: &PreviewOther) -> Result<()> {
    let Some(path) = &args.html else { return Ok(()) };
    let facts = [
        ("Dataflow", stage.intent.dataflow.clone()),
        ("Issuer", stage.intent.issuer.clone()),
        ("Profile, SHA-256", stage.intent.disclosure.profile_sha256.clone()),
        ("Report, SHA-256", stage.intent.disclosure.report_sha256.clone()),
    ];
    let page = html::page(&stage.report, &stage.intent.title, &facts);
    std::fs::write(path, page).map_err(|e| Error::file("write the report", path, e))?;
    output::note(format!("wrote `{}`", path.display()));
    Ok(())
}

/// What was lost, and what the audit says.
pub(crate) fn more(report: &Report) {
    if report.given_back + report.public_before > 0 {
        let (back, before) = (report.given_back, report.public_before);
        output::line(format!(
            "  {back} given back, as they protected nothing; {before} withheld though published before"
        ));
    }
    if let Some(above) = &report.above_least_percent {
        output::line(format!("  what is lost to protect others is at most {above} % above the least that could be"));
    }
    if !report.lost.is_empty() {
        let mut table = output::table(&["dimension", "observations withheld, %", "value, % of published totals"]);
        for (dimension, lost) in &report.lost {
            let value = lost.value_percent.as_deref().unwrap_or("no total published");
            table.add_row([dimension.as_str(), &lost.cells_percent, value]);
        }
        output::line(table.to_string());
    }
    if let Some(audit) = &report.audit {
        let narrowest = audit
            .narrowest
            .as_deref()
            .map_or(String::new(), |n| format!(", the narrowest interval at least {n} times as wide as it must be"));
        output::line(format!(
            "  audit: {} sensitive figures in {} connected parts of {} tables are safe ({} linear programs, {} persons in the table){narrowest}",
            audit.sensitive, audit.parts, audit.tables, audit.programs, audit.insiders
        ));
        for beside in &audit.beside {
            output::line(format!("  audit: taken to be known as well: {beside}"));
        }
    }
}

/// What would change.
pub(crate) fn difference(now: &Report, other: &Report, args: &PreviewOther) {
    let mut table = output::table(&["", &format!("`{}`", now.profile), &other_name(args)]);
    let rows = [
        ("published", now.published, other.published),
        ("withheld by a rule", now.suppressed_primary, other.suppressed_primary),
        ("withheld to protect those", now.suppressed_secondary, other.suppressed_secondary),
        ("rounded", now.rounded, other.rounded),
        ("perturbed", now.perturbed, other.perturbed),
    ];
    for (name, now, other) in rows {
        table.add_row([name.to_owned(), now.to_string(), other.to_string()]);
    }
    output::line(table.to_string());
}
