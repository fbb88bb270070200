//! Perturbation of a table: every count that the rules concern gets noise or is rounded, and none is withheld.
//!
//! What a method draws depends on the cell's place and the node's secret alone, so it is the same in every release (differential privacy
//! excepted, which spends anew each time). The comment of a figure that the rules concern goes, changed or not: it could tell the true one,
//! and its absence which figures changed.

mod rules;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::DatasetSchema;

pub use rules::{Perturbation, PrivacyRules};

use super::cell_key::Secret;
use super::privacy::PrivateCounts;
use super::ptable::Ptable;
use super::{Profile, Protection, ProtectionError, Report, rounding};

/// Counts from here on are no longer exact in a float.
const MAX_COUNT: f64 = (1u64 << 53) as f64;

/// How counts are changed.
enum Method {
    CellKey(Ptable),
    Conventional(u64),
    Random(u64),
    Private(PrivateCounts),
}

/// Changes each count for itself.
pub(super) struct Perturbed {
    profile: Profile,
    schema: DatasetSchema,
    secret: Secret,
    method: Method,
    report: Report,
}

/// The columns that matter.
struct Table<'a> {
    /// The dimensions, then time.
    keys: Vec<&'a StringArray>,
    values: &'a Float64Array,
    unit: Option<&'a StringArray>,
}

impl Perturbed {
    pub(super) fn new(
        profile: &Profile,
        rules: &Perturbation,
        schema: &DatasetSchema,
        secret: &Secret,
    ) -> Result<Self, ProtectionError> {
        let wrong = |reason: String| ProtectionError::Rules { profile: profile.name.clone(), reason };
        rules.check(profile).map_err(wrong)?;
        let method = match rules {
            Perturbation::CellKey(rules) => Method::CellKey(Ptable::solve(rules).map_err(|e| wrong(e.to_string()))?),
            Perturbation::ConventionalRounding { base } => Method::Conventional(*base),
            Perturbation::RandomRounding { base } => Method::Random(*base),
            Perturbation::Privacy(rules) => Method::Private(rules.mechanism().map_err(|e| wrong(e.to_string()))?),
        };
        let report = Report {
            profile: profile.name.clone(),
            rules: vec![rules.in_words()],
            guarantee: rules.guarantee(),
            loss: match &method {
                Method::CellKey(table) => rules::loss_of_noise(table),
                Method::Conventional(base) => rules::loss_of_rounding(*base, false),
                Method::Random(base) => rules::loss_of_rounding(*base, true),
                Method::Private(counts) => rules::loss_of_privacy(counts),
            },
            ..Report::default()
        };
        Ok(Self { profile: profile.clone(), schema: schema.clone(), secret: secret.clone(), method, report })
    }

