//! Compare: what new figures would change of this member's release in force.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use chancery_query::artefact;
use chancery_query::earlier::{Change, Earlier};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mapping::Mapping;
use serde::Serialize;

use crate::approve::Stage;
use crate::error::{Doing as _, Error, Result};
use crate::import::{Checks, Findings, Progress, all_of};
use crate::node::Node;

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

/// A year's observations and the sum of their figures, totals and parts alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct YearTotals {
    /// The year.
    pub year: String,
    /// Observations of the release in force.
    pub rows_before: u64,
    /// Observations now.
    pub rows_after: u64,
    /// Their sum in the release in force.
    pub before: f64,
    /// Their sum now.
    pub after: f64,
}

#[derive(Default)]
struct Tally {
    comparison: Comparison,
    years: BTreeMap<String, YearTotals>,
}

impl Tally {
    fn tell(&mut self, key: &[&str], change: Change) {
        let period = key.last().copied().unwrap_or("");
        let year = period.get(..4).unwrap_or(period);
        if !self.years.contains_key(year) {
            self.years.insert(year.to_owned(), YearTotals { year: year.to_owned(), ..YearTotals::default() });
        }
        let (before, after) = match change {
            Change::New(after) => (None, Some(after)),
            Change::Gone(before) => (Some(before), None),
            Change::Both(before, after) => (Some(before), Some(after)),
        };
        if let Some(totals) = self.years.get_mut(year) {
            totals.rows_before += u64::from(before.is_some());
            totals.rows_after += u64::from(after.is_some());
            totals.before += before.flatten().unwrap_or(0.0);
            totals.after += after.flatten().unwrap_or(0.0);
        }
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

    fn finish(mut self, release: Option<String>) -> Comparison {
        self.keep_largest();
        Comparison { release, years: self.years.into_values().collect(), ..self.comparison }
    }
}

fn compare(path: &Path, measure: usize, mut earlier: Option<Earlier>, release: Option<String>) -> Result<Comparison> {
    let failed = || "cannot compare the figures".to_owned();
    let mut tally = Tally::default();
    for batch in artefact::read(path).or_storage(failed)? {
        let batch = batch.or_storage(failed)?;
        match &mut earlier {
            Some(earlier) => earlier.pass(&batch, |_, key, change| tally.tell(key, change)).or_storage(failed)?,
            None => each_new(&batch, measure, &mut tally),
        }
    }
    let release = release.filter(|_| earlier.is_some());
    if let Some(earlier) = earlier {
        earlier.finish(|_, key, change| tally.tell(key, change)).or_storage(failed)?;
    }
    Ok(tally.finish(release))
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
        let checked = self.check_file(file, mapping, &schema, checks, progress).await?;
        if checked.findings.errors() > 0 {
            return Err(Error::Problems(Box::new(checked.findings)));
        }
        let disclosed = self.disclose(&schema, checked.staged.to_path_buf(), None).await?;
        let comparison = self.compare(&schema, &disclosed.candidate).await?;
        Ok((checked.findings, comparison))
    }

    async fn compare(&self, schema: &DatasetSchema, path: &Path) -> Result<Comparison> {
        let release = self.in_force(&schema.dataflow.to_string()).await?;
        let earlier = self.earlier_of(schema).await?;
        let (path, measure) = (path.to_path_buf(), schema.measure_index());
        let work = move || compare(&path, measure, earlier, release);
        tokio::task::spawn_blocking(work).await.or_storage(|| "the comparison was cut off".to_owned())?
    }
}
