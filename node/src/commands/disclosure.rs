//! `disclosure audit`: a protected table of any tool, as an attacker would look at it.

mod file;
mod sums;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use chancery_exchange::Error;
use chancery_policies::disclosure::audit::{self, Attacker, Audit, Finding, Insiders, Options};
use chancery_policies::disclosure::table::{Levels, State};

use super::Context;
use crate::cli::{AuditFile, Disclosure};
use crate::output;

use file::File;

/// Cells named on the terminal.
const SHOWN: usize = 100;
/// Cells named in an error.
const NAMED: usize = 5;

pub(crate) fn run(context: &Context, command: Disclosure) -> Result<()> {
    let Disclosure::Audit(args) = command;
    let insiders = match args.insiders.as_str() {
        "exact" => Insiders::Exact,
        "levels" => Insiders::Levels,
        "ignored" => Insiders::Ignored,
        other => bail!(Error::invalid(format!("`--insiders {other}`: use `exact`, `levels` or `ignored`"))),
    };
    let mut file = file::read(&args)?;
    let broken = sums::add(&mut file, &args)?;
    complete(&mut file, &args)?;
    file.table.same_persons();
    let invalid = |what: String| Error::invalid(format!("`{}`: {what}", args.file.display()));
    let options = Options { insiders, ..Options::default() };
    let found = audit::audit(&file.table, &options).map_err(|e| invalid(e.to_string()))?;
    if context.json {
        as_json(&file, &found, broken)?
    } else {
        as_text(&file, &found, broken)
    }
    if found.safe() {
        return Ok(());
    }
    let cells = found.unsafe_cells();
    let names = cells.iter().take(NAMED).map(|cell| format!("`{}`", file.key(*cell))).collect::<Vec<_>>().join(", ");
    let more = if cells.len() > NAMED { ", ..." } else { "" };
    bail!(Error::unverified(format!("{} cells are not safe: {names}{more}", cells.len())))
}

/// Where figures are not at hand, some table that agrees with the published ones takes the true one's place, and only widths can be looked at.
fn complete(file: &mut File, args: &AuditFile) -> Result<()> {
    if file.whole {
        return Ok(());
    }
    for cell in file.table.cells.iter_mut().filter(|cell| cell.state == State::Primary) {
        let width = cell.levels.sliding.max(cell.levels.upper + cell.levels.lower).max(f64::from(args.threshold));
        cell.levels = Levels { upper: 0.0, lower: 0.0, sliding: width };
    }
    let invalid = |what: String| Error::invalid(format!("`{}`: {what}", args.file.display()));
    if !audit::complete(&mut file.table).map_err(|e| invalid(e.to_string()))? {
        bail!(invalid(
            "no figures of the withheld cells agree with the published ones: totals are not the sums of their parts"
                .to_owned()
        ));
    }
    Ok(())
}

/// Who finds a cell.
fn by(file: &File, finding: &Finding) -> Option<Vec<String>> {
    match &finding.attacker {
        Attacker::Reader => None,
        Attacker::Insider(cells) => Some(cells.iter().map(|cell| file.key(*cell)).collect()),
    }
}

fn as_json(file: &File, found: &Audit, broken: usize) -> Result<()> {
    let cells = found.findings.iter().map(|finding| {
        let names = file.keys.get(finding.cell as usize).into_iter().flatten();
        let codes: BTreeMap<&str, &str> =
            file.dimensions.iter().map(String::as_str).zip(names.map(String::as_str)).collect();
        serde_json::json!({
            "cell": codes,
            "found_by": by(file, finding).map_or_else(|| serde_json::json!("reader"), |cells| serde_json::json!(cells)),
            "exactly": finding.is_exact(), "cut_off": finding.cut_off,
            "low": finding.interval.0, "high": finding.interval.1,
            "needed_low": finding.needed.0, "needed_high": finding.needed.1, "needed_width": finding.needed_width,
        })
    });
    output::json(&serde_json::json!({
        "safe": found.safe(), "cells": file.table.cells.len(), "sums": file.table.sums.len(), "broken_sums": broken,
        "true_values": file.whole, "sensitive": found.sensitive, "withheld": found.withheld, "parts": found.parts,
        "programs": found.programs, "insiders": found.insiders, "narrowest": found.narrowest,
        "unsafe": cells.collect::<Vec<_>>(),
    }))
}

fn as_text(file: &File, found: &Audit, broken: usize) {
    output::line(format!(
        "{} cells, {} sums; {} withheld, {} of them sensitive, in {} connected parts; {} linear programs",
        file.table.cells.len(),
        file.table.sums.len(),
        found.withheld,
        found.sensitive,
        found.parts,
        found.programs
    ));
    if broken > 0 {
        output::line(format!("{broken} sums do not hold and were left out: what they tell was not looked at"));
    }
    if let Some(narrowest) = found.narrowest {
        output::line(format!("the narrowest interval is {narrowest:.2} times as wide as it must be"));
    }
    if found.safe() {
        let as_far = if broken > 0 { ", as far as the sums that hold tell" } else { "" };
        return output::line(format!("safe: no sensitive cell can be found, or known too nearly{as_far}"));
    }
    let mut table = output::table(&["cell", "found by", "low", "high", "must reach", "width needed"]);
    for finding in found.findings.iter().take(SHOWN) {
        let (low, high) = finding.interval;
        table.add_row([
            file.key(finding.cell),
            by(file, finding).map_or_else(|| "any reader".to_owned(), |cells| cells.join(", ")),
            low.to_string(),
            high.to_string(),
            format!("{} to {}", finding.needed.0, finding.needed.1),
            finding.needed_width.to_string(),
        ]);
    }
    output::line(table.to_string());
}
