//! `preview`: what would change of the release in force.

use std::collections::BTreeSet;

use anyhow::Result;
use chancery_exchange::{Comparison, Error, Progress, YearTotals};

use super::Context;
use super::problems;
use super::publishing::{interruptible, show_progress};
use crate::cli::PreviewFile;
use crate::output;

/// Checks a file and compares it; nothing is staged.
pub(crate) async fn file(context: &Context, args: PreviewFile) -> Result<()> {
    let PreviewFile { file, mapping, checking } = args;
    let Some(mapping) = mapping else {
        return Err(Error::invalid("a file needs its mapping: `--mapping FILE`").into());
    };
    let mapping = std::fs::read_to_string(&mapping).map_err(|e| Error::file("read the mapping", &mapping, e))?;
    let checks = problems::checks(&checking)?;
    let node = context.node().await?;
    let progress = Progress::default();
    let bar = show_progress(&progress);
    let compared = interruptible(node.compare_file(file.as_deref(), &mapping, &checks, progress)).await;
    bar.abort();
    let compared = compared?;
    if let Err(Error::Problems(findings)) = &compared {
        problems::write(&checking, file.as_deref(), &mapping, findings)?;
    }
    let (findings, comparison) = compared?;
    problems::write(&checking, file.as_deref(), &mapping, &findings)?;
    if context.json {
        return output::json(&serde_json::json!({ "findings": findings, "comparison": comparison }));
    }
    output::findings(&findings);
    show(&comparison);
    output::line("compared only: nothing was staged");
    Ok(())
}

/// Prints a comparison.
pub(crate) fn show(comparison: &Comparison) {
    let Comparison { release, new, revised, unchanged, gone, largest, years } = comparison;
    match release {
        None => output::line(format!("no release in force to compare with: {new} observations are new")),
        Some(id) => output::line(format!(
            "against release {id} in force: {new} new, {revised} revised, {gone} gone, {unchanged} unchanged"
        )),
    }
    if !largest.is_empty() {
        let mut table = output::table(&["largest revisions", "before", "after", "difference"]);
        let text = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
        for revision in largest {
            let difference = revision.after.zip(revision.before).map(|(after, before)| after - before);
            table.add_row([revision.key.clone(), text(revision.before), text(revision.after), text(difference)]);
        }
        output::line(table.to_string());
    }
    show_years(years);
}

/// What figures of a year have in common, where not all years' have the same.
fn kind(year: &YearTotals, all: &[YearTotals]) -> String {
    let varies = |id: &str, text: &str| all.iter().any(|other| other.of.get(id).map(String::as_str) != Some(text));
    year.of.iter().filter(|(id, text)| varies(id, text)).map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
}

fn show_years(years: &[YearTotals]) {
    let mut table =
        output::table(&["year", "of", "observations before", "now", "summed before", "now", "sum before", "now"]);
    for year in years {
        table.add_row([
            year.year.clone(),
            kind(year, years),
            year.rows_before.to_string(),
            year.rows_after.to_string(),
            year.summed_before.to_string(),
            year.summed_after.to_string(),
            year.before.to_string(),
            year.after.to_string(),
        ]);
    }
    output::line(table.to_string());
    let narrowed: BTreeSet<&str> = years.iter().flat_map(|year| &year.totals_only).map(String::as_str).collect();
    if !narrowed.is_empty() {
        let dimensions = narrowed.into_iter().collect::<Vec<_>>().join(", ");
        output::line(format!(
            "of {dimensions} only totals are summed where they stand beside their parts: no figure counts twice"
        ));
    }
    let left_out: u64 = years.iter().map(|year| year.left_out).sum();
    if left_out > 0 {
        output::line(format!(
            "{left_out} observations are parts of totals, too many to find out which of these are there: they are not summed"
        ));
    }
}
