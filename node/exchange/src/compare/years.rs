//! Sums by year in which no figure counts twice, and none is added to one of another kind.
//!
//! Where a dimension has totals beside their parts, only the totals are summed: parts can be withheld or incomplete. Which totals there
//! are is found out for each reporting area and year, since not every one publishes the same. Parts whose own total is not there are
//! summed in its place.

mod uncovered;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_query::artefact;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;
use chancery_schema::validate::Parts;
use serde::Serialize;

use uncovered::Uncovered;

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
    /// Observations, before and now, that were too many to find out whether a total of theirs is there: they are not summed.
    pub left_out: u64,
}

/// The reporting area, the year, and the codes of what is kept apart.
type GroupKey = Vec<String>;

/// Figures of one reporting area, year and kind.
#[derive(Default)]
struct Group {
    /// For each dimension with parts: the codes that are there.
    met: Vec<HashSet<u16>>,
    /// For each dimension with parts: the codes of which a total is there, and the outermost of them.
    totals: Vec<HashMap<u16, u16>>,
    /// Whether not all of its totals could be remembered.
    full: bool,
    left_out: u64,
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

    /// Those of these codes that are parts of others of them, with the outermost of these.
    fn totals(&self, places: impl Iterator<Item = u16>) -> HashMap<u16, u16> {
        let places: Vec<u16> = places.collect::<BTreeSet<_>>().into_iter().collect();
        let code = |place: &u16| self.codes.get(usize::from(*place)).map_or("", String::as_str);
        let codes: Vec<&str> = places.iter().map(code).collect();
        let totals = self.parts.outermost(&codes);
        places.iter().zip(totals).filter_map(|(place, total)| Some((*place, *places.get(total?)?))).collect()
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
            group.totals = self.axes.iter().zip(met).map(|(axis, met)| axis.totals(met.into_iter())).collect();
        }
    }

    /// Calls `each` with every row's group, period, place on each axis and figure.
    fn each_row(&mut self, batch: &RecordBatch, mut each: impl FnMut(&mut Group, usize, &str, &[u16], Option<f64>)) {
        let columns = Self::columns(batch);
        let rows = batch.num_rows();
        let groups = self.groups_of(&columns, rows);
        let places: Vec<Vec<u16>> = self.axes.iter_mut().map(|axis| Self::places_of(axis, &columns, rows)).collect();
        let values = batch.column(self.measure).as_primitive::<Float64Type>();
        let mut at = vec![0; self.axes.len()];
        for (row, group) in groups.into_iter().enumerate() {
            at.iter_mut().zip(&places).for_each(|(at, places)| *at = places[row]);
            let period = columns.get(self.time).copied().flatten().map_or("", |column| column.value(row));
            each(&mut self.groups[group], group, period, &at, values.is_valid(row).then(|| values.value(row)));
        }
    }

    /// Whether some codes are parts of others that are there.
    fn has_parts(&self) -> bool {
        self.groups.iter().flat_map(|group| &group.totals).any(|totals| !totals.is_empty())
    }

    /// Second pass: sums what is part of nothing.
    fn sum(&mut self, batch: &RecordBatch, uncovered: &mut Uncovered) {
        let cover = self.has_parts();
        self.each_row(batch, |group, number, period, places, value| {
            group.rows += 1;
            let outermost = group.totals.iter().zip(places).all(|(totals, place)| !totals.contains_key(place));
            if let Some(value) = value.filter(|_| outermost) {
                group.summed += 1;
                group.sum += value;
                group.full |= cover && !uncovered.cover(number, period, places);
            }
        });
    }

    /// Third pass, where there are parts: keeps those whose total is not there.
    fn keep_uncovered(&mut self, batch: &RecordBatch, uncovered: &mut Uncovered) {
        let mut tops = vec![0; self.axes.len()];
        self.each_row(batch, |group, number, period, places, value| {
            let mut is_part = false;
            for ((top, totals), place) in tops.iter_mut().zip(&group.totals).zip(places) {
                let total = totals.get(place);
                is_part |= total.is_some();
                *top = *total.unwrap_or(place);
            }
            if let Some(value) = value.filter(|_| is_part) {
                group.left_out += u64::from(group.full || !uncovered.keep(number, period, places, &tops, value));
            }
        });
    }

    /// All passes over a file.
    fn pass(&mut self, path: &Path) -> Result<()> {
        let failed = || "cannot sum the figures".to_owned();
        let batches = || artefact::read(path).or_storage(failed);
        for batch in batches()? {
            self.meet(&batch.or_storage(failed)?);
        }
        self.find_parts();
        let mut uncovered = Uncovered::default();
        for batch in batches()? {
            self.sum(&batch.or_storage(failed)?, &mut uncovered);
        }
        if !self.has_parts() {
            return Ok(());
        }
        for batch in batches()? {
            self.keep_uncovered(&batch.or_storage(failed)?, &mut uncovered);
        }
        for (group, (summed, sum)) in uncovered.sums(&self.axes) {
            self.groups[group].summed += summed;
            self.groups[group].sum += sum;
        }
        Ok(())
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
            totals.left_out += group.left_out;
            let narrowed = self.axes.iter().zip(&group.totals).filter(|(_, totals)| !totals.is_empty());
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
    let mut years = BTreeMap::new();
    for (path, is_after) in before.map(|path| (path, false)).into_iter().chain([(after, true)]) {
        let mut side = Side::new(schema, structures);
        side.pass(path)?;
        side.tell(schema, is_after, &mut years);
    }
    Ok(years.into_values().collect())
}

#[cfg(test)]
mod tests;
