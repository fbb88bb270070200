//! `bench`: measures this build on this machine, on figures it makes up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use chancery_exchange::Error;
use chancery_query::artefact::ArtefactWriter;
use chancery_query::{QueryConfig, QueryEngine, Source};
use chancery_schema::data::{DataFormat, WriteOptions, writer};
use chancery_schema::dataset::OBS_VALUE;
use chancery_schema::message::MessageHeader;
use chancery_schema::{DataQuery, DatasetSchema, shared};
use futures::StreamExt as _;
use serde_json::json;

use super::Context;
use crate::cli::{Bench, BenchQuery};

const DATAFLOW: &str = "MIGRATION_FLOWS";
const SEXES: [&str; 3] = ["F", "M", "_T"];
const AGES: [&str; 5] = ["Y0T4", "Y12T17", "Y18T59", "Y5T11", "_T"];
const FIRST_YEAR: usize = 2007;
const YEARS: usize = 18;
/// Series and columns asked for, each another one.
const SERIES_ASKED: usize = 1_000;
const COLUMNS_ASKED: usize = 20;

pub(crate) async fn run(context: &Context, command: Bench) -> Result<()> {
    match command {
        Bench::Query(args) => query(context, args).await,
    }
}

/// Times queries of one made-up release.
async fn query(context: &Context, args: BenchQuery) -> Result<()> {
    let structures = shared::structures()?;
    let dataflow = structures.find_dataflow(DATAFLOW).context("the shared schema has no dataflow of flows")?;
    let schema = structures.dataset_schema(&dataflow)?;
    let areas = areas(&schema, usize::from(args.areas))?;
    let began = Instant::now();
    let made = !args.file.exists();
    if made {
        make(&args.file, &schema, &areas)?;
    }
    let made_s = made.then(|| began.elapsed().as_secs_f64());
    let spill = tempfile_beside(&args.file);
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
    let result = result?;
    if context.json {
        println!("{result}");
    } else if let Some(lines) = result.as_object() {
        lines.iter().for_each(|(name, value)| println!("{name:<28} {value}"));
    }
    Ok(())
}

fn tempfile_beside(file: &Path) -> PathBuf {
    file.with_extension("spill")
}

fn areas(schema: &DatasetSchema, count: usize) -> Result<Vec<String>> {
    let codes = schema.component("REF_AREA").and_then(|c| c.codes.as_ref()).context("REF_AREA has no codes")?;
    let state = |code: &&str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    let mut areas: Vec<String> = codes.iter().map(|(code, _)| code).filter(state).map(str::to_owned).collect();
    if areas.len() < count {
        bail!(Error::invalid(format!("`--areas {count}`: there are only {} states", areas.len())));
    }
    areas.sort_unstable();
    areas.truncate(count);
    Ok(areas)
}

/// Writes a release of every reporter's flows from every area, always the same.
fn make(path: &Path, schema: &DatasetSchema, areas: &[String]) -> Result<()> {
    let partial = path.with_extension("partial");
    let file = std::fs::File::create(&partial).map_err(|e| Error::file("create", &partial, e))?;
    let mut writer = ArtefactWriter::new(std::io::BufWriter::new(file), schema)?;
    let mut state = 1u64;
    for reporter in areas {
        for origin in areas {
            let mut draw = || {
                // Knuth's MMIX generator.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let uniform = (state >> 33) as f64 / (1u64 << 31) as f64;
                (uniform.powi(4) * 50_000.0).floor()
            };
            writer.write(&pair(schema, reporter, origin, &mut draw)?)?;
        }
    }
    writer.finish()?;
    std::fs::rename(&partial, path).map_err(|e| Error::file("rename", &partial, e))?;
    Ok(())
}

