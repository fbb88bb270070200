//! Import: a file's rows become a private stage, if every one of them is valid.

mod source;
mod trial;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use chancery_ledger::audience::Audience;
use chancery_ledger::release::{Intent, OperatorRole, OperatorSignature};
use chancery_ledger::{Purpose, time};
use chancery_policies::disclosure::Report;
use chancery_query::artefact::{ArtefactWriter, scratch_writer};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mapping::{Mapping, MappingError};
use chancery_schema::rows::RowBatch;
use chancery_schema::validate::{MAX_PROBLEMS, Problem, ProblemKind, ROW, Validator};
use chancery_store::StoreError;
use chancery_store::stages::StageRow;
use futures::StreamExt as _;
use tempfile::{NamedTempFile, TempPath};

use crate::disclose::Disclosed;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

pub use source::{Found, Progress};
pub use trial::{Trial, try_mapping};

use source::Opened;

/// What to import.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The file; none where the mapping has a query.
    pub file: Option<PathBuf>,
    /// The mapping file's text.
    pub mapping: String,
    /// The release's title.
    pub title: String,
    /// The operator who imports.
    pub operator: String,
    /// Who may read it.
    pub audience: Audience,
    /// Not before, unix seconds.
    pub embargo: Option<i64>,
    /// Only check.
    pub check_only: bool,
}

impl ImportRequest {
    /// The file's name, for people.
    fn name(&self) -> String {
        name_of(self.file.as_deref())
    }
}

