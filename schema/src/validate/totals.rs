//! Totals against their parts: `_T` against men and women, a region against its countries, an age group against the narrower ones.
//!
//! The figures that differ in one dimension only are a group; in sorted figures the groups of the last dimensions lie close together
//! and are done with early, those of the first may need more memory than there is: they are then looked at in slices.

mod parts;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt16Type};
use arrow::error::ArrowError;

use super::rules::{TotalsCheck, TotalsRule};
use super::{MAX_QUOTE, Problem, ProblemKind, Problems, ROW};
use crate::dataset::{Component, DatasetSchema};
use crate::structure::Structures;

pub use parts::Parts;

/// Most figures of one dimension that wait for the rest of their group.
const MAX_OPEN: usize = 1 << 20;
/// A figure in the dimension that its group differs in.
#[derive(Debug, Clone, Copy)]
struct Cell {
    code: u16,
    value: Option<f64>,
    line: u64,
}

/// Figures by the hashes of what they share.
type Groups = HashMap<u128, Vec<Cell>, BuildHasherDefault<Hashed>>;

/// Takes what is a hash already, of keys nobody outside knows, as it is.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = (hash >> 64) as u64 ^ hash as u64;
    }
}

/// One dimension's totals.
#[derive(Debug)]
struct Axis {
    /// The dimension's place.
    index: usize,
    id: String,
    parts: Parts,
    rules: Vec<TotalsRule>,
    /// Groups that are not complete.
    open: Groups,
    waiting: usize,
    /// What the open groups share.
    prefix: Option<u128>,
    too_large: bool,
}

/// The texts that a column's numbers stand for. Batch after batch has the same: each text is hashed once.
#[derive(Debug)]
struct List {
    texts: ArrayRef,
    hashes: Vec<Option<u128>>,
    /// The texts' places among the codes of a dimension with totals.
    places: Vec<u16>,
}

impl List {
    fn of(texts: &ArrayRef, parts: Option<&Parts>) -> Self {
        let place = |text: Option<&str>| text.and_then(|text| parts?.places.get(text)).copied().unwrap_or(u16::MAX);
        let places = parts.map_or_else(Vec::new, |_| texts.as_string::<i32>().iter().map(place).collect());
        Self { texts: Arc::clone(texts), hashes: vec![None; texts.len()], places }
    }
}

/// Checks totals while sorted figures pass by.
#[derive(Debug)]
pub struct Totals {
    axes: Vec<Axis>,
    keys: usize,
    measure: usize,
    hashers: [RandomState; 2],
    /// For each dimension and time the list of texts that was met last.
    lists: Vec<Option<List>>,
    /// Which of how many slices of the groups.
    slice: (u64, u64),
    column: String,
    problems: Problems,
}

impl Totals {
    /// Checks `rules` on figures of `schema`; none if the codes that are `there` hold no total with its parts. `column` is the
    /// heading of the figures' column, `limit` as for [`Problems::new`].
    pub fn new(
        schema: &DatasetSchema,
        structures: &Structures,
        rules: &[TotalsRule],
        there: impl Fn(&str) -> Option<HashSet<String>>,
        column: &str,
        limit: usize,
    ) -> Option<Self> {
        let axis = |(index, component): (usize, &Component)| {
            let named =
                |rule: &&TotalsRule| rule.components.contains(&component.id) && rule.is_for(&schema.dataflow.id);
            let rules: Vec<TotalsRule> = rules.iter().filter(named).cloned().collect();
            let parts = Parts::of(component, structures).filter(|_| !rules.is_empty())?;
            if let Some(there) = there(&component.id) {
                let codes: Vec<u16> = there.iter().filter_map(|code| parts.places.get(code)).copied().collect();
                codes.iter().find(|whole| codes.iter().any(|part| parts.is_within(**whole, *part)))?;
            }
            let id = component.id.clone();
            Some(Axis { index, id, parts, rules, open: Groups::default(), waiting: 0, prefix: None, too_large: false })
        };
        let axes: Vec<Axis> = schema.dimensions.iter().enumerate().filter_map(axis).collect();
        (!axes.is_empty()).then(|| Self {
            axes,
            keys: schema.measure_index(),
            measure: schema.measure_index(),
            hashers: [RandomState::new(), RandomState::new()],
            lists: Vec::new(),
            slice: (0, 1),
            column: column.to_owned(),
            problems: Problems::new(limit),
        })
    }

