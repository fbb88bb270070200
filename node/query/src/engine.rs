//! The query engine: rows are read in their order from the artefacts; what needs another order is sorted by DataFusion, with one
//! memory pool and one spill folder for all queries of a node.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, SchemaRef};
use chancery_schema::dataset::{DatasetSchema, RELEASE};
use chancery_schema::query::{AtObservation, DataQuery, Selection};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{SessionConfig, SessionContext, ident};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::artefact::ArtefactError;
use crate::file::OpenFiles;
use crate::merge::Merge;
use crate::predicate::Predicate;
use crate::scan::{Request, Scan};
use crate::series::{First, Last, SeriesCount, Window};

/// Batches that wait for a slow reader.
const WAITING: usize = 2;

/// What the engine may use.
#[derive(Debug, Clone)]
pub struct QueryConfig {
    /// Memory for sorting, in bytes; beyond it the engine spills.
    pub memory_bytes: usize,
    /// Threads of one query.
    pub threads: usize,
    /// Where to spill.
    pub spill_dir: PathBuf,
    /// Longest time of one query.
    pub time_limit: Duration,
}

/// A release's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Record id.
    pub release: String,
    /// Files.
    pub artefacts: Vec<PathBuf>,
}

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryFailure {
    /// It took too long.
    #[error("the query took longer than {0} seconds: ask for less, with a key or fewer periods")]
    TimeLimit(u64),
    /// It needed too much memory.
    #[error("the query needs more memory than this node gives one: ask for less, with a key or fewer periods")]
    Memory,
    /// Who asked went away.
    #[error("nobody waits for the answer any more")]
    Gone,
    /// The reader broke down: a file is damaged.
    #[error("a file of figures cannot be read: it is damaged; run `chancery doctor`")]
    Broken,
    /// A file cannot be read.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// Columns are not what they should be.
    #[error("the query engine failed: {0}")]
    Columns(#[from] arrow::error::ArrowError),
    /// The engine failed.
    #[error("the query engine failed: {0}")]
    Engine(#[source] datafusion::error::DataFusionError),
}

impl From<datafusion::error::DataFusionError> for QueryFailure {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        match error.find_root() {
            datafusion::error::DataFusionError::ResourcesExhausted(_) => Self::Memory,
            _ => Self::Engine(error),
        }
    }
}

/// Batches of figures; dropping it cancels the query.
pub type QueryStream = Pin<Box<dyn Stream<Item = Result<RecordBatch, QueryFailure>> + Send>>;

/// What there is of the figures a query asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Observations.
    pub observations: u64,
    /// Series.
    pub series: u64,
    /// For each group of columns asked about, the rows of texts that occur.
    pub distinct: Vec<BTreeSet<Vec<String>>>,
}

