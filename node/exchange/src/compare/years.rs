//! Sums by year in which no figure counts twice, and none is added to one of another kind.
//!
//! Where a dimension has totals beside their parts, only the totals are summed: parts can be withheld or incomplete. Which totals there
//! are is found out for each reporting area and year, since not every one publishes the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_query::artefact;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;
use chancery_schema::validate::Parts;
use serde::Serialize;

use crate::error::{Doing as _, Result};

/// Components whose figures are never added to each other: another period, unit, or way of counting.
const APART: [&str; 7] = ["FREQ", "UNIT_MEASURE", "UNIT_MULT", "COUNTED", "BASIS", "DURATION", "SOURCE_KIND"];
/// The component that tells whose figures they are.
const REPORTER: &str = "REF_AREA";

/// A year's observations of one kind, and what they sum to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct YearTotals {
    /// The year.
    pub year: String,
    /// What is the same for all these figures: frequency, unit, what is counted and how.
    pub of: BTreeMap<String, String>,
    /// Observations of the release in force.
    pub rows_before: u64,
    /// Observations now.
    pub rows_after: u64,
    /// Of those of the release in force, how many are summed.
    pub summed_before: u64,
    /// Of those now, how many are summed.
    pub summed_after: u64,
    /// The sum in the release in force.
    pub before: f64,
    /// The sum now.
    pub after: f64,
    /// Dimensions of which only totals are summed, because their parts are there too.
    pub totals_only: BTreeSet<String>,
}

/// The reporting area, the year, and the codes of what is kept apart.
type GroupKey = Vec<String>;

/// Figures of one reporting area, year and kind.
#[derive(Default)]
struct Group {
    /// For each dimension with parts: the codes that are there.
    met: Vec<HashSet<u16>>,
    /// For each dimension with parts: the codes that are not summed, because a total of theirs is there.
    parts: Vec<HashSet<u16>>,
    rows: u64,
    summed: u64,
    sum: f64,
}

/// A dimension whose codes can be parts of each other.
struct Axis {
    index: usize,
    id: String,
    parts: Parts,
    codes: Vec<String>,
    places: HashMap<String, u16>,
}

impl Axis {
    fn place(&mut self, code: &str) -> u16 {
        if let Some(place) = self.places.get(code) {
            return *place;
        }
        let place = u16::try_from(self.codes.len()).unwrap_or(u16::MAX);
        self.codes.push(code.to_owned());
        self.places.insert(code.to_owned(), place);
        place
    }
}

/// One file's figures.
struct Side {
    axes: Vec<Axis>,
    /// Columns of a group's key: the reporter if there is one, time, then what is kept apart.
    key: Vec<usize>,
    time: usize,
    measure: usize,
    groups: Vec<Group>,
    known: HashMap<GroupKey, usize>,
}

impl Side {
    fn new(schema: &DatasetSchema, structures: &Structures) -> Self {
        let dimensions = schema.dimensions.iter().enumerate();
        let kept_apart = |id: &str| APART.contains(&id) || id == REPORTER;
        let axis = |(index, component): (usize, &chancery_schema::dataset::Component)| {
            let parts = Parts::of(component, structures).filter(|_| !kept_apart(&component.id))?;
            Some(Axis { index, id: component.id.clone(), parts, codes: Vec::new(), places: HashMap::new() })
        };
        let position = |id: &str| schema.components().position(|component| component.id == id);
        let time = schema.dimensions.len();
        let key = position(REPORTER).into_iter().chain([time]).chain(APART.iter().filter_map(|id| position(id)));
        Self {
            axes: dimensions.filter_map(axis).collect(),
            key: key.collect(),
            time,
            measure: schema.measure_index(),
            groups: Vec::new(),
            known: HashMap::new(),
        }
    }

    fn columns(batch: &RecordBatch) -> Vec<Option<&StringArray>> {
        batch.columns().iter().map(|column| column.as_string_opt::<i32>()).collect()
    }

    /// The group of each row.
    fn groups_of(&mut self, columns: &[Option<&StringArray>], rows: usize) -> Vec<usize> {
        let mut last: Option<(GroupKey, usize)> = None;
        let mut found = Vec::with_capacity(rows);
        for row in 0..rows {
            let text = |index: &usize| {
                let text =
                    columns.get(*index).copied().flatten().filter(|c| c.is_valid(row)).map_or("", |c| c.value(row));
                if *index == self.time { text.get(..4).unwrap_or(text) } else { text }
            };
            let same =
                last.as_ref().is_some_and(|(key, _)| key.iter().map(String::as_str).eq(self.key.iter().map(text)));
            if let Some((_, group)) = last.as_ref().filter(|_| same) {
                found.push(*group);
                continue;
            }
            let key: GroupKey = self.key.iter().map(|index| text(index).to_owned()).collect();
            let group = *self.known.entry(key.clone()).or_insert_with(|| {
                self.groups.push(Group { met: vec![HashSet::new(); self.axes.len()], ..Group::default() });
                self.groups.len() - 1
            });
            last = Some((key, group));
            found.push(group);
        }
        found
    }