    /// Looks at the next figures, sorted by dimensions and time.
    pub fn look(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let rows = batch.num_rows();
        let text = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
        // The hash of a key is the sum of its texts' hashes, so that leaving one out is a subtraction.
        let mut hashes = vec![vec![0u128; rows]; self.axes.len()];
        let mut sums = vec![0u128; rows];
        let mut codes = vec![Vec::new(); self.axes.len()];
        let mut prefixes = vec![Vec::new(); self.axes.len()];
        self.lists.resize_with(self.keys, || None);
        for index in 0..self.keys {
            let column = cast(batch.column(index), &text)?;
            let column = column.as_dictionary::<UInt16Type>();
            let axis = self.axes.iter().position(|axis| axis.index == index);
            let parts = axis.map(|axis| &self.axes[axis].parts);
            let list = self.lists[index].take().filter(|list| Arc::ptr_eq(&list.texts, column.values()));
            let list = self.lists[index].insert(list.unwrap_or_else(|| List::of(column.values(), parts)));
            let texts = list.texts.as_string::<i32>();
            let hash = |text: &str| self.hashers.each_ref().map(|h| h.hash_one((index, text)));
            if let Some(axis) = axis {
                prefixes[axis].clone_from(&sums);
                codes[axis] = column.keys().values().iter().map(|key| list.places[usize::from(*key)]).collect();
            }
            for (row, key) in column.keys().values().iter().enumerate() {
                let key = usize::from(*key);
                // A list is longer than the codes of it that are there: each is hashed when it is met.
                let hash = *list.hashes[key].get_or_insert_with(|| {
                    let [high, low] = hash(texts.value(key));
                    u128::from(high) << 64 | u128::from(low)
                });
                sums[row] = sums[row].wrapping_add(hash);
                if let Some(axis) = axis {
                    hashes[axis][row] = hash;
                }
            }
        }
        let values = batch.column(self.measure).as_primitive::<Float64Type>();
        let lines = batch.column_by_name(ROW).map(|column| column.as_primitive::<Int64Type>());
        for (axis, ((hashes, codes), prefixes)) in self.axes.iter_mut().zip(hashes.iter().zip(&codes).zip(&prefixes)) {
            for row in 0..rows {
                if axis.prefix != Some(prefixes[row]) {
                    axis.close(&self.column, &mut self.problems);
                    axis.prefix = Some(prefixes[row]);
                }
                let group = sums[row].wrapping_sub(hashes[row]);
                if axis.too_large || (group as u64) % self.slice.1 != self.slice.0 {
                    continue;
                }
                let line = lines.map_or(0, |lines| lines.value(row) as u64);
                let value = values.is_valid(row).then(|| values.value(row));
                axis.put(group, Cell { code: codes[row], value, line });
            }
        }
        Ok(())
    }

    /// Ends a pass. What was too large for memory is returned, to be looked at in slices.
    pub fn finish(mut self) -> (Problems, Option<Slices>) {
        for axis in &mut self.axes {
            axis.close(&self.column, &mut self.problems);
        }
        let problems = std::mem::replace(&mut self.problems, Problems::new(0));
        self.axes.retain(|axis| axis.too_large);
        let slices = (!self.axes.is_empty()).then_some(Slices { totals: self });
        (problems, slices)
    }
}

/// Totals that need several passes.
#[derive(Debug)]
pub struct Slices {
    totals: Totals,
}

