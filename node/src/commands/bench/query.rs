//! `bench query`: the query engine, in process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::Error;
use chancery_query::{QueryConfig, QueryEngine, Source};
use chancery_schema::data::{DataFormat, WriteOptions, writer};
use chancery_schema::message::MessageHeader;
use chancery_schema::{DataQuery, DatasetSchema};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::release::{OF_PAIR, YEARS, areas, make, schema, series};
use super::{Context, ms, peak_rss_mib, print, quantile};
use crate::cli::BenchQuery;
use crate::output;

/// Series and columns asked for, each another one; and how often everything is summed.
const SERIES_ASKED: usize = 1_000;
const COLUMNS_ASKED: usize = 20;
const SUMS_ASKED: usize = 5;
/// Most observations of a release of a given size.
const MAX_OBSERVATIONS: f64 = 1e8;
/// What the table of sizes shows.
const SHOWN: [&str; 12] = [
    "observations",
    "file_bytes",
    "first_series_ms",
    "cold_series_median_ms",
    "prepare_ms",
    "series_median_ms",
    "series_p99_ms",
    "column_median_ms",
    "count_all_ms",
    "sum_by_sex_year_ms",
    "export_csv_rows_per_s",
    "peak_rss_mib",
];

/// Times queries of one made-up release, or of several.
pub(super) async fn run(context: &Context, args: BenchQuery) -> Result<()> {
    if !args.sizes.is_empty() {
        return sizes(context, &args);
    }
    let schema = schema()?;
    let areas = areas(&schema, usize::from(args.areas), true)?;
    let began = Instant::now();
    let made = !args.file.exists();
    if made {
        make(&args.file, &schema, &areas)?;
    }
    let made_s = made.then(|| began.elapsed().as_secs_f64());
    let spill = args.file.with_extension("spill");
    std::fs::create_dir_all(&spill).map_err(|e| Error::file("create", &spill, e))?;
    let config = QueryConfig {
        memory_bytes: 256 << 20,
        threads: 2,
        spill_dir: spill.clone(),
        time_limit: Duration::from_secs(3_600),
    };
    let bench = Measure {
        engine: QueryEngine::new(&config)?,
        sources: vec![Source { release: "0".repeat(64), artefacts: vec![args.file.clone()] }],
        schema,
        areas,
    };
    let result = bench.all(made_s, std::fs::metadata(&args.file)?.len()).await;
    std::fs::remove_dir_all(&spill).map_err(|e| Error::file("remove", &spill, e))?;
    print(context, &result?);
    Ok(())
}

/// Cost against size: each size in a process of its own, so that each has its own peak of memory.
fn sizes(context: &Context, args: &BenchQuery) -> Result<()> {
    let program = std::env::current_exe().context("this program's file is not known")?;
    let mut results = Vec::new();
    for size in &args.sizes {
        if !(1e3..=MAX_OBSERVATIONS).contains(size) {
            bail!(Error::invalid(format!("`--sizes {size}`: a release of 1e3 to {MAX_OBSERVATIONS:e} observations")));
        }
        let areas = (size / OF_PAIR as f64).sqrt().round().max(2.0);
        let file = args.file.with_file_name(format!("flows-{areas}.parquet"));
        // The file is made by another process than the one that is measured.
        for _ in 0..=usize::from(!file.exists()) {
            results.push(measure(&program, &file, areas)?);
        }
        if results.len() > 1 && results[results.len() - 2]["observations"] == results[results.len() - 1]["observations"]
        {
            results.remove(results.len() - 2);
        }
    }
    if context.json {
        return output::json(&results);
    }
    let mut table = output::table(&SHOWN);
    for result in &results {
        table.add_row(SHOWN.map(|name| result[name].to_string()));
    }
    output::line(table.to_string());
    Ok(())
}

