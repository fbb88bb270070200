//! What the terminal sees: tables, JSON, errors with their causes, exit codes.

use std::io::Write as _;
use std::process::ExitCode;

use chancery_exchange::{Error, Findings};
use chancery_schema::validate::{KindCount, Problem};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::cli::Command;

/// Problems shown on the terminal.
const SHOWN: usize = 100;

/// Starts logging to standard error: quiet for commands, telling for servers.
pub(crate) fn start_logging(filter: Option<&str>, command: &Command) {
    let default = match command {
        Command::Serve(_) => "warn,chancery=info,chancery_exchange=info,chancery_network=info,chancery_gateway=info",
        _ => "error",
    };
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new("warn"));
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).try_init();
}

/// Prints a line; a closed pipe ends the program quietly.
pub(crate) fn line(text: impl AsRef<str>) {
    // In one piece: whoever reads only the first of several lines has not gone before the last is written.
    if std::io::stdout().write_all(format!("{}\n", text.as_ref()).as_bytes()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a value as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A table with these headings.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|h| (*h).to_owned()));
    table
}

/// Exit codes, as `--help` lists them.
fn code(error: &anyhow::Error) -> u8 {
    let exchange = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    if error.chain().any(|c| c.downcast_ref::<chancery_gateway::ServeError>().is_some()) {
        return 6;
    }
    let store = error.chain().find_map(|cause| cause.downcast_ref::<chancery_store::StoreError>());
    match (exchange, store) {
        (_, Some(chancery_store::StoreError::Locked { .. } | chancery_store::StoreError::Conflict(_))) => 6,
        (Some(Error::Invalid { .. } | Error::Problems(_)), _) => 3,
        (Some(Error::Denied { .. }), _) => 4,
        (Some(Error::NotFound { .. } | Error::Withdrawn(_)), _) => 5,
        (Some(Error::Conflict { .. } | Error::Unavailable { .. }), _) => 6,
        (Some(Error::Unverified { .. }), _) => 7,
        (Some(Error::Storage { .. }), _) | (None, Some(_)) => 8,
        (None, None) => 1,
    }
}

/// Prints an error with every cause, and the problems of a refused file.
pub(crate) fn report(error: &anyhow::Error, as_json: bool) -> ExitCode {
    let code = code(error);
    let findings = error.chain().find_map(|cause| match cause.downcast_ref::<Error>() {
        Some(Error::Problems(findings)) => Some(findings),
        _ => None,
    });
    let mut texts: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors repeat their cause in their text.
        if !texts.iter().any(|t| t.ends_with(&cause)) {
            texts.push(cause);
        }
    }
    if as_json {
        let value = serde_json::json!({ "error": { "message": texts.join(": "), "exit_code": code, "counts": findings.map(|f| &f.counts), "problems": findings.map(|f| &f.problems) } });
        eprintln!("{value}");
        return ExitCode::from(code);
    }
    eprintln!("error: {}", texts.join("\n  because "));
    if let Some(findings) = findings {
        eprintln!("{}\n{}", problem_table(&findings.problems), count_table(&findings.counts));
        if findings.errors() + findings.warnings() > SHOWN as u64 {
            eprintln!(
                "the first {SHOWN} are shown; `--problems FILE.csv` writes more, `--marked FILE.xlsx` marks the cells"
            );
        }
    }
    ExitCode::from(code)
}

/// Prints a line that is no result to standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// Prints what was found in a file that can be staged: warnings.
pub(crate) fn findings(findings: &Findings) {
    if !findings.counts.is_empty() {
        line(problem_table(&findings.problems).to_string());
        line(count_table(&findings.counts).to_string());
    }
    if !findings.open.is_empty() {
        let accept = findings.open.iter().map(|name| format!("--accept {name}")).collect::<Vec<_>>().join(" ");
        line(format!("to stage it nevertheless, accept the warnings by their names: {accept}"));
    }
}

/// How many of each kind.
fn count_table(counts: &[KindCount]) -> Table {
    let mut shown = table(&["level", "kind", "how many"]);
    for count in counts {
        let (severity, kind) = (count.kind.severity().name(), count.kind.name());
        shown.add_row([severity.to_owned(), kind.to_owned(), count.count.to_string()]);
    }
    shown
}

/// The first problems, as a table.
pub(crate) fn problem_table(problems: &[Problem]) -> Table {
    let mut shown = table(&["line", "column", "component", "value", "kind", "expected", "nearest"]);
    for p in problems.iter().take(SHOWN) {
        shown.add_row([
            p.row.to_string(),
            p.column.clone(),
            p.component.clone(),
            p.value.clone(),
            p.kind.name().to_owned(),
            p.expected.clone(),
            p.nearest.clone().unwrap_or_default(),
        ]);
    }
    shown
}
