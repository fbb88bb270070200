//! `bench http`: a node publishes the made-up release by the way of every figure and serves it in a process of its own, as `serve` does;
//! this process is its load.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::{Checks, Error, ImportRequest, Node, Progress};
use chancery_ledger::Audience;
use serde_json::{Value, json};

use super::founding::found;
use super::load::{Answers, lines, load};
use super::release::{DATAFLOW, areas, make, schema, series};
use super::{Context, peak_rss_mib, print, quantile};
use crate::cli::BenchHttp;

/// Series asked for, each another one.
const SERIES_ASKED: usize = 20_000;
/// The components of the made-up release that have values.
const COMPONENTS: [&str; 16] = [
    "FREQ",
    "REF_AREA",
    "ORIGIN",
    "DESTINATION",
    "SEX",
    "AGE",
    "TIME_PERIOD",
    "OBS_VALUE",
    "OBS_STATUS",
    "CONF_STATUS",
    "UNIT_MEASURE",
    "COUNTED",
    "BASIS",
    "DURATION",
    "SOURCE_KIND",
    "SOURCE",
];
/// No disclosure control: what the service costs does not depend on it.
const PROFILE: &str = r#"
name = "bench"
description = "Made-up figures."
source = "Only for measurements."
minimum_frequency = 0
rounding_base = 0
protected_dimensions = []
secondary = false
"#;

/// Loads the service, or other addresses.
pub(super) async fn run(context: &Context, args: BenchHttp) -> Result<()> {
    let lasting = Duration::from_secs(u64::from(args.seconds));
    if let Some(path) = &args.urls {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read the addresses", path, e))?;
        let urls: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if urls.is_empty() {
            bail!(Error::invalid(format!("`{}` has no addresses", path.display())));
        }
        print(context, &series_answers(&urls, &args, lasting)?);
        return Ok(());
    }
    let schema = schema()?;
    let areas = areas(&schema, usize::from(args.areas), false)?;
    if !args.file.exists() {
        make(&args.file, &schema, &areas)?;
    }
    let began = Instant::now();
    let fresh = !args.node.join("published").exists();
    if fresh {
        publish(&args.node, &args.file).await?;
    }
    let published_s = fresh.then(|| began.elapsed().as_secs_f64());
    let server = Serving::start(&args.node)?;
    let base = format!("{}/sdmx/3/data/dataflow/RCP/{DATAFLOW}/1.0.0", server.address);
    let url = |number| {
        let key = series(&areas, number);
        let code = |id: &str| key.iter().find(|(name, _)| *name == id).map_or("*", |(_, code)| code);
        let key = schema.dimensions.iter().map(|d| code(&d.id)).collect::<Vec<_>>().join(".");
        format!("{base}/{key}?format=csv")
    };
    let urls: Vec<String> = (0..SERIES_ASKED).map(url).collect();
    let alone = load(&urls, 1, None, Duration::from_secs(1))?;
    let mut result = series_answers(&urls, &args, lasting)?;
    let loaded_mib = server.peak_rss_mib();
    let (rows, bytes, took) = lines(&format!("{base}/*?format=csv"))?;
    let rows = rows.saturating_sub(1);
    if let Some(object) = result.as_object_mut() {
        let more = json!({
            "observations": rows,
            "publish_s": published_s,
            "one_connection_median_ms": quantile(&alone.times, 0.5),
            "export_csv_rows_per_s": (rows as f64 / took.as_secs_f64()).round(),
            "export_csv_bytes": bytes,
            "peak_rss_mib_after_series": loaded_mib,
            "peak_rss_mib": server.peak_rss_mib(),
        });
        object.extend(more.as_object().cloned().unwrap_or_default());
    }
    print(context, &result);
    Ok(())
}

