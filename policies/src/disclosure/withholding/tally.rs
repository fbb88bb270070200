//! What is counted for the report while tables are protected and figures pass.

use std::collections::{BTreeMap, HashSet};

use arrow::array::StringArray;
use chancery_schema::dataset::DatasetSchema;

use super::Fate;
use crate::disclosure::Report;
use crate::disclosure::audit::Audit;
use crate::disclosure::report::{AuditSummary, Lost};
use crate::disclosure::tables::{Axis, Built, Known, TOTAL};

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows whose figure was public before.
    pub(super) public: HashSet<u32>,
    audit: AuditSummary,
    narrowest: Option<f64>,
    /// What protecting others costs, and what it would at least; none where that is not known of every table.
    cost: f64,
    least: Option<f64>,
    /// By axis: published totals with their parts, and what is missing of those.
    values: BTreeMap<usize, (f64, f64)>,
    /// By dimension: observations that are no totals, and withheld ones of them.
    cells: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    /// Enters a table that was looked at.
    pub(super) fn enter(&mut self, built: &Built, found: &Audit) {
        self.audit.tables += 1;
        self.audit.sensitive += found.sensitive as u64;
        self.audit.parts += found.parts as u64;
        self.audit.programs += found.programs;
        self.audit.insiders += found.insiders as u64;
        if let Some(narrowest) = found.narrowest {
            self.narrowest = Some(self.narrowest.unwrap_or(f64::INFINITY).min(narrowest));
        }
        let cells = &built.table.cells;
        for (axis, sum) in &built.axes {
            let sum = &built.table.sums[*sum as usize];
            let total = &cells[sum.total as usize];
            if total.state.withheld() || built.rows[sum.total as usize].is_none() {
                continue;
            }
            let published = sum.parts.iter().filter(|p| !cells[**p as usize].state.withheld());
            let known: f64 = published.map(|p| cells[*p as usize].value).sum();
            let entry = self.values.entry(*axis).or_default();
            entry.0 += total.value.abs();
            entry.1 += (total.value - known).abs();
        }
    }

    /// Enters what a table's figures cost that protect others, and what they would at least.
    pub(super) fn cost(&mut self, cost: f64, least: Option<f64>) {
        let known = if self.cost > 0.0 { self.least } else { Some(0.0) };
        let here = if cost > 0.0 { least } else { Some(0.0) };
        self.cost += cost;
        self.least = known.zip(here).map(|(known, here)| known + here);
    }

    /// Counts one row.
    pub(super) fn count(
        &mut self,
        report: &mut Report,
        schema: &DatasetSchema,
        keys: &[&StringArray],
        row: usize,
        fate: Fate,
    ) {
        match fate {
            Fate::Publish => {}
            Fate::Primary => report.suppressed_primary += 1,
            Fate::Secondary => report.suppressed_secondary += 1,
        }
        let withheld = fate != Fate::Publish;
        for (dimension, key) in schema.dimensions.iter().zip(keys) {
            let code = key.value(row);
            if code != TOTAL {
                if !self.cells.contains_key(&dimension.id) {
                    self.cells.insert(dimension.id.clone(), (0, 0));
                }
                if let Some(counts) = self.cells.get_mut(&dimension.id) {
                    counts.0 += 1;
                    counts.1 += u64::from(withheld);
                }
            }
            if withheld {
                let by = report.suppressed_by.entry(dimension.id.clone()).or_default();
                *by.entry(code.to_owned()).or_default() += 1;
            }
        }
    }

    /// Writes the counts into the report.
    pub(super) fn finish(&self, report: &mut Report, axes: &[Axis], known: &[Known]) {
        if report.suppressed_primary + report.suppressed_secondary == 0 {
            return;
        }
        let percent = |part: f64, of: f64| format!("{:.1}", if of > 0.0 { part * 100.0 / of } else { 0.0 });
        for (dimension, (cells, withheld)) in &self.cells {
            let axis = axes.iter().position(|axis| axis.id == *dimension);
            let value = axis.and_then(|axis| self.values.get(&axis));
            report.lost.insert(
                dimension.clone(),
                Lost {
                    cells_percent: percent(*withheld as f64, *cells as f64),
                    value_percent: value.map(|(total, missing)| percent(*missing, *total)),
                },
            );
        }
        if report.suppressed_secondary > 0 {
            report.above_least_percent = self.least.and_then(|least| above(self.cost, least));
        }
        let mut audit = self.audit.clone();
        audit.beside = known.iter().map(|known| known.name.clone()).collect();
        audit.narrowest = self.narrowest.map(coarse);
        report.audit = Some(audit);
    }
}

/// By how many per cent a cost is above another at most: whole ones, so that it gives nothing away. None where that says nothing: above 100.
fn above(cost: f64, least: f64) -> Option<String> {
    let percent = if least > 0.0 { (cost / least - 1.0) * 100.0 } else { f64::INFINITY };
    (percent <= 100.0).then(|| format!("{:.0}", (percent - 1e-6).max(0.0).ceil()))
}

/// A lower bound on a ratio, so coarse that it gives nothing away: the width that a figure needs can depend on the figure, and readers can work out the width it has.
fn coarse(ratio: f64) -> String {
    let steps = [10, 5, 2, 1, 0];
    steps.into_iter().find(|step| ratio >= f64::from(*step) - 1e-6).unwrap_or(0).to_string()
}
