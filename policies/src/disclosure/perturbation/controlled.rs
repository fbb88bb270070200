//! Controlled rounding of a release: its finest figures are rounded, and every total is published as the sum of its own.
//!
//! The finest figures are those that are no total of others; where the parts of a total fall short of it, what is missing is one as well, though
//! nobody sees it. A total can add up in several ways: if those come down to the same finest figures all its sums hold afterwards, else one.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;

use super::{Perturbation, Scope, rules};
use crate::disclosure::cell_key::Secret;
use crate::disclosure::rounding::controlled::{RoundingError, Sums, Which, round};
use crate::disclosure::table::MAX_CELLS;
use crate::disclosure::tables::{self, Axis, Coders, Rows};
use crate::disclosure::{Beside, Profile, Protection, ProtectionError, Report};

/// Greatest number of places that finest figures have in the figures of one period or year: about a gigabyte.
const MAX_TERMS: usize = 1 << 26;

/// Rounds all counts of a release together.
pub(super) struct Controlled {
    scope: Scope,
    axes: Vec<Axis>,
    coders: Coders,
    rows: Rows,
    base: u64,
    which: Which,
    secret: Secret,
    /// By row: what is published; none where the rules do not concern it.
    rounded: Vec<Option<u64>>,
    applied: usize,
    report: Report,
}

/// A sum: a figure, and those that it adds up from.
type FigureSum = (u32, Vec<u32>);

/// The finest figures of a table, by number, and what each of its figures is the sum of.
struct Finest {
    counts: Vec<u64>,
    of: Vec<Vec<u32>>,
    /// Those that are what a total lacks.
    unseen: Vec<u32>,
}

impl Controlled {
    pub(super) fn new(
        profile: &Profile,
        (base, which): (u64, Which),
        schema: &DatasetSchema,
        structures: &Structures,
        secret: &Secret,
    ) -> Self {
        let width = schema.dimensions.len() + 1;
        Self {
            scope: Scope::new(profile, schema),
            axes: Axis::all(schema, structures, profile),
            coders: Coders::new(width),
            rows: Rows::new(width),
            base,
            which,
            secret: secret.clone(),
            rounded: Vec::new(),
            applied: 0,
            report: Report::default(),
        }
    }

    pub(super) fn with_report(self, rules: &Perturbation) -> Self {
        Self { report: rules.report(&self.scope.profile), ..self }
    }

    /// Rounds one table. How many of its sums do not hold.
    fn round(&mut self, name: &str, members: &[u32]) -> Result<usize, ProtectionError> {
        let count = |row: &u32| self.rows.values[*row as usize].map(|value| value as u64);
        let (rows, counts): (Vec<u32>, Vec<u64>) = members.iter().filter_map(|row| Some((*row, count(row)?))).unzip();
        let keys: Vec<&[u16]> = rows.iter().map(|row| self.rows.key(*row as usize)).collect();
        let mut found = Vec::new();
        tables::sums_of(&self.axes, &self.coders, &keys, |_, total, parts| found.push((total, parts)));
        let finest = Finest::of(&counts, &found)?;
        let seed = self.secret.place_key(&self.scope.schema.dataflow.id, ["controlled rounding", name], 0).value();
        let published = finest.round(self.base, self.which, seed).map_err(|e| self.wrong(&e))?;
        let sum = |cells: &[u32], of: &[u64]| cells.iter().map(|cell| of[*cell as usize]).sum::<u64>();
        let broken = |(total, parts): &&FigureSum| {
            counts[*total as usize] == sum(parts, &counts) && published[*total as usize] != sum(parts, &published)
        };
        let broken = found.iter().filter(broken).count();
        for (row, count) in rows.iter().zip(published) {
            self.rounded[*row as usize] = Some(count);
        }
        Ok(broken)
    }

    fn wrong(&self, error: &RoundingError) -> ProtectionError {
        ProtectionError::Rules { profile: self.report.profile.clone(), reason: error.to_string() }
    }
}

