//! Minimum frequency: small counts are suppressed, and where sums over sex and age would give one back, other cells with it.
//!
//! Keeps one byte for each row and the cells of one block at a time, so tables larger than memory pass; for that the batches must be
//! sorted by the dimensions in the data structure's order, as stages are.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::DatasetSchema;

use super::sums::{ADDITIVE, Block, Cell, Fate};
use super::{Profile, Protection, ProtectionError, Report, Zeros};

pub(super) struct MinimumFrequency {
    profile: Profile,
    schema: DatasetSchema,
    /// What becomes of each row.
    fates: Vec<Fate>,
    /// Place of the first additive dimension, which ends a block's key; none if sums are not looked at.
    block_end: Option<usize>,
    block_key: Vec<String>,
    block: Block,
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
        let rules = rules(&profile);
        let additive = schema.dimensions.iter().position(|d| ADDITIVE.contains(&d.id.as_str()));
        let block_end = additive.filter(|_| profile.secondary);
        let report = Report { profile: profile.name.clone(), rules, ..Report::default() };
        let (block_key, block) = (Vec::new(), Block::default());
        Self { profile, schema, fates: Vec::new(), block_end, block_key, block, applied: 0, report }
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

    /// Whether the cell counts something, rather than measuring money or the like.
    fn counts(&self, table: &Table<'_>, row: usize) -> bool {
        let exempt = |unit: &&StringArray| {
            !unit.is_null(row) && self.profile.exempt_units.iter().any(|exempt| exempt == unit.value(row))
        };
        !table.unit.as_ref().is_some_and(exempt)
    }

    /// Whether the rules concern the cell at all.
    fn subject(&self, table: &Table<'_>, row: usize) -> bool {
        let detailed = |id: &String| {
            self.schema.dimension_index(id).and_then(|i| table.keys.get(i)).is_some_and(|k| k.value(row) != "_T")
        };
        let protected = &self.profile.protected_dimensions;
        self.counts(table, row) && (protected.is_empty() || protected.iter().any(detailed))
    }

    fn fate(&self, value: Option<f64>) -> Fate {
        match value {
            Some(0.0) if self.profile.zeros == Zeros::Suppress => Fate::Primary,
            Some(v) if v > 0.0 && v < f64::from(self.profile.minimum_frequency) => Fate::Primary,
            _ => Fate::Publish,
        }
    }

    /// Enters the cell into its block; closes the one before if another begins.
    fn enter(&mut self, table: &Table<'_>, row: usize, cell: Cell, end: usize) -> Result<(), ProtectionError> {
        let key = || table.keys.iter().take(end).map(|k| k.value(row));
        if !key().eq(self.block_key.iter().map(String::as_str)) {
            if key().lt(self.block_key.iter().map(String::as_str)) {
                return Err(ProtectionError::Order);
            }
            self.close_block();
            self.block_key = key().map(str::to_owned).collect();
        }
        self.block.cells.push(cell);
        Ok(())
    }

    fn close_block(&mut self) {
        let mut block = std::mem::take(&mut self.block);
        let Some(end) = self.block_end else { return };
        let additive = self.schema.dimensions.iter().enumerate().skip(end);
        let additive = additive.filter(|(_, d)| ADDITIVE.contains(&d.id.as_str()));
        let axes: Vec<(usize, &str)> = additive.map(|(i, d)| (i - end, d.id.as_str())).collect();
        block.protect(&axes, f64::from(self.profile.minimum_frequency.max(1)));
        for cell in block.cells {
            if let Some(fate) = self.fates.get_mut(cell.row) {
                *fate = cell.fate;
            }
        }
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

/// The profile's rules, in words.
fn rules(profile: &Profile) -> Vec<String> {
    let mut rules = Vec::new();
    if profile.minimum_frequency > 1 {
        rules.push(format!("counts from 1 to {} are suppressed", profile.minimum_frequency - 1));
    }
    if profile.zeros == Zeros::Suppress {
        rules.push("counts of zero are suppressed".to_owned());
    }
    if profile.secondary && !rules.is_empty() {
        rules.push("where a sum over sex or age would give one back, the smallest other part is suppressed".to_owned());
    }
    if profile.rounding_base > 1 {
        rules.push(format!("counts are rounded to multiples of {}", profile.rounding_base));
    }
    rules
}

impl Protection for MinimumFrequency {
    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError> {
        let table = self.table(batch)?;
        for row in 0..batch.num_rows() {
            let value = (!table.values.is_null(row)).then(|| table.values.value(row));
            let fate = if self.subject(&table, row) { self.fate(value) } else { Fate::Publish };
            self.fates.push(fate);
            // A total is part of its sum also where the rules do not concern it itself.
            if let Some(end) = self.block_end.filter(|_| self.counts(&table, row)) {
                let key = table.keys.iter().skip(end).map(|k| k.value(row).into()).collect();
                self.enter(&table, row, Cell { row: self.fates.len() - 1, value, key, fate }, end)?;
            }
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), ProtectionError> {
        self.close_block();
        Ok(())
    }

    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError> {
        let table = self.table(batch)?;
        let mut values = Vec::with_capacity(batch.num_rows());
        let mut fates = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let fate = *self.fates.get(self.applied).ok_or(ProtectionError::Changed)?;
            self.applied += 1;
            self.count(&table, row, fate);
            let value = (!table.values.is_null(row)).then(|| table.values.value(row));
            let subject = self.subject(&table, row);
            let published = value.filter(|_| fate == Fate::Publish).map(|v| if subject { self.round(v) } else { v });
            self.report.cells += 1;
            self.report.missing += u64::from(value.is_none());
            self.report.published += u64::from(published.is_some());
            self.report.rounded += u64::from(published.is_some() && published != value);
            values.push(published);
            fates.push(fate);
        }
        let measure = (self.schema.measure.id.as_str(), Arc::new(Float64Array::from(values)) as ArrayRef);
        rewritten(batch, measure, &fates)
    }

    fn report(&self) -> Report {
        let mut report = self.report.clone();
        let share = if report.cells == 0 { 100.0 } else { report.published as f64 * 100.0 / report.cells as f64 };
        report.published_percent = format!("{share:.1}");
        report
    }
}

/// The batch with other figures; withheld ones are marked, and lose their comment, which could tell what is withheld.
fn rewritten(batch: &RecordBatch, measure: (&str, ArrayRef), fates: &[Fate]) -> Result<RecordBatch, ProtectionError> {
    let mut columns = batch.columns().to_vec();
    let mut replace = |id: &str, column: ArrayRef| {
        if let Ok(index) = batch.schema().index_of(id)
            && let Some(slot) = columns.get_mut(index)
        {
            *slot = column;
        }
    };
    replace(measure.0, measure.1);
    let marks = [
        ("OBS_STATUS", Some("Q"), Some("Q"), true),
        ("CONF_STATUS", Some("A"), Some("D"), true),
        ("COMMENT", None, None, false),
    ];
    for (id, primary, secondary, needed) in marks {
        let old = match batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>()) {
            Some(old) => old,
            None if needed => return Err(ProtectionError::Column(id.to_owned())),
            None => continue,
        };
        let marked = fates.iter().enumerate().map(|(row, fate)| match fate {
            Fate::Publish => (!old.is_null(row)).then(|| old.value(row)),
            Fate::Primary => primary,
            Fate::Secondary => secondary,
        });
        replace(id, Arc::new(marked.collect::<StringArray>()));
    }
    RecordBatch::try_new(batch.schema(), columns).map_err(|e| ProtectionError::Column(e.to_string()))
}

#[cfg(test)]
mod tests;
