//! `bench`: measures this build on this machine, on figures it makes up.

mod decisions;
mod founding;
mod http;
mod load;
mod log;
mod query;
mod release;

use std::time::Duration;

use anyhow::Result;

use super::Context;
use crate::cli::Bench;
use crate::output;

pub(crate) async fn run(context: &Context, command: Bench) -> Result<()> {
    match command {
        Bench::Query(args) => query::run(context, args).await,
        Bench::Http(args) => http::run(context, args).await,
        Bench::Log(args) => log::run(context, args).await,
        Bench::Decisions => decisions::run(context),
    }
}

/// Prints what was measured, a line each.
fn print(context: &Context, result: &serde_json::Value) {
    match result.as_object() {
        Some(lines) if !context.json => {
            lines.iter().for_each(|(name, value)| output::line(format!("{name:<28} {value}")));
        }
        _ => output::line(result.to_string()),
    }
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().map_or(0.0, ms)
}

/// The most memory a process has held, in MiB, where the system tells; `self` for this one.
fn peak_rss_mib(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib >> 10)
}
