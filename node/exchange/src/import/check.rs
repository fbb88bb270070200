//! Checks a file as a whole: reads it, sorts it on disk, and looks at the sorted figures for what single rows do not show.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use chancery_query::artefact::{self, ArtefactWriter};
use chancery_query::beside::Beside;
use chancery_query::earlier::Earlier;
use chancery_query::rules::{EARLIER_VALUE, PRIOR_VALUE, RuleSet};
use chancery_query::{QueryFailure, QueryStream};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mapping::Mapping;
use chancery_schema::validate::rules::{MAX_RULES_BYTES, Rules};
use chancery_schema::validate::{KEY, Packing, Problem, ProblemKind, Problems, Repeated, Severity, Totals, sorted};
use futures::StreamExt as _;
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::mpsc;

use super::aggregate::Summing;
use super::findings::Findings;
use super::progress::Progress;
use super::read::{Reader, Reading};
use super::source::Found;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// Batches that wait between reading, sorting and writing: enough to keep each busy.
const WAITING: usize = 4;

/// How a file is checked.
#[derive(Debug, Clone)]
pub struct Checks {
    /// Texts of rule files; a rule takes the place of an earlier one of its name, and of the node's own.
    pub rules: Vec<String>,
    /// Names of warnings that the operator has looked at and accepts.
    pub accept: Vec<String>,
    /// Most problems kept with their details; all are counted.
    pub listed: usize,
}

impl Default for Checks {
    fn default() -> Self {
        Self { rules: Vec::new(), accept: Vec::new(), listed: chancery_schema::validate::MAX_PROBLEMS }
    }
}

/// A checked file.
pub(crate) struct Checked {
    /// The sorted figures; they are whole only if nothing is refused.
    pub(crate) staged: TempPath,
    pub(crate) rows: u64,
    pub(crate) left_out: u64,
    pub(crate) found: Vec<Found>,
    pub(crate) findings: Findings,
}

