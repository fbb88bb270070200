//! Perturbation of a table: every count that the rules concern gets noise or is rounded, and none is withheld.
//!
//! What a method draws depends on the cell's place and the node's secret alone, so it is the same in every release (differential privacy
//! excepted, which spends anew each time, and controlled rounding, which looks at all figures together). The comment of a figure that the rules concern goes, changed or not: it could tell the true one,
//! and its absence which figures changed.
//!
//! What an earlier release withheld would be found from a count near to one that protected it: such a year is refused.

mod controlled;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;

pub use rules::{Perturbation, PrivacyRules};

use super::cell_key::Secret;
use super::privacy::PrivateCounts;
use super::ptable::Ptable;
use super::withholding::CONFIDENTIAL;
use super::{Beside, Profile, Protection, ProtectionError, Report, rounding};

/// Counts from here on are no longer exact in a float.
const MAX_COUNT: f64 = (1u64 << 53) as f64;

/// How counts are changed.
enum Method {
    CellKey(Ptable),
    Conventional(u64),
    Random(u64),
    Private(PrivateCounts),
}

/// Which figures are changed: the counts that the rules concern.
struct Scope {
    profile: Profile,
    schema: DatasetSchema,
    /// Years of which an earlier release withheld figures, and which one.
    withheld: BTreeMap<String, String>,
}

/// Changes each count for itself.
struct Perturbed {
    scope: Scope,
    secret: Secret,
    method: Method,
    report: Report,
}

/// The columns that matter.
struct Columns<'a> {
    /// The dimensions, then time.
    keys: Vec<&'a StringArray>,
    values: &'a Float64Array,
    unit: Option<&'a StringArray>,
}

impl Columns<'_> {
    fn year(&self, row: usize) -> &str {
        let period = self.keys.last().map_or("", |time| time.value(row));
        period.get(..4).unwrap_or(period)
    }
}

/// The protection that changes counts as `rules` say.
pub(super) fn protection(
    profile: &Profile,
    rules: &Perturbation,
    schema: &DatasetSchema,
    structures: &Structures,
    secret: &Secret,
) -> Result<Box<dyn Protection + Send>, ProtectionError> {
    let wrong = |reason: String| ProtectionError::Rules { profile: profile.name.clone(), reason };
    rules.check(profile).map_err(wrong)?;
    let (method, loss) = match rules {
        Perturbation::CellKey(rules) => {
            let table = Ptable::solve(rules).map_err(|e| wrong(e.to_string()))?;
            let loss = rules::loss_of_noise(&table);
            (Method::CellKey(table), loss)
        }
        Perturbation::ConventionalRounding { base } => {
            (Method::Conventional(*base), rules::loss_of_rounding(*base, false))
        }
        Perturbation::RandomRounding { base } => (Method::Random(*base), rules::loss_of_rounding(*base, true)),
        Perturbation::ControlledRounding { base, which } => {
            let controlled = controlled::Controlled::new(profile, (*base, *which), schema, structures, secret);
            return Ok(Box::new(controlled.with_report(rules)));
        }
        Perturbation::Privacy(rules) => {
            let counts = rules.mechanism().map_err(|e| wrong(e.to_string()))?;
            (Method::Private(counts), rules::loss_of_privacy(&counts))
        }
    };
    let report = Report { loss, ..rules.report(profile) };
    let scope = Scope::new(profile, schema);
    Ok(Box::new(Perturbed { scope, secret: secret.clone(), method, report }))
}

impl Scope {
    fn new(profile: &Profile, schema: &DatasetSchema) -> Self {
        Self { profile: profile.clone(), schema: schema.clone(), withheld: BTreeMap::new() }
    }

    /// Notes what an earlier release withheld.
    fn beside(&mut self, name: &str, kind: Beside, batch: &RecordBatch) -> Result<(), ProtectionError> {
        if kind == Beside::Mirror {
            return Ok(());
        }
        let columns = self.columns(batch)?;
        let marks = batch.column_by_name("CONF_STATUS").and_then(|c| c.as_string_opt::<i32>());
        let free = |row: usize| marks.is_some_and(|marks| marks.is_valid(row) && marks.value(row) != CONFIDENTIAL);
        let withheld = (0..batch.num_rows()).filter(|row| columns.values.is_null(*row) && !free(*row));
        let years: BTreeSet<String> = withheld.map(|row| columns.year(row).to_owned()).collect();
        for year in years {
            self.withheld.entry(year).or_insert_with(|| name.to_owned());
        }
        Ok(())
    }