/// Ends a query that takes too long or that nobody waits for.
pub(crate) struct Watch {
    until: Instant,
    seconds: u64,
    gone: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Watch {
    pub(crate) fn check(&self) -> Result<(), QueryFailure> {
        if (self.gone)() {
            return Err(QueryFailure::Gone);
        }
        if Instant::now() > self.until { Err(QueryFailure::TimeLimit(self.seconds)) } else { Ok(()) }
    }
}

type Rows = Box<dyn Iterator<Item = Result<RecordBatch, QueryFailure>> + Send>;

/// Runs queries.
#[derive(Clone)]
pub struct QueryEngine {
    files: OpenFiles,
    runtime: Arc<RuntimeEnv>,
    session: SessionConfig,
    time_limit: Duration,
}

impl QueryEngine {
    /// An engine within `config`.
    pub fn new(config: &QueryConfig) -> Result<Self, QueryFailure> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(config.memory_bytes)))
            .with_temp_file_path(&config.spill_dir)
            .build_arc()?;
        let mut session = SessionConfig::new()
            .with_target_partitions(config.threads.max(1))
            .with_batch_size(8_192)
            .with_information_schema(false);
        let options = session.options_mut();
        options.execution.parquet.schema_force_view_types = false;
        options.execution.collect_statistics = false;
        // A merge of spilled runs must fit beside the sort itself.
        options.execution.sort_spill_reservation_bytes = (config.memory_bytes / 8).min(10 << 20);
        Ok(Self { files: OpenFiles::new(), runtime, session, time_limit: config.time_limit })
    }

    fn context(&self) -> SessionContext {
        SessionContext::new_with_config_rt(self.session.clone(), Arc::clone(&self.runtime))
    }

    fn watch(&self, gone: impl Fn() -> bool + Send + Sync + 'static) -> Watch {
        let seconds = self.time_limit.as_secs();
        Watch { until: Instant::now() + self.time_limit, seconds, gone: Box::new(gone) }
    }

    /// The rows that a request asks for, in the order of their first `keys` columns.
    fn merge(&self, request: Request, sources: &[Source], keys: usize) -> Result<Merge, QueryFailure> {
        let request = Arc::new(request);
        let mut scans = Vec::new();
        for (source, path) in sources.iter().flat_map(|s| s.artefacts.iter().map(move |path| (s, path))) {
            scans.push(Scan::new(self.files.open(path)?, Arc::clone(&request), &source.release));
        }
        Ok(Merge::new(scans, keys))
    }

    /// The figures that `query` asks for, sorted by series key, then time, with a [`RELEASE`] column. Texts are dictionaries.
    pub async fn run(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
    ) -> Result<QueryStream, QueryFailure> {
        let reordered = matches!(query.at_observation, AtObservation::Dimension(_));
        // A schema has names in many languages: copying it takes as long as reading a series.
        let all = !reordered && query.attributes == Selection::All;
        let answer = if all { Cow::Borrowed(schema) } else { Cow::Owned(query.selected(schema)) };
        let (send, receive) = mpsc::channel(WAITING);
        let sender = send.clone();
        let watch = self.watch(move || sender.is_closed());
        let request = Request::new(schema, &answer, Predicate::of(schema, query), watch);
        let columns = Arc::clone(request.schema());
        let (engine, sources, dimensions) = (self.clone(), sources.to_vec(), schema.dimensions.len());
        let (first, last, offset, limit) = (query.first_n, query.last_n, query.offset, query.limit);
        let reading = tokio::task::spawn_blocking(move || {
            let rows = engine.merge(request, &sources, dimensions + 1).map(|merge| {
                let rows = edges(merge, dimensions, first, last);
                if reordered { rows } else { Box::new(Window::new(rows, offset, limit)) }
            });
            pass(rows, &send);
        });
        let stream = futures::stream::unfold(Some((receive, reading)), |state| async move {
            let (mut receive, reading) = state?;
            match receive.recv().await {
                Some(batch) => Some((batch, Some((receive, reading)))),
                // Rows that end because the reader broke down must not pass for all rows.
                None => reading.await.is_err().then_some((Err(QueryFailure::Broken), None)),
            }
        });
        let stream: QueryStream = Box::pin(stream.fuse());
        if !reordered {
            return Ok(stream);
        }
        let keys: Vec<&str> = answer.dimensions.iter().chain([&answer.time]).map(|c| c.id.as_str()).collect();
        self.reorder(stream, columns, &keys, offset, limit).await
    }

    /// The rows in another order of keys; those that do not fit the memory go through the spill folder.
    async fn reorder(
        &self,
        rows: QueryStream,
        columns: SchemaRef,
        keys: &[&str],
        offset: u64,
        limit: Option<u64>,
    ) -> Result<QueryStream, QueryFailure> {
        let rows = rows.map(|batch| batch.map_err(|failure| DataFusionError::External(Box::new(failure))));
        let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&columns), rows));
        let partition = Arc::new(Once { columns: Arc::clone(&columns), stream: Mutex::new(Some(stream)) });
        let table = StreamingTable::try_new(columns, vec![partition])?;
        let order = keys.iter().copied().chain([RELEASE]).map(|key| ident(key).sort(true, false)).collect();
        let sorted = self.context().read_table(Arc::new(table))?.sort(order)?;
        let part = sorted.limit(offset as usize, limit.map(|limit| limit as usize))?;
        Ok(Box::pin(part.execute_stream().await?.map(|batch| Ok(batch?))))
    }

    /// How many figures `query` asks for, without offset, limit and edges, and which texts occur in them in `groups` of columns.
    pub async fn summarize(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
        groups: &[&[&str]],
    ) -> Result<Summary, QueryFailure> {
        let (send, mut receive) = mpsc::channel(1);
        let mut answer = schema.clone();
        answer.attributes.clear();
        let (engine, sources, dimensions) = (self.clone(), sources.to_vec(), schema.dimensions.len());
        let groups: Vec<Vec<String>> = groups.iter().map(|g| g.iter().map(|id| (*id).to_owned()).collect()).collect();
        let sender = send.clone();
        let watch = self.watch(move || sender.is_closed());
        let request = Request::new(schema, &answer, Predicate::of(schema, query), watch);
        tokio::task::spawn_blocking(move || {
            let rows = engine.merge(request, &sources, dimensions + 1);
            // Who asked may have gone.
            let _ = send.blocking_send(rows.and_then(|rows| summary(rows, dimensions, &groups)));
        });
        receive.recv().await.unwrap_or(Err(QueryFailure::Broken))
    }

    /// The rows of a stream, sorted by `key`; more than memory holds go through the spill folder.
    pub async fn sort(
        &self,
        columns: SchemaRef,
        rows: impl Stream<Item = RecordBatch> + Send + 'static,
        key: &str,
    ) -> Result<QueryStream, QueryFailure> {
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&columns), rows.map(Ok));
        let once = Once { columns: Arc::clone(&columns), stream: Mutex::new(Some(Box::pin(stream))) };
        let table = StreamingTable::try_new(columns, vec![Arc::new(once)])?;
        let frame = self.context().read_table(Arc::new(table))?.sort(vec![ident(key).sort(true, false)])?;
        Ok(Box::pin(frame.execute_stream().await?.map(|batch| Ok(batch?))))
    }
}

