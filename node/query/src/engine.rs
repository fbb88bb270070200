//! The query engine: rows are read in their order from the artefacts; what needs another order is sorted by DataFusion, with one
//! memory pool and one spill folder for all queries of a node.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use chancery_schema::dataset::{DatasetSchema, OBS_VALUE, RELEASE, TIME_PERIOD};
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
use crate::chronological;
use crate::file::{OpenFiles, RUNS_KIB};
use crate::merge::Merge;
use crate::predicate::Predicate;
use crate::scan::{Request, Scan};
use crate::series::{First, Last, Window};
use crate::sum::Sums;
use crate::summary::Summing;
use crate::tasks::{self, Helpers};

/// Batches that wait for a slow reader.
const WAITING: usize = 2;
/// Most rows of a batch that is sorted: the more, the fewer there are to merge. Larger ones are divided.
pub const SORTED_ROWS: usize = 32_768;
/// Most rows looked at for an answer without a thread of its own: less than half a millisecond's work.
const FEW_ROWS: usize = 4_096;

/// Fewest rows of a file that is prepared for queries.
const PREPARED_ROWS: i64 = 100_000;
/// Most memory taken by preparing: the rest of what there is for runs is for what queries turn out to read.
const PREPARED_BYTES: usize = (RUNS_KIB as usize) << 9;

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

