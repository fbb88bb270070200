//! `import`, `preview`, `approve`, `publish`, `withdraw`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use arrow::array::RecordBatch;
use chancery_exchange::{Error, ImportRequest, Phase, Progress, Stage, propose_mapping};
use chancery_ledger::{Audience, time};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::Context;
use super::{comparison, node as serving, preview, problems};
use crate::cli::{Approve, Import, Preview, Withdraw};
use crate::{output, settings};

/// Rows shown by `preview`.
const PREVIEW_ROWS: usize = 40;

fn print_proposal(context: &Context, dataflow: &str, file: &Path) -> Result<()> {
    let structures = chancery_schema::shared::structures()?;
    // A mapping can be proposed before there is a node.
    let config = settings::load(&context.dir).ok();
    let member = config.as_ref().map(|config| config.member.id.as_str());
    output::line(propose_mapping(&structures, dataflow, file, member)?);
    Ok(())
}

fn embargo_end(text: &str) -> Result<i64> {
    match time::parse(text) {
        Some(at) => Ok(at),
        None => bail!(Error::invalid(format!("`{text}` is no time such as 2026-12-01T09:00:00Z"))),
    }
}

pub(crate) async fn import(context: &Context, args: Import) -> Result<()> {
    if let (Some(dataflow), Some(file)) = (&args.propose, &args.file) {
        return print_proposal(context, dataflow, file);
    }
    let (Some(path), Some(title)) = (&args.mapping, args.title) else {
        bail!(Error::invalid("give `--mapping` and `--title`, or `--propose` with a dataflow"));
    };
    let mapping = std::fs::read_to_string(path).map_err(|e| Error::file("read the mapping", path, e))?;
    let audience = Audience::parse(&args.audience);
    let Some(audience) = audience else {
        bail!(Error::invalid(format!(
            "`{}` is no audience: use `public`, `forum`, or member ids separated by commas",
            args.audience
        )));
    };
    let embargo = args.embargo.as_deref().map(embargo_end).transpose()?;
    let node = context.node().await?;
    let request = ImportRequest {
        file: args.file,
        mapping,
        title,
        operator: args.operator,
        audience,
        embargo,
        respondents: args.respondents,
        mirror: args.mirror,
        checks: problems::checks(&args.checking)?,
        check_only: args.check,
    };
    let (file, mapping) = (request.file.clone(), request.mapping.clone());
    let progress = Progress::default();
    let bar = show_progress(&progress);
    let outcome = interruptible(node.import(request, progress)).await;
    bar.abort();
    let outcome = outcome?;
    if let Err(Error::Problems(findings)) = &outcome {
        problems::write(&args.checking, file.as_deref(), &mapping, findings)?;
    }
    let outcome = outcome?;
    problems::write(&args.checking, file.as_deref(), &mapping, &outcome.findings)?;
    if context.json {
        return output::json(&serde_json::json!({
            "stage": outcome.stage, "dataflow": outcome.dataflow, "rows": outcome.rows, "left_out": outcome.left_out,
            "found": outcome.found, "findings": outcome.findings, "report": outcome.report,
        }));
    }
    for found in &outcome.found {
        output::line(format!("found: {} {}", found.what, found.value));
    }
    output::line(format!(
        "{}: {} rows valid, {} left out by the mapping",
        outcome.dataflow, outcome.rows, outcome.left_out
    ));
    output::findings(&outcome.findings);
    match (&outcome.stage, &outcome.report) {
        (Some(stage), Some(report)) => {
            output::line(format!(
                "staged as `{stage}`: {} figures would be published ({} %), {} suppressed as small, {} to protect those",
                report.published, report.published_percent, report.suppressed_primary, report.suppressed_secondary
            ));
            output::line("next: `chancery preview`, then `chancery approve` by another operator");
        }
        _ => output::line("checked only: nothing was staged"),
    }
    Ok(())
}

/// Does the work, or stops at Ctrl-C or a termination signal: what it has written goes with it.
pub(crate) async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T> {
    tokio::select! {
        // First, so that a signal is listened for before anything is written.
        biased;
        () = serving::stop_signal() => bail!("interrupted: nothing is kept of what was not finished"),
        done = work => Ok(done),
    }
}

/// Steps of the bar: finer than a terminal is wide.
const STEPS: u64 = 10_000;