/// The first or last observations of each series, if only those are asked for.
fn edges(rows: Merge, dimensions: usize, first: Option<u32>, last: Option<u32>) -> Rows {
    let mut rows: Rows = Box::new(rows);
    if let Some(n) = first {
        rows = Box::new(First::new(rows, dimensions, n as usize));
    }
    if let Some(n) = last {
        rows = Box::new(Last::new(rows, dimensions, n as usize));
    }
    rows
}

/// Passes rows on until they end, fail, or nobody takes them.
fn pass(rows: Result<Rows, QueryFailure>, send: &mpsc::Sender<Result<RecordBatch, QueryFailure>>) {
    let rows = match rows {
        Ok(rows) => rows,
        Err(failure) => Box::new(std::iter::once(Err(failure))),
    };
    for batch in rows.filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0)) {
        let failed = batch.is_err();
        if send.blocking_send(batch).is_err() || failed {
            return;
        }
    }
}

fn summary(rows: Merge, dimensions: usize, groups: &[Vec<String>]) -> Result<Summary, QueryFailure> {
    let mut summary = Summary { distinct: vec![BTreeSet::new(); groups.len()], ..Summary::default() };
    let mut series = SeriesCount::new(dimensions);
    for batch in rows {
        let batch = batch?;
        summary.observations += batch.num_rows() as u64;
        series.pass(&batch);
        for (group, distinct) in groups.iter().zip(&mut summary.distinct) {
            occurring(&batch, group, distinct);
        }
    }
    summary.series = series.series;
    Ok(summary)
}

/// Adds the rows of texts that occur in some columns of a batch.
fn occurring(batch: &RecordBatch, columns: &[String], found: &mut BTreeSet<Vec<String>>) {
    let dictionaries: Vec<_> = columns
        .iter()
        .filter_map(|id| batch.column_by_name(id)?.as_dictionary_opt::<Int32Type>())
        .filter_map(|texts| Some((texts.keys(), texts.values().as_string_opt::<i32>()?)))
        .collect();
    let mut seen = HashSet::new();
    let mut keys = vec![0; dictionaries.len()];
    for row in 0..batch.num_rows() {
        let mut same = row > 0;
        for (key, (column, _)) in keys.iter_mut().zip(&dictionaries) {
            let next = column.value(row);
            same &= *key == next;
            *key = next;
        }
        if !same && !seen.contains(keys.as_slice()) {
            let text =
                |((_, values), key): (&(&Int32Array, &StringArray), &i32)| values.value(*key as usize).to_owned();
            found.insert(dictionaries.iter().zip(&keys).map(text).collect());
            seen.insert(keys.clone());
        }
    }
}

/// A stream that DataFusion reads once.
struct Once {
    columns: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Once")
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.columns
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.unwrap_or_else(|| {
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.columns), futures::stream::empty()))
        })
    }
}
