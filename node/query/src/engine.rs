//! The query engine: one memory pool and one spill folder for all queries of a node.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use chancery_schema::dataset::{DatasetSchema, RELEASE};
use chancery_schema::query::DataQuery;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionConfig, SessionContext, ident, lit};
use futures::{Stream, StreamExt};

use crate::plan;

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

/// Runs queries.
#[derive(Clone)]
pub struct QueryEngine {
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
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        options.execution.parquet.enable_page_index = true;
        options.execution.collect_statistics = false;
        // A merge of spilled runs must fit beside the sort itself.
        options.execution.sort_spill_reservation_bytes = (config.memory_bytes / 8).min(10 << 20);
        Ok(Self { runtime, session, time_limit: config.time_limit })
    }

    fn context(&self) -> SessionContext {
        SessionContext::new_with_config_rt(self.session.clone(), Arc::clone(&self.runtime))
    }

    /// Each source's rows with the release's id beside them.
    async fn scan(&self, schema: &DatasetSchema, sources: &[Source]) -> Result<Option<DataFrame>, QueryFailure> {
        let context = self.context();
        let columns = schema.arrow_schema();
        let mut all: Option<DataFrame> = None;
        for source in sources {
            let options = ParquetReadOptions::default().schema(&columns);
            let paths: Vec<String> = source.artefacts.iter().map(|p| p.to_string_lossy().into_owned()).collect();
            let frame =
                context.read_parquet(paths, options).await?.with_column(RELEASE, lit(source.release.clone()))?;
            all = Some(match all {
                None => frame,
                Some(before) => before.union(frame)?,
            });
        }
        Ok(all)
    }

    /// The figures that `query` asks for, sorted by series key, then time, with a [`RELEASE`] column.
    pub async fn run(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
    ) -> Result<QueryStream, QueryFailure> {
        let Some(frame) = self.scan(schema, sources).await? else {
            return Ok(Box::pin(futures::stream::empty()));
        };
        let stream = plan::select(frame, schema, query)?.execute_stream().await?;
        Ok(self.within_time(stream))
    }

    fn within_time(&self, stream: datafusion::execution::SendableRecordBatchStream) -> QueryStream {
        let deadline = std::time::Instant::now() + self.time_limit;
        let seconds = self.time_limit.as_secs();
        Box::pin(stream.map(move |batch| {
            if std::time::Instant::now() > deadline { Err(QueryFailure::TimeLimit(seconds)) } else { Ok(batch?) }
        }))
    }

    /// How many observations `query` asks for.
    pub async fn count(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        query: &DataQuery,
    ) -> Result<u64, QueryFailure> {
        let Some(frame) = self.scan(schema, sources).await? else {
            return Ok(0);
        };
        let counted = plan::filter(frame, schema, query)?.aggregate(vec![], vec![count(lit(1)).alias("n")])?;
        let batches = counted.collect().await?;
        let sum =
            batches.iter().map(|b| b.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>()).sum::<i64>();
        Ok(sum.max(0) as u64)
    }

    /// The distinct values of some columns, sorted; [`RELEASE`] may be one of them.
    pub async fn distinct(
        &self,
        schema: &DatasetSchema,
        sources: &[Source],
        columns: &[&str],
        query: &DataQuery,
    ) -> Result<BTreeSet<Vec<String>>, QueryFailure> {
        let Some(frame) = self.scan(schema, sources).await? else {
            return Ok(BTreeSet::new());
        };
        let selection = columns.iter().map(|c| ident(*c)).collect::<Vec<_>>();
        let batches = plan::filter(frame, schema, query)?.select(selection)?.distinct()?.collect().await?;
        let mut rows = BTreeSet::new();
        for batch in &batches {
            let texts: Vec<_> = batch
                .columns()
                .iter()
                .map(|c| arrow::compute::cast(c, &arrow::datatypes::DataType::Utf8))
                .collect::<Result<_, _>>()
                .map_err(|e| QueryFailure::Engine(e.into()))?;
            for row in 0..batch.num_rows() {
                rows.insert(texts.iter().map(|t| t.as_string::<i32>().value(row).to_owned()).collect());
            }
        }
        Ok(rows)
    }

    /// The rows of an unsorted file, sorted by `keys`; files larger than memory go through the spill folder.
    pub async fn sort_file(&self, path: &Path, keys: &[&str]) -> Result<QueryStream, QueryFailure> {
        let path = path.to_string_lossy().into_owned();
        let frame = self.context().read_parquet(path, ParquetReadOptions::default().file_extension("")).await?;
        let order = keys.iter().map(|key| ident(*key).sort(true, false)).collect();
        let stream = frame.sort(order)?.execute_stream().await?;
        Ok(Box::pin(stream.map(|batch| Ok(batch?))))
    }
}

/// Columns by their exact names: folding case would lose them.
pub(crate) fn column(name: &str) -> datafusion::prelude::Expr {
    ident(name)
}