impl Finest {
    /// Those of some figures, between which there are these sums. Sums that exceed their total are none.
    fn of(counts: &[u64], sums: &[FigureSum]) -> Result<Self, ProtectionError> {
        // One that lacks nothing first, then the finest: of the same figures, any ends where it does.
        let mut adds_up: Vec<(bool, &[u32])> = vec![(false, &[]); counts.len()];
        for (total, parts) in sums {
            let (count, place) = (counts[*total as usize], &mut adds_up[*total as usize]);
            let sum: u64 = parts.iter().map(|part| counts[*part as usize]).sum();
            if sum <= count && (place.0, place.1.len()) < (sum == count, parts.len()) {
                *place = (sum == count, parts);
            }
        }
        let mut finest = Self { counts: Vec::new(), of: vec![Vec::new(); counts.len()], unseen: Vec::new() };
        let (mut terms, mut open) = (0, vec![false; counts.len()]);
        for cell in 0..counts.len() as u32 {
            let mut stack = vec![cell];
            while let Some(cell) = stack.last().copied() {
                let at = cell as usize;
                if !finest.of[at].is_empty() {
                    stack.pop();
                    continue;
                }
                let parts = adds_up[at].1;
                let waits: Vec<u32> =
                    parts.iter().copied().filter(|part| finest.of[*part as usize].is_empty()).collect();
                if !waits.is_empty() && !open[at] {
                    open[at] = true;
                    stack.extend(waits);
                    continue;
                }
                // Sums that go in a circle are none.
                let parts = if waits.is_empty() { parts } else { &[] };
                finest.enter(cell, parts, counts);
                terms += finest.of[at].len();
                if terms > MAX_TERMS {
                    return Err(ProtectionError::Great { what: "places in sums of one period", most: MAX_TERMS });
                }
                stack.pop();
            }
        }
        Ok(finest)
    }

    /// Enters what a figure is the sum of: its parts' finest, and what is missing to it.
    fn enter(&mut self, cell: u32, parts: &[u32], counts: &[u64]) {
        let below: BTreeSet<u32> = parts.iter().flat_map(|part| self.of[*part as usize].iter().copied()).collect();
        let sum: u64 = below.iter().map(|finest| self.counts[*finest as usize]).sum();
        let count = counts[cell as usize];
        let own = &mut self.of[cell as usize];
        if !parts.is_empty() && sum <= count {
            own.extend(below);
        }
        let number = self.counts.len() as u32;
        if own.is_empty() {
            own.push(number);
            self.counts.push(count);
        } else if sum < count {
            own.push(number);
            self.counts.push(count - sum);
            self.unseen.push(number);
        }
    }

    /// The figures, rounded.
    fn round(&self, base: u64, which: Which, seed: u64) -> Result<Vec<u64>, RoundingError> {
        let mut counted_in: Vec<Vec<usize>> = vec![Vec::new(); self.counts.len()];
        for (cell, finest) in self.of.iter().enumerate() {
            finest.iter().for_each(|finest| counted_in[*finest as usize].push(cell));
        }
        // Everybody can work out what a total lacks, so it must be no small count either.
        for (number, unseen) in self.unseen.iter().enumerate() {
            counted_in[*unseen as usize].push(self.of.len() + number);
        }
        let mut sums = Sums::default();
        counted_in.into_iter().for_each(|cells| sums.push(cells));
        let mut published = sums.add_up(&round(&self.counts, &sums, base, which, seed)?);
        published.truncate(self.of.len());
        Ok(published)
    }
}

impl Protection for Controlled {
    fn wants_earlier(&self) -> bool {
        true
    }

    fn beside(&mut self, name: &str, kind: Beside, batch: &RecordBatch) -> Result<(), ProtectionError> {
        self.scope.beside(name, kind, batch)
    }

    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError> {
        let columns = self.scope.columns(batch)?;
        if self.rows.len() + batch.num_rows() > MAX_CELLS {
            return Err(ProtectionError::Great { what: "observations", most: MAX_CELLS });
        }
        for row in 0..batch.num_rows() {
            let count = self.scope.count(&columns, row)?.map(|count| count as f64);
            self.rows.push(&mut self.coders, &columns.keys, row, count)?;
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), ProtectionError> {
        self.rounded = vec![None; self.rows.len()];
        let mut broken = 0;
        for (name, members) in tables::groups(&self.coders, &self.rows, tables::periods_nest(&self.coders)) {
            broken += self.round(&name, &members)?;
        }
        self.report.loss = rules::loss_of_controlled_rounding(self.base, broken);
        Ok(())
    }

    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError> {
        let rounded =
            self.rounded.get(self.applied..self.applied + batch.num_rows()).ok_or(ProtectionError::Changed)?;
        self.applied += batch.num_rows();
        let counts = rounded.iter().enumerate().filter_map(|(row, count)| Some((row, (*count)?)));
        self.scope.rewritten(batch, counts, &mut self.report)
    }

    fn report(&self) -> Report {
        self.report.clone().with_share()
    }
}

#[cfg(test)]
mod tests;