    fn columns<'a>(&self, batch: &'a RecordBatch) -> Result<Columns<'a>, ProtectionError> {
        let text = |id: &str| {
            let column = batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>());
            column.ok_or_else(|| ProtectionError::Column(id.to_owned()))
        };
        let measure = &self.schema.measure.id;
        let values = batch.column_by_name(measure).and_then(|c| c.as_primitive_opt::<Float64Type>());
        let keys = self.schema.dimensions.iter().chain([&self.schema.time]).map(|c| text(&c.id));
        Ok(Columns {
            keys: keys.collect::<Result<_, _>>()?,
            values: values.ok_or_else(|| ProtectionError::Column(measure.clone()))?,
            unit: self.schema.component("UNIT_MEASURE").map(|c| text(&c.id)).transpose()?,
        })
    }

    /// Whether the rules concern the cell.
    fn holds(&self, columns: &Columns<'_>, row: usize) -> bool {
        let unit = columns.unit.filter(|u| !u.is_null(row)).map(|u| u.value(row));
        let exempt = unit.is_some_and(|unit| self.profile.exempt_units.iter().any(|exempt| exempt == unit));
        let detailed = |id: &String| {
            self.schema.dimension_index(id).and_then(|i| columns.keys.get(i)).is_some_and(|k| k.value(row) != "_T")
        };
        let protected = &self.profile.protected_dimensions;
        !exempt && (protected.is_empty() || protected.iter().any(detailed))
    }

    /// The count in a row that the rules concern; none if there is no figure or they do not.
    fn count(&self, columns: &Columns<'_>, row: usize) -> Result<Option<u64>, ProtectionError> {
        if columns.values.is_null(row) || !self.holds(columns, row) {
            return Ok(None);
        }
        if let Some(by) = self.withheld.get(columns.year(row)) {
            return Err(ProtectionError::Withheld { by: by.clone(), year: columns.year(row).to_owned() });
        }
        let value = columns.values.value(row);
        if value.fract() != 0.0 || !(0.0..MAX_COUNT).contains(&value) {
            return Err(ProtectionError::NoCount(self.schema.measure.id.clone()));
        }
        Ok(Some(value as u64))
    }

    /// The batch with other counts in some rows, which lose their comment; the report counts them.
    fn rewritten(
        &self,
        batch: &RecordBatch,
        counts: impl IntoIterator<Item = (usize, u64)>,
        report: &mut Report,
    ) -> Result<RecordBatch, ProtectionError> {
        let old = self.columns(batch)?.values;
        let mut values: Vec<Option<f64>> = old.iter().collect();
        let mut touched = vec![false; batch.num_rows()];
        for (row, count) in counts {
            if let (Some(value), Some(mark)) = (values.get_mut(row), touched.get_mut(row)) {
                (*value, *mark) = (Some(count as f64), true);
            }
        }
        report.cells += batch.num_rows() as u64;
        report.missing += old.null_count() as u64;
        report.published += (batch.num_rows() - old.null_count()) as u64;
        report.perturbed += touched.iter().filter(|touched| **touched).count() as u64;
        rewritten(batch, &self.schema.measure.id, Arc::new(Float64Array::from(values)), &touched)
    }
}

impl Perturbed {
    /// What becomes of the counts in these rows.
    fn perturb(&self, columns: &Columns<'_>, rows: &[(usize, u64)]) -> Result<Vec<u64>, ProtectionError> {
        let key = |(row, count): &(usize, u64)| {
            let place = columns.keys.iter().map(|k| k.value(*row));
            self.secret.place_key(&self.scope.schema.dataflow.id, place, *count).value()
        };
        Ok(match &self.method {
            Method::CellKey(ptable) => rows.iter().map(|cell| ptable.perturb(cell.1, key(cell))).collect(),
            Method::Conventional(base) => rows.iter().map(|(_, c)| rounding::conventional(*c, *base)).collect(),
            Method::Random(base) => rows.iter().map(|cell| rounding::random(cell.1, *base, key(cell))).collect(),
            Method::Private(mechanism) => {
                let counts: Vec<u64> = rows.iter().map(|(_, count)| *count).collect();
                let private = mechanism.perturb(&counts);
                private.map_err(|e| ProtectionError::Rules {
                    profile: self.report.profile.clone(),
                    reason: e.to_string(),
                })?
            }
        })
    }
}

impl Protection for Perturbed {
    fn wants_earlier(&self) -> bool {
        true
    }

    fn beside(&mut self, name: &str, kind: Beside, batch: &RecordBatch) -> Result<(), ProtectionError> {
        self.scope.beside(name, kind, batch)
    }

    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError> {
        // Looked at first, so that a table with a figure that is no count spends nothing.
        let columns = self.scope.columns(batch)?;
        (0..batch.num_rows()).try_for_each(|row| self.scope.count(&columns, row).map(|_| ()))
    }

    fn decide(&mut self) -> Result<(), ProtectionError> {
        Ok(())
    }

    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError> {
        let columns = self.scope.columns(batch)?;
        let mut rows = Vec::new();
        for row in 0..batch.num_rows() {
            if let Some(count) = self.scope.count(&columns, row)? {
                rows.push((row, count));
            }
        }
        let perturbed = self.perturb(&columns, &rows)?;
        let counts = rows.iter().map(|(row, _)| *row).zip(perturbed);
        self.scope.rewritten(batch, counts, &mut self.report)
    }

    fn report(&self) -> Report {
        self.report.clone().with_share()
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
