//! Minimum frequency: small counts are suppressed, and where a published total would give one back, a second part with it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::DatasetSchema;

use super::{Profile, Protection, ProtectionError, Report, Zeros};

/// Dimensions over which a code `_T` is the sum of the others.
const ADDITIVE: [&str; 2] = ["SEX", "AGE"];

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Publish,
    /// CONF_STATUS `A`: a small count.
    Primary,
    /// CONF_STATUS `D`: protects another.
    Secondary,
}

/// What the first pass keeps of a cell.
struct Cell {
    value: Option<f64>,
    fate: Fate,
}

/// The parts and the total of one sum.
#[derive(Default)]
struct Sum {
    total: Option<usize>,
    parts: Vec<usize>,
}

pub(super) struct MinimumFrequency {
    profile: Profile,
    schema: DatasetSchema,
    cells: Vec<Cell>,
    sums: HashMap<(usize, Vec<String>), Sum>,
    applied: usize,
    report: Report,
}

struct Table<'a> {
    keys: Vec<&'a StringArray>,
    values: &'a Float64Array,
    unit: Option<&'a StringArray>,
}

impl MinimumFrequency {
    pub(super) fn new(profile: Profile, schema: DatasetSchema) -> Self {
        let mut rules = Vec::new();
        if profile.minimum_frequency > 1 {
            rules.push(format!("counts from 1 to {} are suppressed", profile.minimum_frequency - 1));
        }
        if profile.zeros == Zeros::Suppress {
            rules.push("counts of zero are suppressed".to_owned());
        }
        if profile.rounding_base > 1 {
            rules.push(format!("counts are rounded to multiples of {}", profile.rounding_base));
        }
        if profile.secondary && !rules.is_empty() {
            rules.push(
                "a lone suppressed part of a total over sex or age takes the smallest other part with it".to_owned(),
            );
        }
        let report = Report { profile: profile.name.clone(), rules, ..Report::default() };
        Self { profile, schema, cells: Vec::new(), sums: HashMap::new(), applied: 0, report }
    }

    fn table<'a>(&self, batch: &'a RecordBatch) -> Result<Table<'a>, ProtectionError> {
        let text = |id: &str| {
            let column = batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>());
            column.ok_or_else(|| ProtectionError::Column(id.to_owned()))
        };
        let measure = &self.schema.measure.id;
        let values = batch.column_by_name(measure).and_then(|c| c.as_primitive_opt::<Float64Type>());
        let keys =
            self.schema.dimensions.iter().chain([&self.schema.time]).map(|c| text(&c.id)).collect::<Result<_, _>>()?;
        let unit = self.schema.component("UNIT_MEASURE").map(|c| text(&c.id)).transpose()?;
        Ok(Table { keys, values: values.ok_or_else(|| ProtectionError::Column(measure.clone()))?, unit })
    }

    /// Whether the rules concern the cell at all.
    fn subject(&self, table: &Table<'_>, row: usize) -> bool {
        if table.unit.is_some_and(|unit| !unit.is_null(row) && unit.value(row) == "USD") {
            return false;
        }
        let detailed = |id: &String| {
            self.schema.dimension_index(id).and_then(|i| table.keys.get(i)).is_some_and(|k| k.value(row) != "_T")
        };
        self.profile.protected_dimensions.is_empty() || self.profile.protected_dimensions.iter().any(detailed)
    }

    fn fate(&self, value: Option<f64>) -> Fate {
        match value {
            Some(0.0) if self.profile.zeros == Zeros::Suppress => Fate::Primary,
            Some(v) if v > 0.0 && v < f64::from(self.profile.minimum_frequency) => Fate::Primary,
            _ => Fate::Publish,
        }
    }

    /// Remembers which sums the cell is part or total of.
    fn enter_sums(&mut self, table: &Table<'_>, row: usize, cell: usize) {
        let additive = self.schema.dimensions.iter().enumerate().filter(|(_, d)| ADDITIVE.contains(&d.id.as_str()));
        for (axis, _) in additive {
            let code = table.keys.get(axis).map_or("", |k| k.value(row)).to_owned();
            let mut others: Vec<String> = table.keys.iter().map(|k| k.value(row).to_owned()).collect();
            if let Some(own) = others.get_mut(axis) {
                own.clear();
            }
            let sum = self.sums.entry((axis, others)).or_default();
            if code == "_T" { sum.total = Some(cell) } else { sum.parts.push(cell) }
        }
    }

    /// Takes the smallest published part where exactly one part is withheld under a published total. True if any was taken.
    fn protect_lone_parts(&mut self) -> bool {
        let mut taken = false;
        for sum in self.sums.values() {
            let published = |i: &usize| self.cells.get(*i).is_some_and(|c| c.fate == Fate::Publish);
            let total_published = sum.total.as_ref().is_some_and(published);
            let withheld = sum.parts.iter().filter(|i| !published(i)).count();
            if !total_published || withheld != 1 {
                continue;
            }
            // Parts of zero protect nothing: everybody can guess them.
            let size = |i: &usize| self.cells.get(*i).and_then(|c| c.value).filter(|v| *v > 0.0);
            let smallest = sum.parts.iter().filter(|i| published(i) && size(i).is_some());
            let smallest =
                smallest.min_by(|a, b| size(a).unwrap_or(0.0).total_cmp(&size(b).unwrap_or(0.0)).then(a.cmp(b)));
            // With no other part to take, the total itself gives the part away.
            if let Some(cell) = smallest.or(sum.total.as_ref()).and_then(|i| self.cells.get_mut(*i)) {
                cell.fate = Fate::Secondary;
                taken = true;
            }
        }
        taken
    }

    fn round(&self, value: f64) -> f64 {
        let base = f64::from(self.profile.rounding_base);
        if base > 1.0 { (value / base).round() * base } else { value }
    }

    fn count(&mut self, table: &Table<'_>, row: usize, fate: Fate) {
        match fate {
            Fate::Publish => return,
            Fate::Primary => self.report.suppressed_primary += 1,
            Fate::Secondary => self.report.suppressed_secondary += 1,
        }
        for (dimension, key) in self.schema.dimensions.iter().zip(&table.keys) {
            let by = self.report.suppressed_by.entry(dimension.id.clone()).or_default();
            *by.entry(key.value(row).to_owned()).or_default() += 1;
        }
    }
}