    fn table<'a>(&self, batch: &'a RecordBatch) -> Result<Table<'a>, ProtectionError> {
        let text = |id: &str| {
            let column = batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>());
            column.ok_or_else(|| ProtectionError::Column(id.to_owned()))
        };
        let measure = &self.schema.measure.id;
        let values = batch.column_by_name(measure).and_then(|c| c.as_primitive_opt::<Float64Type>());
        let keys = self.schema.dimensions.iter().chain([&self.schema.time]).map(|c| text(&c.id));
        Ok(Table {
            keys: keys.collect::<Result<_, _>>()?,
            values: values.ok_or_else(|| ProtectionError::Column(measure.clone()))?,
            unit: self.schema.component("UNIT_MEASURE").map(|c| text(&c.id)).transpose()?,
        })
    }

    /// Whether the rules concern the cell.
    fn subject(&self, table: &Table<'_>, row: usize) -> bool {
        let unit = table.unit.filter(|u| !u.is_null(row)).map(|u| u.value(row));
        let exempt = unit.is_some_and(|unit| self.profile.exempt_units.iter().any(|exempt| exempt == unit));
        let detailed = |id: &String| {
            self.schema.dimension_index(id).and_then(|i| table.keys.get(i)).is_some_and(|k| k.value(row) != "_T")
        };
        let protected = &self.profile.protected_dimensions;
        !exempt && (protected.is_empty() || protected.iter().any(detailed))
    }

    /// The count in a row that the rules concern; none if there is no figure or they do not.
    fn count(&self, table: &Table<'_>, row: usize) -> Result<Option<u64>, ProtectionError> {
        if table.values.is_null(row) || !self.subject(table, row) {
            return Ok(None);
        }
        let value = table.values.value(row);
        if value.fract() != 0.0 || !(0.0..MAX_COUNT).contains(&value) {
            return Err(ProtectionError::NoCount(self.schema.measure.id.clone()));
        }
        Ok(Some(value as u64))
    }

    /// What becomes of the counts in these rows.
    fn perturb(&self, table: &Table<'_>, rows: &[(usize, u64)]) -> Result<Vec<u64>, ProtectionError> {
        let key = |(row, count): &(usize, u64)| {
            let place = table.keys.iter().map(|k| k.value(*row));
            self.secret.place_key(&self.schema.dataflow.id, place, *count).value()
        };
        Ok(match &self.method {
            Method::CellKey(ptable) => rows.iter().map(|cell| ptable.perturb(cell.1, key(cell))).collect(),
            Method::Conventional(base) => rows.iter().map(|(_, c)| rounding::conventional(*c, *base)).collect(),
            Method::Random(base) => rows.iter().map(|cell| rounding::random(cell.1, *base, key(cell))).collect(),
            Method::Private(mechanism) => {
                let counts: Vec<u64> = rows.iter().map(|(_, count)| *count).collect();
                let private = mechanism.perturb(&counts);
                private
                    .map_err(|e| ProtectionError::Rules { profile: self.profile.name.clone(), reason: e.to_string() })?
            }
        })
    }
}

impl Protection for Perturbed {
    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError> {
        // Looked at first, so that a table with a figure that is no count spends nothing.
        let table = self.table(batch)?;
        (0..batch.num_rows()).try_for_each(|row| self.count(&table, row).map(|_| ()))
    }

    fn decide(&mut self) -> Result<(), ProtectionError> {
        Ok(())
    }

    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError> {
        let table = self.table(batch)?;
        let mut rows = Vec::new();
        for row in 0..batch.num_rows() {
            if let Some(count) = self.count(&table, row)? {
                rows.push((row, count));
            }
        }
        let perturbed = self.perturb(&table, &rows)?;
        let mut values: Vec<Option<f64>> = table.values.iter().collect();
        let mut touched = vec![false; batch.num_rows()];
        for ((row, _), count) in rows.iter().zip(perturbed) {
            if let (Some(value), Some(mark)) = (values.get_mut(*row), touched.get_mut(*row)) {
                (*value, *mark) = (Some(count as f64), true);
            }
        }
        self.report.cells += batch.num_rows() as u64;
        self.report.missing += table.values.null_count() as u64;
        self.report.published += (batch.num_rows() - table.values.null_count()) as u64;
        self.report.perturbed += rows.len() as u64;
        rewritten(batch, &self.schema.measure.id, Arc::new(Float64Array::from(values)), &touched)
    }

    fn report(&self) -> Report {
        let mut report = self.report.clone();
        let share = if report.cells == 0 { 100.0 } else { report.published as f64 * 100.0 / report.cells as f64 };
        report.published_percent = format!("{share:.1}");
        report
    }
}

/// The batch with other figures; those touched lose their comment.
fn rewritten(
    batch: &RecordBatch,
    measure: &str,
    values: ArrayRef,
    touched: &[bool],
) -> Result<RecordBatch, ProtectionError> {
    let comment = batch.column_by_name("COMMENT").and_then(|c| c.as_string_opt::<i32>()).map(|old| {
        let kept = touched.iter().zip(old).map(|(touched, text)| text.filter(|_| !touched));
        Arc::new(kept.collect::<StringArray>()) as ArrayRef
    });
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field.name().as_str() {
        name if name == measure => values.clone(),
        "COMMENT" => comment.clone().unwrap_or_else(|| column.clone()),
        _ => column.clone(),
    });
    let columns: Vec<ArrayRef> = columns.collect();
    RecordBatch::try_new(schema.clone(), columns).map_err(|e| ProtectionError::Column(e.to_string()))
}

#[cfg(test)]
mod tests;