/// Asks for addresses over many connections: as fast as they are answered, then at a steady rate, where the time of an answer counts from
/// when it was due.
fn series_answers(urls: &[String], args: &BenchHttp, lasting: Duration) -> Result<Value> {
    let connections = usize::from(args.connections);
    // The first answers are slower, and of no interest for a node that runs for months.
    load(urls, connections, None, lasting.min(Duration::from_secs(2)))?;
    let most = load(urls, connections, None, lasting)?;
    if most.times.is_empty() {
        bail!(Error::unavailable(format!("no answer: {} requests failed", most.failures)));
    }
    let steady = load(urls, connections, Some(f64::from(args.rate)), lasting)?;
    let per_s = |answers: &Answers| (answers.times.len() as f64 / answers.took.as_secs_f64()).round();
    Ok(json!({
        "connections": connections,
        "answers": most.times.len() + steady.times.len(),
        "failures": most.failures + steady.failures,
        "answers_per_s": per_s(&most),
        "median_ms": quantile(&most.times, 0.5),
        "p99_ms": quantile(&most.times, 0.99),
        "rate_asked_per_s": args.rate,
        "rate_answered_per_s": per_s(&steady),
        "rate_median_ms": quantile(&steady.times, 0.5),
        "rate_p99_ms": quantile(&steady.times, 0.99),
        "rate_max_ms": quantile(&steady.times, 1.0),
    }))
}

/// A node that serves in a process of its own; ended when dropped.
struct Serving {
    process: Child,
    address: String,
}

impl Serving {
    fn start(dir: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("this program's file is not known")?;
        let started = Command::new(program)
            .args(["--json", "--log", "warn", "serve", "--http", "127.0.0.1:0", "-d"])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn();
        let mut process = started.context("cannot start the node")?;
        let out = process.stdout.take();
        let mut serving = Self { process, address: String::new() };
        let mut line = String::new();
        BufReader::new(out.context("the node has no output")?).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).context("the node did not start")?;
        said["address"].as_str().context("the node did not say where it serves")?.clone_into(&mut serving.address);
        Ok(serving)
    }

    fn peak_rss_mib(&self) -> Option<u64> {
        peak_rss_mib(&self.process.id().to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It holds nothing that must be written.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes a node that is a forum of its own, and publishes the file: import, disclosure control, approval, log.
async fn publish(dir: &Path, file: &Path) -> Result<()> {
    let node = found(dir).await?;
    let profiles = dir.join("disclosure");
    std::fs::create_dir_all(&profiles).map_err(|e| Error::file("create", &profiles, e))?;
    let profile = profiles.join(format!("{DATAFLOW}.toml"));
    std::fs::write(&profile, PROFILE).map_err(|e| Error::file("write", &profile, e))?;
    let stage = import(&node, file).await?;
    node.approve(Some(&stage), "approver").await?;
    node.publish(Some(&stage)).await?;
    let mark = dir.join("published");
    std::fs::write(&mark, stage).map_err(|e| Error::file("write", &mark, e))?;
    Ok(())
}

/// Imports the file. Figures that are drawn break rules of plausibility: those warnings are accepted, as an operator would.
async fn import(node: &Node, file: &Path) -> Result<String> {
    let columns = COMPONENTS.map(|id| format!("{id} = {{ column = \"{id}\" }}\n")).concat();
    let mut accept = Vec::new();
    loop {
        let request = ImportRequest {
            file: Some(file.to_owned()),
            mapping: format!("dataflow = \"RCP:{DATAFLOW}(1.0.0)\"\n[components]\n{columns}"),
            title: "Made-up flows".to_owned(),
            operator: "preparer".to_owned(),
            audience: Audience::Public,
            embargo: None,
            respondents: None,
            mirror: false,
            checks: Checks { accept: accept.clone(), ..Checks::default() },
            check_only: false,
        };
        let findings = match node.import(request, Progress::default()).await {
            Ok(outcome) => match outcome.stage {
                Some(stage) => return Ok(stage),
                None => outcome.findings,
            },
            Err(Error::Problems(findings)) => *findings,
            Err(error) => return Err(error.into()),
        };
        let errors = findings.errors();
        let open = findings.open;
        if errors > 0 || open.iter().all(|name| accept.contains(name)) {
            bail!(Error::invalid(
                "the made-up figures break rules that cannot be accepted: this benchmark is older than the rules"
            ));
        }
        accept.extend(open);
    }
}