fn measure(program: &Path, file: &Path, areas: f64) -> Result<Value> {
    let areas = areas.to_string();
    let command = std::process::Command::new(program)
        .args(["--json", "bench", "query", "--areas", &areas, "--file"])
        .arg(file)
        .stderr(std::process::Stdio::inherit())
        .output();
    let done = command.with_context(|| format!("cannot start `{}`", program.display()))?;
    if !done.status.success() {
        bail!("the measurement of {areas} areas failed");
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// Everything of some codes.
fn everything_of(schema: &DatasetSchema, wanted: &[(&str, &str)]) -> DataQuery {
    let mut query = DataQuery::all(schema);
    let code = |id: &str| wanted.iter().find(|(name, _)| *name == id).map(|(_, code)| vec![(*code).to_owned()]);
    query.keys = vec![schema.dimensions.iter().map(|d| code(&d.id)).collect()];
    query
}

struct Measure {
    engine: QueryEngine,
    sources: Vec<Source>,
    schema: DatasetSchema,
    areas: Vec<String>,
}

impl Measure {
    async fn all(&self, made_s: Option<f64>, bytes: u64) -> Result<serde_json::Value> {
        let everything = DataQuery::all(&self.schema);
        let (first, rows) = self.time(&everything_of(&self.schema, &series(&self.areas, 0))).await?;
        if rows != YEARS as u64 {
            bail!("a series has {rows} observations instead of {YEARS}: the file is of another kind; remove it");
        }
        let cold = self.series(1, SERIES_ASKED / 10).await?;
        let began = Instant::now();
        self.engine.prepare(&self.sources).await?;
        let prepared = began.elapsed();
        let series = self.series(SERIES_ASKED / 10, SERIES_ASKED).await?;
        let mut columns = Vec::new();
        for number in 0..COLUMNS_ASKED.min(self.areas.len()) {
            let area = &self.areas[number * 91 % self.areas.len()];
            columns.push(self.time(&everything_of(&self.schema, &[("ORIGIN", area)])).await?.0);
        }
        columns.sort_unstable();
        let began = Instant::now();
        let whole = self.engine.summarize(&self.schema, &self.sources, &everything, &[&["TIME_PERIOD"]]).await?;
        let counted = began.elapsed();
        let (mut sums, mut by_area) = (Vec::new(), Vec::new());
        for _ in 0..SUMS_ASKED {
            sums.push(self.sum(&everything, &["SEX", "TIME_PERIOD"]).await?);
            by_area.push(self.sum(&everything, &["REF_AREA", "TIME_PERIOD"]).await?);
        }
        sums.sort_unstable();
        by_area.sort_unstable();
        let (exported, export_bytes) = self.export(&everything).await?;
        Ok(json!({
            "observations": whole.observations,
            "series": whole.series,
            "file_bytes": bytes,
            "make_s": made_s,
            "first_series_ms": ms(first),
            "cold_series_median_ms": quantile(&cold, 0.5),
            "prepare_ms": ms(prepared),
            "series_median_ms": quantile(&series, 0.5),
            "series_p99_ms": quantile(&series, 0.99),
            "column_median_ms": quantile(&columns, 0.5),
            "count_all_ms": ms(counted),
            "sum_by_sex_year_ms": quantile(&sums, 0.5),
            "sum_by_area_year_ms": quantile(&by_area, 0.5),
            "periods": whole.distinct.first().map_or(0, std::collections::BTreeSet::len),
            "export_csv_rows_per_s": (whole.observations as f64 / exported.as_secs_f64()).round(),
            "export_csv_bytes": export_bytes,
            "peak_rss_mib": peak_rss_mib("self"),
        }))
    }

    /// The times of series, sorted.
    async fn series(&self, from: usize, to: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for number in from..to {
            times.push(self.time(&everything_of(&self.schema, &series(&self.areas, number))).await?.0);
        }
        times.sort_unstable();
        Ok(times)
    }

    async fn sum(&self, query: &DataQuery, by: &[&str]) -> Result<Duration> {
        let began = Instant::now();
        let sums = self.engine.sum(&self.schema, &self.sources, query, by).await?;
        let observations: u64 = sums.values().map(|sum| sum.observations).sum();
        if observations != (self.areas.len() * self.areas.len() * OF_PAIR) as u64 {
            bail!("the sums are of {observations} observations: the file is of another kind; remove it");
        }
        Ok(began.elapsed())
    }

    async fn time(&self, query: &DataQuery) -> Result<(Duration, u64)> {
        let began = Instant::now();
        let mut rows = 0;
        let mut stream = self.engine.run(&self.schema, &self.sources, query).await?;
        while let Some(batch) = stream.next().await {
            rows += batch?.num_rows() as u64;
        }
        Ok((began.elapsed(), rows))
    }

    /// Writes everything as SDMX-CSV 2.0, and throws it away.
    async fn export(&self, query: &DataQuery) -> Result<(Duration, u64)> {
        let began = Instant::now();
        let header = MessageHeader {
            id: "BENCH".to_owned(),
            prepared: chrono::Utc::now(),
            sender_id: "BENCH".to_owned(),
            sender_name: "Benchmark".to_owned(),
            releases: Vec::new(),
        };
        let mut writer = writer(DataFormat::Csv2, &self.schema, header, WriteOptions::default());
        let (mut out, mut bytes) = (Vec::new(), 0);
        let mut stream = self.engine.run(&self.schema, &self.sources, query).await?;
        while let Some(batch) = stream.next().await {
            writer.write(&batch?, &mut out)?;
            bytes += out.len() as u64;
            out.clear();
        }
        writer.finish(&mut out)?;
        Ok((began.elapsed(), bytes + out.len() as u64))
    }
}
