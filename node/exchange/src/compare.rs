//! Compare: what new figures would change of this member's release in force.

mod years;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use chancery_query::artefact;
use chancery_query::earlier::{Change, Earlier};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mapping::Mapping;
use chancery_schema::structure::Structures;
use serde::Serialize;

use crate::approve::Stage;
use crate::disclose::Disclosing;
use crate::error::{Doing as _, Error, Result};
use crate::import::{Checks, Findings, Progress, all_of};
use crate::node::Node;

pub use years::YearTotals;

/// Revisions listed.
const LISTED: usize = 20;

/// What would change.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The release in force; none if there is none whose keys can be compared.
    pub release: Option<String>,
    /// Observations that the release does not have.
    pub new: u64,
    /// Observations with another figure.
    pub revised: u64,
    /// Observations with the same figure.
    pub unchanged: u64,
    /// Observations that only the release has.
    pub gone: u64,
    /// The revisions with the largest differences, largest first.
    pub largest: Vec<Revision>,
    /// By year.
    pub years: Vec<YearTotals>,
}

/// One figure that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Revision {
    /// Codes of the dimensions, then the period, separated by dots.
    pub key: String,
    /// The figure in force.
    pub before: Option<f64>,
    /// The new figure.
    pub after: Option<f64>,
}

impl Revision {
    fn size(&self) -> f64 {
        (self.after.unwrap_or(0.0) - self.before.unwrap_or(0.0)).abs()
    }
}

#[derive(Default)]
struct Tally {
    comparison: Comparison,
}

impl Tally {
    fn tell(&mut self, key: &[&str], change: Change) {
        let (before, after) = match change {
            Change::New(after) => (None, Some(after)),
            Change::Gone(before) => (Some(before), None),
            Change::Both(before, after) => (Some(before), Some(after)),
        };
        match (before, after) {
            (None, _) => self.comparison.new += 1,
            (_, None) => self.comparison.gone += 1,
            (Some(before), Some(after)) if before == after => self.comparison.unchanged += 1,
            (Some(before), Some(after)) => {
                self.comparison.revised += 1;
                self.comparison.largest.push(Revision { key: key.join("."), before, after });
                if self.comparison.largest.len() >= LISTED * 8 {
                    self.keep_largest();
                }
            }
        }
    }

    fn keep_largest(&mut self) {
        let largest = &mut self.comparison.largest;
        largest.sort_by(|a, b| b.size().total_cmp(&a.size()).then_with(|| a.key.cmp(&b.key)));
        largest.truncate(LISTED);
    }

    fn finish(mut self, release: Option<String>, years: Vec<YearTotals>) -> Comparison {
        self.keep_largest();
        Comparison { release, years, ..self.comparison }
    }
}

/// The release in force.
struct InForce {
    id: String,
    file: PathBuf,
}

fn compare(
    path: &Path,
    schema: &DatasetSchema,
    structures: &Structures,
    in_force: Option<InForce>,
) -> Result<Comparison> {
    let failed = || "cannot compare the figures".to_owned();
    let mut tally = Tally::default();
    let opened = in_force.as_ref().map(|release| Earlier::open(&release.file, schema)).transpose();
    let mut earlier = opened.or_storage(|| "cannot read the release in force".to_owned())?.flatten();
    // A release of other dimensions has no figure to compare with.
    let release = in_force.filter(|_| earlier.is_some());
    for batch in artefact::read(path).or_storage(failed)? {
        let batch = batch.or_storage(failed)?;
        match &mut earlier {
            Some(earlier) => earlier.pass(&batch, |_, key, change| tally.tell(key, change)).or_storage(failed)?,
            None => each_new(&batch, schema.measure_index(), &mut tally),
        }
    }
    if let Some(earlier) = earlier {
        earlier.finish(|_, key, change| tally.tell(key, change)).or_storage(failed)?;
    }
    let years = years::years(release.as_ref().map(|release| release.file.as_path()), path, schema, structures)?;
    Ok(tally.finish(release.map(|release| release.id), years))
}

fn each_new(batch: &RecordBatch, measure: usize, tally: &mut Tally) {
    use arrow::array::{Array as _, AsArray as _};
    let columns: Vec<_> = batch.columns().iter().take(measure).map(|column| column.as_string::<i32>()).collect();
    let values = batch.column(measure).as_primitive::<arrow::datatypes::Float64Type>();
    for row in 0..batch.num_rows() {
        let key: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
        tally.tell(&key, Change::New(values.is_valid(row).then(|| values.value(row))));
    }
}

impl Node {
    /// What publishing a stage would change.
    pub async fn compare_stage(&self, stage: &Stage) -> Result<Comparison> {
        let schema = self.dataset_schema(&stage.intent.dataflow)?;
        self.compare(&schema, &self.candidate_path(&stage.id)).await
    }

    /// What publishing a file would change, after disclosure control. Nothing is staged. Warnings are only told.
    pub async fn compare_file(
        &self,
        file: Option<&Path>,
        mapping: &str,
        checks: &Checks,
        progress: Progress,
    ) -> Result<(Findings, Comparison)> {
        let mapping = Mapping::parse(mapping).map_err(|errors| all_of("the mapping file is wrong", &errors))?;
        let schema = self.dataset_schema(&mapping.dataflow)?;
        let checked = self.check_file(file, mapping, &schema, checks, progress.clone()).await?;
        if checked.findings.errors() > 0 {
            return Err(Error::Problems(Box::new(checked.findings)));
        }
        progress.filter();
        let disclosed = self.disclose(&schema, checked.staged.to_path_buf(), Disclosing::default()).await?;
        let comparison = self.compare(&schema, &disclosed.candidate).await?;
        Ok((checked.findings, comparison))
    }

    async fn compare(&self, schema: &DatasetSchema, path: &Path) -> Result<Comparison> {
        let dataflow = schema.dataflow.to_string();
        let (id, file) = (self.in_force(&dataflow).await?, self.in_force_file(&dataflow).await?);
        let in_force = id.zip(file).map(|(id, file)| InForce { id, file });
        let (path, schema, node) = (path.to_path_buf(), schema.clone(), self.clone());
        let work = move || compare(&path, &schema, node.structures(), in_force);
        tokio::task::spawn_blocking(work).await.or_storage(|| "the comparison was cut off".to_owned())?
    }
}