/// One reporter's flows from one area: counts under five are suppressed.
fn pair(schema: &DatasetSchema, reporter: &str, origin: &str, draw: &mut impl FnMut() -> f64) -> Result<RecordBatch> {
    let cells =
        SEXES.iter().flat_map(|sex| AGES.iter().flat_map(move |age| (0..YEARS).map(move |year| (*sex, *age, year))));
    let cells: Vec<_> = cells.map(|(sex, age, year)| (sex, age, (FIRST_YEAR + year).to_string(), draw())).collect();
    let suppressed = |count: f64| count > 0.0 && count < 5.0;
    let source = format!("Population register of {reporter}");
    let columns = schema.components().map(|component| -> ArrayRef {
        if component.id == OBS_VALUE {
            let figures = cells.iter().map(|(.., count)| (!suppressed(*count)).then_some(*count));
            return Arc::new(figures.collect::<Float64Array>());
        }
        let text = |(sex, age, year, count): &(&'static str, &'static str, String, f64)| {
            let text = match component.id.as_str() {
                "FREQ" => "A",
                "REF_AREA" | "DESTINATION" => reporter,
                "ORIGIN" => origin,
                "SEX" => sex,
                "AGE" => age,
                "TIME_PERIOD" => year,
                "OBS_STATUS" if suppressed(*count) => "Q",
                "CONF_STATUS" if suppressed(*count) => "C",
                "OBS_STATUS" => "A",
                "CONF_STATUS" => "F",
                "UNIT_MEASURE" => "PS",
                "COUNTED" => "PERSONS",
                "BASIS" => "CITIZENSHIP",
                "SOURCE_KIND" => "REGISTER",
                "SOURCE" => &source,
                _ => {
                    let any = component.codes.as_ref().filter(|_| component.mandatory)?;
                    any.iter().next().map(|(code, _)| code)?
                }
            };
            Some(text.to_owned())
        };
        Arc::new(cells.iter().map(text).collect::<StringArray>())
    });
    Ok(RecordBatch::try_new(schema.arrow_schema(), columns.collect())?)
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
        let whole = self.engine.summarize(&self.schema, &self.sources, &everything, &[]).await?;
        let mut series = Vec::new();
        for number in 0..SERIES_ASKED {
            let (reporter, origin) = (self.area(number * 37), self.area(number * 91 + number / 7));
            let sex = SEXES[number % SEXES.len()];
            let key = [
                ("FREQ", "A"),
                ("REF_AREA", reporter),
                ("ORIGIN", origin),
                ("DESTINATION", reporter),
                ("SEX", sex),
                ("AGE", "Y18T59"),
            ];
            let (took, rows) = self.time(&self.keyed(&key)).await?;
            if rows != YEARS as u64 {
                bail!("a series has {rows} observations instead of {YEARS}: the file is of another kind; remove it");
            }
            series.push(took);
        }
        let mut columns = Vec::new();
        for number in 0..COLUMNS_ASKED.min(self.areas.len()) {
            columns.push(self.time(&self.keyed(&[("ORIGIN", self.area(number * 91))])).await?.0);
        }
        let began = Instant::now();
        let time = self.engine.summarize(&self.schema, &self.sources, &everything, &[&["TIME_PERIOD"]]).await?;
        let counted = began.elapsed();
        let (exported, export_bytes) = self.export(&everything).await?;
        series.sort_unstable();
        columns.sort_unstable();
        Ok(json!({
            "observations": whole.observations,
            "series": whole.series,
            "file_bytes": bytes,
            "make_s": made_s,
            "series_median_ms": quantile(&series, 0.5),
            "series_p99_ms": quantile(&series, 0.99),
            "column_median_ms": quantile(&columns, 0.5),
            "count_all_ms": ms(counted),
            "periods": time.distinct.first().map_or(0, std::collections::BTreeSet::len),
            "export_csv_rows_per_s": (whole.observations as f64 / exported.as_secs_f64()).round(),
            "export_csv_bytes": export_bytes,
            "peak_rss_mib": peak_rss_mib(),
        }))
    }

    fn area(&self, number: usize) -> &str {
        &self.areas[number % self.areas.len()]
    }

    fn keyed(&self, wanted: &[(&str, &str)]) -> DataQuery {
        let mut query = DataQuery::all(&self.schema);
        let code = |id: &str| wanted.iter().find(|(name, _)| *name == id).map(|(_, code)| vec![(*code).to_owned()]);
        query.keys = vec![self.schema.dimensions.iter().map(|d| code(&d.id)).collect()];
        query
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

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().map_or(0.0, ms)
}

/// The most memory this process has held, in MiB, where the system tells.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib >> 10)
}