/// A bar on the terminal with an estimate over all that is done with the file; silent where there is no terminal.
pub(crate) fn show_progress(progress: &Progress) -> tokio::task::JoinHandle<()> {
    let progress = progress.clone();
    tokio::spawn(async move {
        let bar = ProgressBar::new(STEPS);
        let style = |template: &str| ProgressStyle::with_template(template).ok();
        let known = style("{msg} {bar:40} {percent} %, {eta} left");
        // A query's rows, and how long disclosure control takes, are not known before.
        let unknown = style("{spinner} {msg}, {elapsed} so far");
        loop {
            let ((done, all), share) = (progress.done(), progress.share());
            let (text, style) = match progress.phase() {
                Phase::Reading if all == 0 => ("reading".to_owned(), &unknown),
                Phase::Reading => (format!("reading {} of {}", HumanBytes(done), HumanBytes(all)), &known),
                Phase::Checking => (format!("checking row {} of {}", HumanCount(done), HumanCount(all)), &known),
                Phase::Filtering => (format!("disclosure control of {} rows", HumanCount(all)), &unknown),
            };
            bar.set_message(text);
            if let Some(style) = style {
                bar.set_style(style.clone());
            }
            bar.set_position((share * STEPS as f64) as u64);
            bar.tick();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
}

pub(crate) async fn preview(context: &Context, args: Preview) -> Result<()> {
    if args.source.file.is_some() || args.source.mapping.is_some() {
        return comparison::file(context, args.source).await;
    }
    let node = context.node().await?;
    let stage = node.find_stage(args.stage.as_deref(), None).await?;
    let compared = node.compare_stage(&stage).await?;
    let (_, batches) = node.stage_figures(&stage, PREVIEW_ROWS).await?;
    preview::page(&stage, &args.other)?;
    if context.json {
        let other = preview::otherwise(&node, &stage, &args.other).await?;
        return output::json(&serde_json::json!({
            "otherwise": other,
            "stage": stage.id, "state": stage.state, "source": stage.source, "intent": stage.intent,
            "operators": stage.operators.len(), "report": stage.report, "accepted": stage.accepted, "comparison": compared, "rows": rows(&batches),
        }));
    }
    describe(&stage);
    comparison::show(&compared);
    show(&batches);
    if args.other.own {
        output::line("the figures themselves, private:");
        show(&node.stage_own_figures(&stage, PREVIEW_ROWS).await?);
    }
    // Last, as it may be refused.
    if let Some(other) = preview::otherwise(&node, &stage, &args.other).await? {
        preview::difference(&stage.report, &other, &args.other);
    }
    Ok(())
}

fn describe(stage: &Stage) {
    let (intent, report) = (&stage.intent, &stage.report);
    output::line(format!("stage `{}`, {}: {} from `{}`", stage.id, stage.state, intent.title, stage.source));
    output::line(format!(
        "{} for {}, {} rows, profile `{}`",
        intent.dataflow,
        intent.audience.text(),
        intent.rows(),
        report.profile
    ));
    for rule in &report.rules {
        output::line(format!("  rule: {rule}"));
    }
    output::line(format!(
        "  {} cells: {} published ({} %), {} had no figure, {} suppressed as small, {} to protect those, {} rounded",
        report.cells,
        report.published,
        report.published_percent,
        report.missing,
        report.suppressed_primary,
        report.suppressed_secondary,
        report.rounded
    ));
    preview::more(report);
    for warning in &stage.accepted {
        let at = time::format(warning.at);
        output::line(format!("  accepted by {} at {at}: {} × `{}`", warning.operator, warning.count, warning.name));
    }
}

/// Rows as JSON objects, empty cells left out.
pub(crate) fn rows(batches: &[RecordBatch]) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let schema = batch.schema();
            let cells = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
                let text = arrow::util::display::array_value_to_string(column, row).unwrap_or_default();
                (field.name().clone(), serde_json::Value::from(text))
            });
            rows.push(cells.filter(|(_, v)| v != "").collect());
        }
    }
    rows
}

/// A table of the columns that vary or matter.
pub(crate) fn show(batches: &[RecordBatch]) {
    let Some(first) = batches.first() else {
        return output::line("no figures");
    };
    let schema = first.schema();
    let hidden = |name: &str| {
        matches!(name, "SOURCE" | "DEFINITION" | "COMMENT" | "DECIMALS" | "UNIT_MULT" | "RELEASE" | "_row")
    };
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).filter(|n| !hidden(n)).collect();
    let mut table = output::table(&names);
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cell = |name: &&str| {
                let column = batch.column_by_name(name);
                column.and_then(|c| arrow::util::display::array_value_to_string(c, row).ok()).unwrap_or_default()
            };
            table.add_row(names.iter().map(cell).collect::<Vec<_>>());
        }
    }
    output::line(table.to_string());
}

pub(crate) async fn approve(context: &Context, args: Approve) -> Result<()> {
    let stage = context.node().await?.approve(args.stage.as_deref(), &args.operator).await?;
    if context.json {
        return output::json(&serde_json::json!({ "stage": stage.id, "state": stage.state }));
    }
    output::line(format!("stage `{}` approved by {}; next: `chancery publish`", stage.id, args.operator));
    Ok(())
}

pub(crate) async fn publish(context: &Context, stage: Option<&str>) -> Result<()> {
    let id = context.node().await?.publish(stage).await?;
    if context.json {
        return output::json(&serde_json::json!({ "release": id }));
    }
    output::line(format!("published as release {id}"));
    Ok(())
}

pub(crate) async fn withdraw(context: &Context, args: Withdraw) -> Result<()> {
    context.node().await?.withdraw(&args.release, &args.reason).await?;
    if context.json {
        return output::json(&serde_json::json!({ "withdrawn": args.release }));
    }
    output::line(format!("release {} withdrawn", args.release));
    Ok(())
}