impl Slices {
    /// Most slices: of this many, each has few enough groups for any file that can be read.
    const MAX: u64 = 4_096;

    /// The passes to make over the figures of which there are `rows`: each is a check of its own.
    pub fn passes(self, rows: u64, limit: usize) -> impl Iterator<Item = Totals> {
        // Twice as many as even slices would need.
        let slices = (rows / (MAX_OPEN as u64 / 2) + 1).min(Self::MAX);
        let Totals { axes, keys, measure, hashers, column, .. } = self.totals;
        (0..slices).map(move |slice| Totals {
            axes: axes.iter().map(Axis::again).collect(),
            keys,
            measure,
            hashers: hashers.clone(),
            lists: Vec::new(),
            slice: (slice, slices),
            column: column.clone(),
            problems: Problems::new(limit),
        })
    }
}

impl Axis {
    /// The same dimension, from the beginning.
    fn again(&self) -> Self {
        Self {
            index: self.index,
            id: self.id.clone(),
            parts: self.parts.clone(),
            rules: self.rules.clone(),
            open: Groups::default(),
            waiting: 0,
            prefix: None,
            too_large: false,
        }
    }

    fn put(&mut self, group: u128, cell: Cell) {
        self.open.entry(group).or_default().push(cell);
        self.waiting += 1;
        if self.waiting > MAX_OPEN {
            self.too_large = true;
            self.open = Groups::default();
        }
    }

    fn close(&mut self, column: &str, problems: &mut Problems) {
        for cells in self.open.values().filter(|cells| cells.len() > 1) {
            for whole in cells {
                let Some(total) = whole.value else { continue };
                if !cells.iter().any(|cell| self.parts.is_within(whole.code, cell.code)) {
                    continue;
                }
                let Some(parts) = self.parts.widest(whole.code, cells) else { continue };
                let sum: f64 = parts.iter().filter_map(|cell| cell.value).sum();
                let complete = parts.iter().all(|cell| cell.value.is_some());
                for rule in &self.rules {
                    if rule.breaks(total, sum, parts.len(), complete) {
                        problems.note(self.problem(rule, column, whole, total, sum, parts.len()));
                    }
                }
            }
        }
        self.open.clear();
        self.waiting = 0;
    }

    fn problem(&self, rule: &TotalsRule, column: &str, whole: &Cell, total: f64, sum: f64, parts: usize) -> Problem {
        let code = self.parts.places.iter().find(|(_, place)| **place == whole.code).map_or("", |(code, _)| code);
        let difference = (total - sum).abs();
        let texts = [
            ("component", self.id.clone()),
            ("code", code.to_owned()),
            ("total", total.to_string()),
            ("sum", sum.to_string()),
            ("parts", parts.to_string()),
            ("difference", difference.to_string()),
        ];
        let fill = |name: &str| texts.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone());
        Problem {
            row: whole.line,
            column: column.to_owned(),
            component: self.id.clone(),
            value: total.to_string().chars().take(MAX_QUOTE).collect(),
            expected: rule.message.fill(fill),
            nearest: None,
            kind: ProblemKind::Rule { name: rule.name.as_str().into(), severity: rule.severity },
        }
    }
}

impl TotalsRule {
    /// Whether a total and the sum of its parts break the rule. `complete` says whether every part has a figure.
    fn breaks(&self, total: f64, sum: f64, parts: usize, complete: bool) -> bool {
        // Each rounded figure may be off; and sums of fractions are, a little.
        let rounded = self.tolerance * (parts as f64 + 1.0);
        let margin = rounded + (self.tolerance_percent / 100.0 + 1e-9) * total.abs();
        match self.check {
            TotalsCheck::Exceed => sum > total + margin,
            // One part is an "of which".
            TotalsCheck::Residual => complete && parts > 1 && sum < total - margin,
        }
    }
}

#[cfg(test)]
mod tests;