fn name_of(path: Option<&Path>) -> String {
    let name = path.map(|path| path.file_name().unwrap_or(path.as_os_str()));
    name.map_or_else(|| "source.query".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What an import did.
#[derive(Debug, Clone)]
pub struct ImportOutcome {
    /// The stage's id; none if it was only checked.
    pub stage: Option<String>,
    /// The dataflow.
    pub dataflow: String,
    /// Valid rows.
    pub rows: u64,
    /// Rows the mapping's filters left out.
    pub left_out: u64,
    /// What was found out about the file that the mapping does not say.
    pub found: Vec<Found>,
    /// What disclosure control did.
    pub report: Option<Report>,
}

/// What reading a file gave.
struct Scratch {
    path: TempPath,
    rows: u64,
    left_out: u64,
    found: Vec<Found>,
}

impl Node {
    /// Checks a file and stages it, filtered and signed by the importing operator. Nothing is staged unless all is valid.
    pub async fn import(&self, request: ImportRequest, progress: Progress) -> Result<ImportOutcome> {
        let mapping =
            Mapping::parse(&request.mapping).map_err(|errors| all_of("the mapping file is wrong", &errors))?;
        let schema = self.dataset_schema(&mapping.dataflow)?;
        let trust = self.trust()?;
        let operator = self.keyring().operator(&request.operator)?;
        trust
            .key_for(self.member(), Purpose::Operator, &operator.public(), self.now())
            .or_denied(&format!("`{}` may not import", request.operator))?;
        let scratch = self.read_file(&request, mapping, schema.clone(), progress).await?;
        let staged = self.sort(&scratch, &schema, &request.name()).await?;
        let mut outcome = ImportOutcome {
            stage: None,
            dataflow: schema.dataflow.to_string(),
            rows: scratch.rows,
            left_out: scratch.left_out,
            found: scratch.found.clone(),
            report: None,
        };
        drop(scratch);
        if request.check_only {
            return Ok(outcome);
        }
        let disclosed = self.disclose(&schema, staged.to_path_buf(), None).await?;
        let intent = Intent {
            forum: trust.forum().to_owned(),
            issuer: self.member().to_owned(),
            dataflow: schema.dataflow.to_string(),
            structure: schema.structure.to_string(),
            title: request.title.clone(),
            audience: request.audience.clone(),
            embargo: request.embargo.map(time::format),
            artefacts: vec![disclosed.artefact.clone()],
            disclosure: disclosed.summary.clone(),
        };
        let signature =
            intent.sign(OperatorRole::Prepare, &operator).or_storage(|| "cannot sign the intent".to_owned())?;
        outcome.report = Some(disclosed.report.clone());
        outcome.stage = Some(self.stage(&request, intent, signature, (staged, disclosed)).await?);
        Ok(outcome)
    }

    async fn read_file(
        &self,
        request: &ImportRequest,
        mapping: Mapping,
        schema: DatasetSchema,
        progress: Progress,
    ) -> Result<Scratch> {
        let (path, dir) = (request.file.clone(), self.folder().stages());
        let work = move || read_rows(path.as_deref(), &dir, &mapping, &schema, &progress);
        tokio::task::spawn_blocking(work).await.or_storage(|| "the import was cut off".to_owned())?
    }

    /// Sorts the rows on disk and finds keys that are there twice, naming both lines.
    async fn sort(&self, scratch: &Scratch, schema: &DatasetSchema, file: &str) -> Result<TempPath> {
        let dir = self.folder().stages();
        let mut out = NamedTempFile::new_in(&dir).map_err(|e| Error::file("create a file in", &dir, e))?;
        let keys: Vec<&str> = schema.dimensions.iter().chain([&schema.time]).map(|c| c.id.as_str()).collect();
        let order: Vec<&str> = keys.iter().copied().chain([ROW]).collect();
        let sorting = || "cannot sort the rows".to_owned();
        let mut sorted = self.engine().sort_file(&scratch.path, &order).await.or_storage(sorting)?;
        let mut duplicates = Duplicates::new(keys.len());
        let mut writer = ArtefactWriter::new(out.as_file_mut(), schema).or_storage(sorting)?;
        while let Some(batch) = sorted.next().await {
            let batch = batch.or_storage(sorting)?;
            duplicates.look(&batch);
            if duplicates.total == 0 {
                let columns: Vec<usize> = (0..batch.num_columns() - 1).collect();
                let batch = batch.project(&columns).or_storage(sorting)?;
                tokio::task::block_in_place(|| writer.write(&batch))
                    .or_storage(|| "cannot write the stage".to_owned())?;
            }
        }
        writer.finish().or_storage(|| "cannot write the stage".to_owned())?;
        if duplicates.total > 0 {
            return Err(Error::Problems {
                file: file.to_owned(),
                rows: scratch.rows,
                total: duplicates.total,
                problems: duplicates.problems,
            });
        }
        Ok(out.into_temp_path())
    }

    async fn stage(
        &self,
        request: &ImportRequest,
        intent: Intent,
        signature: OperatorSignature,
        (staged, disclosed): (TempPath, Disclosed),
    ) -> Result<String> {
        let mut bytes = [0u8; 6];
        getrandom::fill(&mut bytes).or_storage(|| "no randomness for the stage's id".to_owned())?;
        let id = hex::encode(bytes);
        let json = || "cannot write the stage".to_owned();
        let now = self.now();
        let row = StageRow {
            id: id.clone(),
            forum: intent.forum.clone(),
            dataflow: intent.dataflow.clone(),
            title: intent.title.clone(),
            source: request.name(),
            state: "staged".to_owned(),
            created_at: now,
            updated_at: now,
            intent: serde_json::to_vec(&intent).or_storage(json)?,
            operators: serde_json::to_vec(&[signature]).or_storage(json)?,
            report: serde_json::to_vec(&disclosed.report).or_storage(json)?,
        };
        let keep = |file: TempPath, path: PathBuf| {
            file.persist(&path).map_err(|e| Error::file("keep the stage", &path, e.error))
        };
        keep(disclosed.candidate, self.candidate_path(&id))?;
        keep(staged, self.private_path(&id))?;
        let spending = disclosed.spending;
        let stored = self.store().run(move |s| s.stage_put(&row, spending.as_ref())).await;
        if stored.is_err() {
            self.remove_stage_files(&id);
        }
        match stored {
            Err(StoreError::Conflict(what)) => Err(Error::denied(what)),
            stored => stored.or_storage(json).map(|()| id),
        }
    }

    /// Where a stage's own figures are kept until it is published, to see what another profile would make of them.
    pub(crate) fn private_path(&self, stage: &str) -> PathBuf {
        self.folder().stages().join(format!("{stage}.private.parquet"))
    }

    /// Removes what is kept of a stage that is done. That a file is left does no harm beyond its room.
    pub(crate) fn remove_stage_files(&self, stage: &str) {
        for path in [self.candidate_path(stage), self.private_path(stage)] {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Where a stage's filtered file is kept until it is published.
    pub(crate) fn candidate_path(&self, stage: &str) -> PathBuf {
        self.folder().stages().join(format!("{stage}.parquet"))
    }
}

fn read_rows(
    path: Option<&Path>,
    dir: &Path,
    mapping: &Mapping,
    schema: &DatasetSchema,
    progress: &Progress,
) -> Result<Scratch> {
    let name = name_of(path);
    let Opened { rows: mut source, found } = source::open(path, mapping, progress)?;
    let bound = mapping
        .bind(schema, source.headings())
        .map_err(|errors| all_of(&format!("the mapping does not fit `{name}`"), &errors))?;
    let shape = bound.shape.clone();
    let mut shaped = RowBatch::default();
    let mut validator = Validator::new(bound);
    let mut out = NamedTempFile::new_in(dir).map_err(|e| Error::file("create a file in", dir, e))?;
    let writing = || format!("cannot write in `{}`", dir.display());
    let mut writer = scratch_writer(out.as_file_mut(), validator.batch_schema()).or_storage(writing)?;
    let (mut rows, mut left_out, mut failed) = (0u64, 0u64, None);
    let read = source.read(&mut |batch| {
        for fault in batch.faults.drain(..) {
            rows += 1;
            validator.note(fault);
        }
        if !shape.is_plain() {
            shaped.clear();
            shape.apply(batch, &mut shaped);
        }
        let batch = if shape.is_plain() { &*batch } else { &shaped };
        rows += batch.len() as u64;
        for (line, row) in batch.iter() {
            left_out += u64::from(!validator.push(line, &row));
        }
        let written = validator.take().or_storage(writing).and_then(|valid| {
            // What is not staged need not be written.
            if validator.total() == 0 { writer.write(&valid).or_storage(writing) } else { Ok(()) }
        });
        written.map_or_else(
            |error| {
                failed = Some(error);
                ControlFlow::Break(())
            },
            ControlFlow::Continue,
        )
    });
    match failed {
        Some(error) => return Err(error),
        None => read.map_err(|error| source::failed(Path::new(&name), error))?,
    }
    writer.close().or_storage(writing)?;
    if validator.total() > 0 {
        let total = validator.total();
        return Err(Error::Problems { file: name, rows, total, problems: validator.into_problems() });
    }
    if rows == left_out {
        return Err(Error::invalid(format!("`{name}` has no rows to import ({left_out} left out by the mapping)")));
    }
    Ok(Scratch { path: out.into_temp_path(), rows: rows - left_out, left_out, found })
}

/// An error that lists all that is wrong with a mapping.
fn all_of(what: &str, errors: &[MappingError]) -> Error {
    let all = errors.iter().map(|e| format!("\n  - {e}")).collect::<String>();
    Error::invalid(format!("{what}:{all}"))
}

/// Finds equal keys in sorted batches.
struct Duplicates {
    keys: usize,
    previous: Option<(Vec<String>, i64)>,
    total: u64,
    problems: Vec<Problem>,
}

impl Duplicates {
    fn new(keys: usize) -> Self {
        Self { keys, previous: None, total: 0, problems: Vec::new() }
    }

    fn look(&mut self, batch: &RecordBatch) {
        let columns: Vec<_> = batch.columns().iter().take(self.keys).filter_map(|c| c.as_string_opt::<i32>()).collect();
        let lines = batch.column(batch.num_columns() - 1).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let same = match &self.previous {
                _ if row > 0 => columns.iter().all(|c| c.value(row - 1) == c.value(row)),
                Some((key, _)) => key.iter().map(String::as_str).eq(columns.iter().map(|c| c.value(row))),
                None => false,
            };
            if same {
                let before =
                    if row > 0 { lines.value(row - 1) } else { self.previous.as_ref().map_or(0, |(_, line)| *line) };
                self.report(
                    lines.value(row),
                    before,
                    columns.iter().map(|c| c.value(row)).collect::<Vec<_>>().join("."),
                );
            }
        }
        if let Some(last) = batch.num_rows().checked_sub(1) {
            self.previous = Some((columns.iter().map(|c| c.value(last).to_owned()).collect(), lines.value(last)));
        }
    }

    fn report(&mut self, row: i64, before: i64, value: String) {
        self.total += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                row: row as u64,
                column: String::new(),
                component: "key".to_owned(),
                value,
                expected: format!("a key that line {before} does not have already"),
                nearest: None,
                kind: ProblemKind::DuplicateKey,
            });
        }
    }
}