impl Protection for MinimumFrequency {
    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError> {
        let table = self.table(batch)?;
        for row in 0..batch.num_rows() {
            let value = (!table.values.is_null(row)).then(|| table.values.value(row));
            let subject = self.subject(&table, row);
            let fate = if subject { self.fate(value) } else { Fate::Publish };
            self.cells.push(Cell { value, fate });
            if self.profile.secondary && subject {
                self.enter_sums(&table, row, self.cells.len() - 1);
            }
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), ProtectionError> {
        // Each round withholds at least one more cell, so this ends.
        while self.profile.secondary && self.protect_lone_parts() {}
        self.sums.clear();
        Ok(())
    }

    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError> {
        let table = self.table(batch)?;
        let mut values = Vec::with_capacity(batch.num_rows());
        let mut marks: Vec<Option<(&str, &str)>> = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let cell = self.cells.get(self.applied).ok_or(ProtectionError::Changed)?;
            let (value, fate) = (cell.value, cell.fate);
            let subject = self.subject(&table, row);
            self.applied += 1;
            self.count(&table, row, fate);
            let published = value.filter(|_| fate == Fate::Publish).map(|v| if subject { self.round(v) } else { v });
            self.report.cells += 1;
            self.report.missing += u64::from(value.is_none());
            self.report.published += u64::from(published.is_some());
            self.report.rounded += u64::from(published.is_some() && published != value);
            values.push(published);
            marks.push(match fate {
                Fate::Publish => None,
                Fate::Primary => Some(("Q", "A")),
                Fate::Secondary => Some(("Q", "D")),
            });
        }
        let mut columns = batch.columns().to_vec();
        let mut replace = |id: &str, column: ArrayRef| {
            if let Ok(index) = batch.schema().index_of(id)
                && let Some(slot) = columns.get_mut(index)
            {
                *slot = column;
            }
        };
        replace(&self.schema.measure.id, Arc::new(Float64Array::from(values)));
        for (id, pick) in [("OBS_STATUS", 0usize), ("CONF_STATUS", 1)] {
            let old = batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>());
            let old = old.ok_or_else(|| ProtectionError::Column(id.to_owned()))?;
            let marked = marks.iter().enumerate().map(|(row, mark)| match mark {
                Some((status, confidentiality)) => Some(if pick == 0 { *status } else { *confidentiality }),
                None => (!old.is_null(row)).then(|| old.value(row)),
            });
            replace(id, Arc::new(marked.collect::<StringArray>()));
        }
        RecordBatch::try_new(batch.schema(), columns).map_err(|e| ProtectionError::Column(e.to_string()))
    }

    fn report(&self) -> Report {
        let mut report = self.report.clone();
        let share = if report.cells == 0 { 100.0 } else { report.published as f64 * 100.0 / report.cells as f64 };
        report.published_percent = format!("{share:.1}");
        report
    }
}