    /// The place of each row's code in the dimension.
    fn places_of(axis: &mut Axis, columns: &[Option<&StringArray>], rows: usize) -> Vec<u16> {
        let Some(column) = columns.get(axis.index).copied().flatten() else { return vec![u16::MAX; rows] };
        let mut last = None;
        let place = |row: usize| {
            let code = column.value(row);
            match last {
                Some((before, place)) if before == code => place,
                _ => {
                    let place = axis.place(code);
                    last = Some((code, place));
                    place
                }
            }
        };
        (0..rows).map(place).collect()
    }

    /// First pass: which codes there are.
    fn meet(&mut self, batch: &RecordBatch) {
        let columns = Self::columns(batch);
        let groups = self.groups_of(&columns, batch.num_rows());
        for (axis, dimension) in self.axes.iter_mut().enumerate() {
            for (group, place) in groups.iter().zip(Self::places_of(dimension, &columns, batch.num_rows())) {
                self.groups[*group].met[axis].insert(place);
            }
        }
    }

    /// Between the passes: which codes are parts of others that are there.
    fn find_parts(&mut self) {
        for group in &mut self.groups {
            let met = std::mem::take(&mut group.met);
            for (axis, met) in self.axes.iter().zip(met) {
                let places: Vec<u16> = met.into_iter().collect();
                let codes: Vec<&str> =
                    places.iter().map(|place| axis.codes.get(usize::from(*place)).map_or("", String::as_str)).collect();
                let outermost = axis.parts.outermost(&codes);
                let parts = places.iter().zip(outermost).filter(|(_, outermost)| !outermost).map(|(place, _)| *place);
                group.parts.push(parts.collect());
            }
        }
    }

    /// Second pass: the sums.
    fn sum(&mut self, batch: &RecordBatch) {
        let columns = Self::columns(batch);
        let rows = batch.num_rows();
        let groups = self.groups_of(&columns, rows);
        let mut counts = vec![true; rows];
        for (axis, dimension) in self.axes.iter_mut().enumerate() {
            let places = Self::places_of(dimension, &columns, rows);
            for ((counts, group), place) in counts.iter_mut().zip(&groups).zip(places) {
                *counts &= !self.groups[*group].parts[axis].contains(&place);
            }
        }
        let values = batch.column(self.measure).as_primitive::<Float64Type>();
        for (row, group) in groups.iter().enumerate() {
            let group = &mut self.groups[*group];
            group.rows += 1;
            if counts[row] {
                group.summed += 1;
                group.sum += if values.is_valid(row) { values.value(row) } else { 0.0 };
            }
        }
    }

    /// Adds the file's sums to `years`.
    fn tell(self, schema: &DatasetSchema, is_after: bool, years: &mut BTreeMap<GroupKey, YearTotals>) {
        let ids: Vec<&str> = schema.components().map(|component| component.id.as_str()).collect();
        let id = |index: &usize| ids.get(*index).copied().unwrap_or("");
        for (key, group) in &self.known {
            let group = &self.groups[*group];
            let told = self.key.iter().zip(key).filter(|(index, _)| id(index) != REPORTER);
            let key: GroupKey = told.clone().map(|(_, text)| text.clone()).collect();
            let totals = years.entry(key).or_insert_with(|| YearTotals {
                year: told
                    .clone()
                    .find(|(index, _)| **index == self.time)
                    .map_or_else(String::new, |(_, year)| year.clone()),
                of: told
                    .filter(|(index, text)| **index != self.time && !text.is_empty())
                    .map(|(index, text)| (id(index).to_owned(), text.clone()))
                    .collect(),
                ..YearTotals::default()
            });
            let (rows, summed, sum) = if is_after {
                (&mut totals.rows_after, &mut totals.summed_after, &mut totals.after)
            } else {
                (&mut totals.rows_before, &mut totals.summed_before, &mut totals.before)
            };
            *rows += group.rows;
            *summed += group.summed;
            *sum += group.sum;
            let narrowed = self.axes.iter().zip(&group.parts).filter(|(_, parts)| !parts.is_empty());
            totals.totals_only.extend(narrowed.map(|(axis, _)| axis.id.clone()));
        }
    }
}

/// The sums by year of the release in force, if there is one to compare with, and of the new figures.
pub(super) fn years(
    before: Option<&Path>,
    after: &Path,
    schema: &DatasetSchema,
    structures: &Structures,
) -> Result<Vec<YearTotals>> {
    let failed = || "cannot sum the figures".to_owned();
    let mut years = BTreeMap::new();
    for (path, is_after) in before.map(|path| (path, false)).into_iter().chain([(after, true)]) {
        let mut side = Side::new(schema, structures);
        for batch in artefact::read(path).or_storage(failed)? {
            side.meet(&batch.or_storage(failed)?);
        }
        side.find_parts();
        for batch in artefact::read(path).or_storage(failed)? {
            side.sum(&batch.or_storage(failed)?);
        }
        side.tell(schema, is_after, &mut years);
    }
    Ok(years.into_values().collect())
}

#[cfg(test)]
mod tests;