/// The rules of a node: the built-in ones, then those of its `rules` folder, then `own`.
fn rules_of(root: &Path, own: &[String]) -> Result<Rules> {
    let dir = root.join("rules");
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&dir) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::file("list", &dir, e)),
    };
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut rules = Rules::built_in().or_storage(|| "the built-in rules are damaged".to_owned())?;
    for path in &files {
        let size = std::fs::metadata(path).map_err(|e| Error::file("read", path, e))?.len();
        if size > MAX_RULES_BYTES as u64 {
            return Err(Error::invalid(format!("the rules in `{}` have {size} bytes: too many", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        let more = Rules::parse(&text).or_invalid(|| format!("the rules in `{}` cannot be used", path.display()))?;
        rules = rules.with(more);
    }
    for text in own {
        rules = rules.with(Rules::parse(text).or_invalid(|| "the rules cannot be used".to_owned())?);
    }
    Ok(rules)
}

/// Refuses names that are no warnings: a misspelt one would look accepted.
fn check_accepted(rules: &Rules, accepted: &[String]) -> Result<()> {
    let built_in = ProblemKind::BUILT_IN;
    let built_in = built_in.iter().map(|kind| (kind.name(), kind.severity()));
    let known: HashMap<&str, Severity> = built_in.chain(rules.names()).collect();
    for name in accepted {
        match known.get(name.as_str()) {
            Some(Severity::Warning) => {}
            Some(Severity::Error) => {
                return Err(Error::invalid(format!("`{name}` is an error: it cannot be accepted, only corrected")));
            }
            None => {
                let mut names: Vec<&str> = known
                    .iter()
                    .filter(|(_, severity)| **severity == Severity::Warning)
                    .map(|(name, _)| *name)
                    .collect();
                names.sort_unstable();
                let names = names.join(", ");
                return Err(Error::invalid(format!("there is no warning `{name}`; there are {names}")));
            }
        }
    }
    Ok(())
}

impl Node {
    /// Reads, sorts and checks a file. Nothing of it stays but the temporary file that is returned.
    pub(crate) async fn check_file(
        &self,
        file: Option<&Path>,
        mapping: Mapping,
        schema: &DatasetSchema,
        checks: &Checks,
        progress: Progress,
    ) -> Result<Checked> {
        let rules = rules_of(self.folder().root(), &checks.rules)?;
        check_accepted(&rules, &checks.accept)?;
        let (path, wanted, listed) = (file.map(Path::to_path_buf), schema.clone(), checks.listed);
        let seen = progress.clone();
        let open = move || Reader::open(path.as_deref(), &mapping, &wanted, listed, &seen);
        let cut_off = || "the import was cut off".to_owned();
        let reader = tokio::task::spawn_blocking(open).await.or_storage(cut_off)??;
        let packing = reader.packing();
        let bound = RuleSet::bind(&rules.rules, schema, &packing.schema());
        let bound = bound.or_invalid(|| "the rules do not fit the dataflow".to_owned())?;
        let earlier = self.earlier_of(schema).await?.filter(|_| bound.uses(EARLIER_VALUE));
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let reading = tokio::task::spawn_blocking(move || reader.read(&sender));
        // Batches in order take little sorting; what cannot be put in order here is all the same.
        let rows = futures::stream::poll_fn(move |context| receiver.poll_recv(context))
            .map(|batch| sorted(&batch).unwrap_or(batch));
        let sorting = || "cannot sort the rows".to_owned();
        let merged = self.engine().sort(packing.packed_schema(), rows, KEY).await.or_storage(sorting)?;
        let mut merged = in_a_task(merged);
        // The first sorted row is there when the last one is read.
        let mut next = merged.recv().await;
        let reading = reading.await.or_storage(cut_off)?;
        // The reader is cut off where sorting fails, and cannot say why.
        if let Some(Err(failure)) = next {
            return Err(failure).or_storage(sorting);
        }
        let reading = reading?;
        progress.check(reading.rows - reading.left_out);
        let mut pass = SortedPass::new(self, schema, packing, &rules, bound, earlier, &reading, listed);
        let (sender, receiver) = mpsc::channel(WAITING);
        let (dir, wanted) = (self.workspace().to_path_buf(), schema.clone());
        let writing = tokio::task::spawn_blocking(move || write(&dir, &wanted, receiver));
        let mut whole = false;
        while !whole {
            let checked = match next {
                Some(batch) => {
                    let batch = batch.or_storage(sorting)?;
                    progress.pass(batch.num_rows());
                    tokio::task::block_in_place(|| pass.look(&batch))?
                }
                None => {
                    whole = true;
                    tokio::task::block_in_place(|| pass.end())?
                }
            };
            for batch in checked {
                // What is not staged need not be written. A writer that has ended says why itself.
                whole |= reading.problems.errors() + pass.problems.errors() == 0 && sender.send(batch).await.is_err();
            }
            next = if whole { None } else { merged.recv().await };
        }
        drop(sender);
        let staged = writing.await.or_storage(cut_off)??;
        let problems = tokio::task::block_in_place(|| pass.finish(reading.problems, &staged, reading.rows, listed))?;
        let findings = Findings::new(super::name_of(file), reading.rows, problems, &checks.accept);
        let (rows, left_out) = (reading.rows - reading.left_out, reading.left_out);
        Ok(Checked { staged, rows, left_out, found: reading.found, findings })
    }

    /// The release of this member in force, beside which new figures are put.
    pub(crate) async fn earlier_of(&self, schema: &DatasetSchema) -> Result<Option<Earlier>> {
        let Some(path) = self.in_force_file(&schema.dataflow.to_string()).await? else { return Ok(None) };
        Earlier::open(&path, schema).or_storage(|| "cannot read the release in force".to_owned())
    }
}

/// The batches of a stream that is worked off beside whoever takes them, and no longer than that.
fn in_a_task(mut stream: QueryStream) -> mpsc::Receiver<std::result::Result<RecordBatch, QueryFailure>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some(batch) = stream.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    });
    receiver
}

fn write(dir: &Path, schema: &DatasetSchema, mut batches: mpsc::Receiver<RecordBatch>) -> Result<TempPath> {
    let writing = || format!("cannot write the stage in `{}`", dir.display());
    let mut out = NamedTempFile::new_in(dir).map_err(|e| Error::file("create a file in", dir, e))?;
    let mut writer = ArtefactWriter::without_statistics(out.as_file_mut(), schema).or_storage(writing)?;
    while let Some(batch) = batches.blocking_recv() {
        writer.write(&batch).or_storage(writing)?;
    }
    writer.finish().or_storage(writing)?;
    Ok(out.into_temp_path())
}

/// What is looked for while sorted rows pass by.
struct SortedPass {
    packing: Packing,
    keys: usize,
    headings: HashMap<String, String>,
    repeated: Repeated,
    /// Where the mapping sums rows of one key.
    summing: Option<Summing>,
    rules: RuleSet,
    beside: Beside,
    totals: Option<Totals>,
    problems: Problems,
}