/// A sum of figures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    /// Observations, with those that have no figure.
    pub observations: u64,
    /// Observations without a figure: missing, or suppressed. They are not in the sum.
    pub missing: u64,
    /// The sum of the others.
    pub sum: f64,
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
    helpers: Arc<Helpers>,
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
        let helpers = Arc::new(Helpers::new(config.threads.saturating_sub(1)));
        Ok(Self { files: OpenFiles::new(), runtime, session, helpers, time_limit: config.time_limit })
    }

    fn context(&self) -> SessionContext {
        SessionContext::new_with_config_rt(self.session.clone(), Arc::clone(&self.runtime))
    }

    fn watch(&self, gone: impl Fn() -> bool + Send + Sync + 'static) -> Watch {
        let seconds = self.time_limit.as_secs();
        Watch { until: Instant::now() + self.time_limit, seconds, gone: Box::new(gone) }
    }

    /// One scan for each artefact; with `opened`, none if one of them is not open yet.
    fn scans(&self, request: Request, sources: &[Source], opened: bool) -> Result<Option<Vec<Scan>>, QueryFailure> {
        let request = Arc::new(request);
        let mut scans = Vec::new();
        for (source, path) in sources.iter().flat_map(|s| s.artefacts.iter().map(move |path| (s, path))) {
            let artefact = match self.files.opened(path) {
                Some(artefact) => artefact,
                None if opened => return Ok(None),
                None => self.files.open(path)?,
            };
            scans.push(Scan::new(&self.files, artefact, Arc::clone(&request), &source.release));
        }
        Ok(Some(scans))
    }

    fn all_scans(&self, request: Request, sources: &[Source]) -> Result<Vec<Scan>, QueryFailure> {
        Ok(self.scans(request, sources, false)?.unwrap_or_default())
    }

    /// The figures that `query` asks for, sorted by series key, then time, with a [`RELEASE`] column. Texts are dictionaries.
    pub async fn run(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
    ) -> Result<QueryStream, QueryFailure> {
        let reordered = matches!(query.at_observation, AtObservation::Dimension(_)) || !query.sort.is_empty();
        // A schema has names in many languages: copying it takes as long as reading a series.
        let all = !reordered && query.attributes == Selection::All;
        let answer = if all { Cow::Borrowed(schema) } else { Cow::Owned(query.selected(schema)) };
        let asked = Asked::of(query, schema, reordered);
        let request = |watch| {
            let columns = answer.components().map(|c| c.id.as_str());
            Request::new(schema, columns, Predicate::of(schema, query), watch)
        };
        if !reordered
            && let Some(scans) = self.scans(request(self.watch(|| false)), sources, true)?
            && let Some(scans) = few(scans)
        {
            let rows = asked.rows(Merge::new(scans, asked.dimensions + 1));
            let some = |batch: &Result<RecordBatch, _>| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0);
            return Ok(Box::pin(futures::stream::iter(rows.filter(some).collect::<Vec<_>>())));
        }
        let (send, receive) = mpsc::channel(WAITING);
        let sender = send.clone();
        let request = request(self.watch(move || sender.is_closed()));
        let columns = Arc::clone(request.schema());
        let (engine, sources) = (self.clone(), sources.to_vec());
        let reading = tokio::task::spawn_blocking(move || {
            let scans = engine.all_scans(request, &sources);
            let rows = scans.map(|scans| asked.rows(Merge::new(scans, asked.dimensions + 1)));
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
        self.reorder(stream, columns, query.order(schema), query.offset, query.limit).await
    }

    /// The rows in another order of keys; those that do not fit the memory go through the spill folder.
    async fn reorder(
        &self,
        rows: QueryStream,
        columns: SchemaRef,
        order: Vec<(String, bool)>,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<QueryStream, QueryFailure> {
        let (with_days, last) = (chronological::columns(&columns), columns.fields().len());
        let rows = rows.map(|batch| {
            let batch = batch.and_then(|batch| Ok(chronological::add(&batch)?));
            batch.map_err(|failure| DataFusionError::External(Box::new(failure)))
        });
        let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&with_days), rows));
        let partition = Arc::new(Once { columns: Arc::clone(&with_days), stream: Mutex::new(Some(stream)) });
        let table = StreamingTable::try_new(with_days, vec![partition])?;
        let by = |(id, descending): (String, bool)| {
            let days = (id == TIME_PERIOD).then_some(chronological::DAY);
            days.into_iter().map(str::to_owned).chain([id]).map(move |id| ident(id).sort(!descending, false))
        };
        let order = order.into_iter().flat_map(by).chain([ident(RELEASE).sort(true, false)]).collect();
        let sorted = self.context().read_table(Arc::new(table))?.sort(order)?;
        let part = sorted.limit(offset as usize, limit.map(|limit| limit as usize))?;
        let own: Vec<usize> = (0..last).collect();
        Ok(Box::pin(part.execute_stream().await?.map(move |batch| Ok(batch?.project(&own)?))))
    }

    /// How many figures `query` asks for, without offset, limit and edges, and which texts occur in them in `groups` of columns.
    pub async fn summarize(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
        groups: &[&[&str]],
    ) -> Result<Summary, QueryFailure> {
        let groups: Vec<Vec<String>> = groups.iter().map(|g| g.iter().map(|id| (*id).to_owned()).collect()).collect();
        let dimensions = schema.dimensions.len();
        let columns = schema.dimensions.iter().map(|d| &d.id).chain(groups.iter().flatten());
        let columns: Vec<String> = columns.cloned().collect();
        let predicate = Predicate::of(schema, query);
        let (engine, sources) = (self.clone(), sources.to_vec());
        let request = |watch| Request::new(schema, columns.iter().map(String::as_str), predicate, watch);
        self.work(request, move |request| {
            let scans = engine.all_scans(request, &sources)?;
            if !apart(&scans, dimensions) {
                let rows = Merge::new(scans, dimensions);
                return Ok(Summing::new(dimensions, &groups).of(rows)?.finish());
            }
            let mut all = Summing::new(dimensions, &groups);
            let scans = scans.into_iter().flat_map(Scan::split).collect();
            let work = |scan| Summing::new(dimensions, &groups).of(scan);
            let append = |next| {
                all.append(next);
                Ok(())
            };
            tasks::each(scans, &engine.helpers, work, append)?;
            Ok(all.finish())
        })
        .await
    }

    /// The sums of the figures that `query` asks for, without offset, limit and edges, by the texts of some columns.
    pub async fn sum(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
        by: &[&str],
    ) -> Result<BTreeMap<Vec<String>, Sum>, QueryFailure> {
        let ids: Vec<String> = by.iter().map(|id| (*id).to_owned()).collect();
        let columns = by.iter().copied().chain([OBS_VALUE]);
        let predicate = Predicate::of(schema, query);
        let (engine, sources) = (self.clone(), sources.to_vec());
        let request = |watch| Request::new(schema, columns, predicate, watch);
        self.work(request, move |request| {
            let scans = engine.all_scans(request, &sources)?.into_iter().flat_map(Scan::split).collect();
            let mut all = BTreeMap::new();
            tasks::each(scans, &engine.helpers, |scan| Sums::new(&ids).of(scan), |sums| sums.append_to(&mut all))?;
            Ok(all)
        })
        .await
    }

    /// Does work in a thread of its own, until it is done or nobody waits for it.
    async fn work<T: Send + 'static>(
        &self,
        request: impl FnOnce(Watch) -> Request,
        work: impl FnOnce(Request) -> Result<T, QueryFailure> + Send + 'static,
    ) -> Result<T, QueryFailure> {
        let (send, mut receive) = mpsc::channel(1);
        let sender = send.clone();
        let request = request(self.watch(move || sender.is_closed()));
        tokio::task::spawn_blocking(move || {
            // Who asked may have gone.
            let _ = send.blocking_send(work(request));
        });
        receive.recv().await.unwrap_or(Err(QueryFailure::Broken))
    }

    /// Reads now what queries will be answered from, rather than after the first of them: of the files in their order, as long as
    /// it fits the memory for it. Small files are left: reading their figures takes no longer.
    pub async fn prepare(&self, sources: &[Source]) -> Result<(), QueryFailure> {
        let (files, sources) = (self.files.clone(), sources.to_vec());
        let work = move || {
            let mut bytes = 0;
            for path in sources.iter().flat_map(|source| &source.artefacts) {
                let artefact = files.open(path)?;
                let metadata = artefact.metadata.metadata();
                if metadata.file_metadata().num_rows() < PREPARED_ROWS {
                    continue;
                }
                for group in 0..metadata.num_row_groups() {
                    if bytes > PREPARED_BYTES {
                        return Ok(());
                    }
                    let runs = match files.runs(&artefact, group) {
                        Some(runs) => runs,
                        None => files.read_runs(&artefact, group)?,
                    };
                    bytes += runs.bytes();
                }
            }
            Ok(())
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(QueryFailure::Broken))
    }

    /// The rows of a stream, sorted by `key`; more than memory holds go through the spill folder. The batches have at most
    /// [`SORTED_ROWS`] rows.
    pub async fn sort(
        &self,
        columns: SchemaRef,
        rows: impl Stream<Item = RecordBatch> + Send + 'static,
        key: &str,
    ) -> Result<QueryStream, QueryFailure> {
        let rows = rows.flat_map(|batch| futures::stream::iter(divided(batch)));
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&columns), rows);
        let once = Once { columns: Arc::clone(&columns), stream: Mutex::new(Some(Box::pin(stream))) };
        let table = StreamingTable::try_new(columns, vec![Arc::new(once)])?;
        // What DataFusion divides itself before it spills, it takes no memory for when it merges: then what it has merged can
        // fill the memory before the next part is read.
        let session = self.session.clone().with_batch_size(SORTED_ROWS);
        let context = SessionContext::new_with_config_rt(session, Arc::clone(&self.runtime));
        let frame = context.read_table(Arc::new(table))?.sort(vec![ident(key).sort(true, false)])?;
        Ok(Box::pin(frame.execute_stream().await?.map(|batch| Ok(batch?))))
    }
}

