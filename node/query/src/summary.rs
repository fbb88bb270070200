//! What there is of some figures: how many observations and series, and which texts occur.

use std::collections::{BTreeSet, HashSet};

use arrow::array::{Array as _, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;

use crate::engine::{QueryFailure, Summary};
use crate::series::SeriesCount;

/// Most combinations of texts of one dictionary each that are marked in a table rather than looked up.
const TABLE: usize = 1 << 16;

/// A column's numbers and texts.
pub(crate) type Column<'a> = (&'a DictionaryArray<Int32Type>, &'a StringArray);

/// The columns named, of those that are texts.
pub(crate) fn columns<'a>(batch: &'a RecordBatch, ids: &[String]) -> Vec<Column<'a>> {
    let column = |id: &String| {
        let column = batch.column_by_name(id)?.as_dictionary_opt::<Int32Type>()?;
        Some((column, column.values().as_string_opt::<i32>()?))
    };
    ids.iter().filter_map(column).collect()
}

/// Numbers every combination of texts that some columns' dictionaries allow; nothing is a text of its own.
pub(crate) struct Combinations {
    dictionaries: Vec<StringArray>,
    /// By column, how far its next text is away.
    steps: Vec<u64>,
    /// How many there are.
    pub(crate) count: u64,
}

impl Combinations {
    /// None if there are too many to be numbered.
    pub(crate) fn of(columns: &[Column<'_>]) -> Option<Self> {
        let (mut steps, mut count) = (Vec::new(), 1u64);
        for (_, texts) in columns {
            steps.push(count);
            count = count.checked_mul(texts.len() as u64 + 1)?;
        }
        Some(Self { dictionaries: columns.iter().map(|(_, texts)| (*texts).clone()).collect(), steps, count })
    }

    /// Whether the columns have these very dictionaries.
    pub(crate) fn is_of(&self, columns: &[Column<'_>]) -> bool {
        let same = |(known, (_, texts)): (&StringArray, &Column<'_>)| {
            known.len() == texts.len()
                && known.value_offsets().as_ptr() == texts.value_offsets().as_ptr()
                && known.value_data().as_ptr() == texts.value_data().as_ptr()
        };
        self.dictionaries.len() == columns.len() && self.dictionaries.iter().zip(columns).all(same)
    }

    /// The number of each row's combination.
    pub(crate) fn numbers(&self, columns: &[Column<'_>], numbers: &mut [u64]) {
        for ((column, texts), step) in columns.iter().zip(&self.steps) {
            let keys = column.keys();
            let none = texts.len() as u64;
            for (row, (number, key)) in numbers.iter_mut().zip(keys.values()).enumerate() {
                let code = if keys.nulls().is_some_and(|nulls| nulls.is_null(row)) { none } else { *key as u64 };
                *number += code * step;
            }
        }
    }

    /// The texts of a combination; an empty one for nothing.
    pub(crate) fn texts(&self, number: u64) -> Vec<String> {
        let text = |(texts, step): (&StringArray, &u64)| {
            let code = (number / step % (texts.len() as u64 + 1)) as usize;
            if code == texts.len() { String::new() } else { texts.value(code).to_owned() }
        };
        self.dictionaries.iter().zip(&self.steps).map(text).collect()
    }
}

/// The rows of texts that occur in some columns.
struct Occurring {
    ids: Vec<String>,
    combinations: Option<Combinations>,
    marked: Vec<bool>,
    looked_up: HashSet<u64>,
    found: BTreeSet<Vec<String>>,
}

impl Occurring {
    fn new(ids: &[String]) -> Self {
        let (marked, looked_up, found) = (Vec::new(), HashSet::new(), BTreeSet::new());
        Self { ids: ids.to_vec(), combinations: None, marked, looked_up, found }
    }

    fn pass(&mut self, batch: &RecordBatch) -> Result<(), QueryFailure> {
        let columns = columns(batch, &self.ids);
        if !self.combinations.as_ref().is_some_and(|known| known.is_of(&columns)) {
            self.settle();
            let combinations = Combinations::of(&columns).ok_or(QueryFailure::Memory)?;
            self.marked = vec![false; if combinations.count <= TABLE as u64 { combinations.count as usize } else { 0 }];
            self.combinations = Some(combinations);
        }
        let Some(combinations) = &self.combinations else { return Ok(()) };
        let mut numbers = vec![0; batch.num_rows()];
        combinations.numbers(&columns, &mut numbers);
        if self.marked.is_empty() {
            numbers.dedup();
            self.looked_up.extend(numbers);
        } else {
            numbers.into_iter().for_each(|number| self.marked[number as usize] = true);
        }
        Ok(())
    }

    /// Writes down the texts of what was marked.
    fn settle(&mut self) {
        let Some(combinations) = self.combinations.take() else { return };
        let marked = std::mem::take(&mut self.marked);
        let marked = (0u64..).zip(marked).filter(|(_, marked)| *marked).map(|(number, _)| number);
        self.found.extend(marked.chain(self.looked_up.drain()).map(|number| combinations.texts(number)));
    }
}

/// A summary while batches pass by.
pub(crate) struct Summing {
    observations: u64,
    series: SeriesCount,
    occurring: Vec<Occurring>,
}

impl Summing {
    /// Of rows whose first `dimensions` columns make the series, with the texts of `groups` of columns.
    pub(crate) fn new(dimensions: usize, groups: &[Vec<String>]) -> Self {
        let occurring = groups.iter().map(|group| Occurring::new(group)).collect();
        Self { observations: 0, series: SeriesCount::new(dimensions), occurring }
    }

    /// Adds rows, which come after those before.
    pub(crate) fn pass(&mut self, batch: &RecordBatch) -> Result<(), QueryFailure> {
        self.observations += batch.num_rows() as u64;
        self.series.pass(batch);
        self.occurring.iter_mut().try_for_each(|occurring| occurring.pass(batch))
    }

    /// Adds all of some rows.
    pub(crate) fn of(
        mut self,
        rows: impl Iterator<Item = Result<RecordBatch, QueryFailure>>,
    ) -> Result<Self, QueryFailure> {
        for batch in rows {
            self.pass(&batch?)?;
        }
        self.occurring.iter_mut().for_each(Occurring::settle);
        Ok(self)
    }

    /// Adds rows that come after these.
    pub(crate) fn append(&mut self, next: Self) {
        self.observations += next.observations;
        self.series.append(next.series);
        for (own, next) in self.occurring.iter_mut().zip(next.occurring) {
            own.found.extend(next.found);
        }
    }

    pub(crate) fn finish(self) -> Summary {
        let distinct = self.occurring.into_iter().map(|occurring| occurring.found).collect();
        Summary { observations: self.observations, series: self.series.series, distinct }
    }
}