impl SortedPass {
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own of one call")]
    fn new(
        node: &Node,
        schema: &DatasetSchema,
        packing: Packing,
        rules: &Rules,
        bound: RuleSet,
        earlier: Option<Earlier>,
        reading: &Reading,
        listed: usize,
    ) -> Self {
        let column = reading.headings.get(&schema.measure.id).map_or("", String::as_str);
        let met = |component: &str| reading.codes.get(component).cloned();
        Self {
            summing: reading.sums.then(|| Summing::new(schema, packing.schema(), listed)),
            totals: Totals::new(schema, node.structures(), &rules.totals, met, column, listed),
            packing,
            keys: schema.measure_index(),
            headings: reading.headings.clone(),
            repeated: Repeated::default(),
            rules: bound,
            beside: Beside::new(schema, earlier),
            problems: Problems::new(listed),
        }
    }

    /// Checks sorted packed rows; those that are whole are returned as the dataflow has them.
    fn look(&mut self, packed: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let failed = || "cannot check the rows".to_owned();
        let batch = self.packing.unpack(packed).or_storage(failed)?;
        if let Some(summing) = &mut self.summing {
            let sums = summing.push(&batch).or_storage(|| "cannot sum the rows".to_owned())?;
            return sums.iter().map(|sums| self.check(sums)).collect();
        }
        for (row, before) in self.repeated.look(packed) {
            let problem = self.repetition(&batch, row, before)?;
            self.problems.note(problem);
        }
        Ok(vec![self.check(&batch)?])
    }

    /// Checks the last sum.
    fn end(&mut self) -> Result<Vec<RecordBatch>> {
        let Some(mut summing) = self.summing.take() else { return Ok(Vec::new()) };
        let last = summing.finish().or_storage(|| "cannot sum the rows".to_owned())?;
        self.problems.append(summing.problems);
        last.iter().map(|sum| self.check(sum)).collect()
    }

    /// Checks rows of which each key is there once.
    fn check(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let failed = || "cannot check the rows".to_owned();
        if let Some(totals) = &mut self.totals {
            totals.look(batch).or_storage(failed)?;
        }
        if self.rules.uses(EARLIER_VALUE) || self.rules.uses(PRIOR_VALUE) {
            let batch = self.beside.add(batch).or_storage(failed)?;
            self.rules.check(&batch, &self.headings, &mut self.problems).or_storage(failed)?;
        } else if !self.rules.is_empty() {
            self.rules.check(batch, &self.headings, &mut self.problems).or_storage(failed)?;
        }
        let columns: Vec<usize> = (0..batch.num_columns() - 1).collect();
        batch.project(&columns).or_storage(failed)
    }

    fn repetition(&self, batch: &RecordBatch, row: usize, before: u64) -> Result<Problem> {
        let failed = || "cannot check the rows".to_owned();
        let one = batch.slice(row, 1);
        let text = |index: usize| {
            let text = cast(one.column(index), &DataType::Utf8).or_storage(failed)?;
            Ok(text.as_string::<i32>().value(0).to_owned())
        };
        let key = (0..self.keys).map(text).collect::<Result<Vec<_>>>()?;
        let line = one.column(one.num_columns() - 1).as_primitive::<Int64Type>().value(0);
        Ok(Problem {
            row: line.unsigned_abs(),
            column: String::new(),
            component: "key".to_owned(),
            value: key.join("."),
            expected: format!("a key that line {before} does not have already"),
            nearest: None,
            kind: ProblemKind::DuplicateKey,
        })
    }

    /// Ends the pass; totals that were too many for memory are looked at in the figures `staged`.
    fn finish(self, mut problems: Problems, staged: &Path, rows: u64, listed: usize) -> Result<Problems> {
        let failed = || "cannot check the totals".to_owned();
        problems.append(self.problems);
        let Some(totals) = self.totals else { return Ok(problems) };
        let (found, slices) = totals.finish();
        problems.append(found);
        // Only figures without errors are written.
        let slices = slices.filter(|_| problems.errors() == 0);
        for mut totals in slices.into_iter().flat_map(|slices| slices.passes(rows, listed)) {
            for batch in artefact::read(staged).or_storage(failed)? {
                totals.look(&batch.or_storage(failed)?).or_storage(failed)?;
            }
            problems.append(totals.finish().0);
        }
        Ok(problems)
    }
}