/// A batch in parts of at most [`SORTED_ROWS`], each with memory of its own: a slice counts as all it is a part of.
fn divided(batch: RecordBatch) -> Vec<Result<RecordBatch, DataFusionError>> {
    if batch.num_rows() <= SORTED_ROWS {
        return vec![Ok(batch)];
    }
    let part = |first: usize| {
        let rows =
            UInt32Array::from_iter_values((first..batch.num_rows().min(first + SORTED_ROWS)).map(|row| row as u32));
        Ok(take_record_batch(&batch, &rows)?)
    };
    (0..batch.num_rows()).step_by(SORTED_ROWS).map(part).collect()
}

/// Which of the rows that meet a query's conditions it asks for.
#[derive(Clone, Copy)]
struct Asked {
    dimensions: usize,
    first: Option<u32>,
    last: Option<u32>,
    /// Offset and limit, unless the rows are put in another order before.
    window: Option<(u64, Option<u64>)>,
}

impl Asked {
    fn of(query: &DataQuery, schema: &DatasetSchema, reordered: bool) -> Self {
        let window = (!reordered).then_some((query.offset, query.limit));
        Self { dimensions: schema.dimensions.len(), first: query.first_n, last: query.last_n, window }
    }

    fn rows(self, rows: Merge) -> Rows {
        let mut rows: Rows = Box::new(rows);
        if let Some(n) = self.first {
            rows = Box::new(First::new(rows, self.dimensions, n as usize));
        }
        if let Some(n) = self.last {
            rows = Box::new(Last::new(rows, self.dimensions, n as usize));
        }
        if let Some((offset, limit)) = self.window {
            rows = Box::new(Window::new(rows, offset, limit));
        }
        rows
    }
}

/// The scans, if all of them look at few rows in few places.
fn few(mut scans: Vec<Scan>) -> Option<Vec<Scan>> {
    let mut left = FEW_ROWS;
    for scan in &mut scans {
        left = left.checked_sub(scan.few(left)?)?;
    }
    Some(scans)
}

/// Whether no series can be in two of the artefacts: the texts of some dimension are apart.
fn apart(scans: &[Scan], dimensions: usize) -> bool {
    let apart = |dimension| {
        let extents: Option<Vec<_>> = scans.iter().map(|scan| scan.extent(dimension)).collect();
        extents.is_some_and(|mut extents| {
            extents.sort_unstable();
            extents.windows(2).all(|pair| pair[0].1 < pair[1].0)
        })
    };
    scans.len() < 2 || (0..dimensions).any(apart)
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