#[cfg(test)]
mod tests {
    use super::super::{profile_text, protection};
    use super::*;

    fn table(rows: &[(&str, Option<f64>)]) -> (DatasetSchema, RecordBatch) {
        let structures = chancery_schema::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let columns = schema.components().map(|c| -> ArrayRef {
            let constant = |text: &str| Arc::new(StringArray::from(vec![text; rows.len()])) as ArrayRef;
            match c.id.as_str() {
                "SEX" => Arc::new(rows.iter().map(|(sex, _)| Some(*sex)).collect::<StringArray>()),
                "OBS_VALUE" => Arc::new(rows.iter().map(|(_, value)| *value).collect::<Float64Array>()),
                "TIME_PERIOD" => constant("2024-01"),
                "UNIT_MEASURE" => constant("PS"),
                "OBS_STATUS" => constant("A"),
                _ => constant("_T"),
            }
        });
        let columns = columns.collect();
        let batch = RecordBatch::try_new(schema.arrow_schema(), columns).unwrap();
        (schema, batch)
    }

    fn protect(profile: &str, rows: &[(&str, Option<f64>)]) -> (Vec<Option<f64>>, Vec<String>, Report) {
        let (schema, batch) = table(rows);
        let mut protection = protection(&Profile::parse(profile).unwrap(), &schema).unwrap();
        protection.observe(&batch).unwrap();
        protection.decide().unwrap();
        let out = protection.apply(&batch).unwrap();
        let values = out.column_by_name("OBS_VALUE").unwrap().as_primitive::<Float64Type>().iter().collect();
        let marks = out.column_by_name("CONF_STATUS").unwrap().as_string::<i32>();
        (values, marks.iter().map(|m| m.unwrap_or("").to_owned()).collect(), protection.report())
    }

    #[test]
    fn small_counts_go_and_cannot_be_found_by_subtraction() {
        let (values, marks, report) =
            protect(profile_text("RETURNS"), &[("F", Some(2.0)), ("M", Some(40.0)), ("_T", Some(42.0))]);
        assert_eq!(values, [None, None, Some(42.0)]);
        assert_eq!(marks, ["A", "D", "_T"]);
        assert_eq!((report.suppressed_primary, report.suppressed_secondary, report.published), (1, 1, 1));
    }

    #[test]
    fn two_withheld_parts_need_no_third_and_zeros_stay() {
        let rows = [("F", Some(2.0)), ("M", Some(1.0)), ("_U", Some(0.0)), ("_T", Some(3.0))];
        let (values, _, report) = protect(profile_text("RETURNS"), &rows);
        assert_eq!(values, [None, None, Some(0.0), Some(3.0)]);
        assert_eq!(report.suppressed_secondary, 0);
    }

    #[test]
    fn missing_stays_missing_and_rounding_is_counted() {
        let profile = "name = \"r\"\ndescription = \"\"\nrounding_base = 5\n";
        let (values, _, report) = protect(profile, &[("F", None), ("M", Some(12.0)), ("_T", Some(15.0))]);
        assert_eq!(values, [None, Some(10.0), Some(15.0)]);
        assert_eq!((report.missing, report.rounded, report.published), (1, 1, 2));
    }

    #[test]
    fn every_built_in_profile_is_readable() {
        let structures = chancery_schema::shared::structures().unwrap();
        for dataflow in &structures.dataflows {
            let schema = structures.dataset_schema(&dataflow.maintainable.reference()).unwrap();
            let profile = Profile::parse(profile_text(&dataflow.maintainable.id)).unwrap();
            protection(&profile, &schema).unwrap();
        }
        assert!(Profile::parse("name = \"x\"\ndescription = \"\"\nminimum_frequenzy = 3").is_err());
    }
}
