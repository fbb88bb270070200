//! Sums of figures, by the texts of some columns.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::OBS_VALUE;

use crate::engine::{QueryFailure, Sum};
use crate::summary::{Combinations, columns};

/// Most sums of one answer.
pub(crate) const MAX_SUMS: usize = 200_000;
/// Most combinations of texts whose places are in a table rather than looked up.
const TABLE: u64 = 1 << 20;
/// No place yet.
const NOWHERE: u32 = u32::MAX;

/// Where the sum of a combination of texts is.
enum Places {
    Table(Vec<u32>),
    Map(HashMap<u64, u32>),
}

/// The sums of the rows of one scan.
pub(crate) struct Sums {
    by: Vec<String>,
    combinations: Option<(Combinations, Places)>,
    known: HashMap<Vec<String>, u32>,
    sums: Vec<Sum>,
    numbers: Vec<u64>,
}

impl Sums {
    pub(crate) fn new(by: &[String]) -> Self {
        let (known, sums, numbers) = (HashMap::new(), Vec::new(), Vec::new());
        Self { by: by.to_vec(), combinations: None, known, sums, numbers }
    }

    /// Adds all of some rows.
    pub(crate) fn of(
        mut self,
        rows: impl Iterator<Item = Result<RecordBatch, QueryFailure>>,
    ) -> Result<Self, QueryFailure> {
        for batch in rows {
            self.pass(&batch?)?;
        }
        Ok(self)
    }

    fn pass(&mut self, batch: &RecordBatch) -> Result<(), QueryFailure> {
        let columns = columns(batch, &self.by);
        let figures = batch.column_by_name(OBS_VALUE).and_then(|column| column.as_primitive_opt::<Float64Type>());
        let Some(figures) = figures else { return Ok(()) };
        if !self.combinations.as_ref().is_some_and(|(known, _)| known.is_of(&columns)) {
            let combinations = Combinations::of(&columns).ok_or(QueryFailure::Memory)?;
            let places = match combinations.count {
                count if count <= TABLE => Places::Table(vec![NOWHERE; count as usize]),
                _ => Places::Map(HashMap::new()),
            };
            self.combinations = Some((combinations, places));
        }
        let Some((combinations, places)) = &mut self.combinations else { return Ok(()) };
        self.numbers.clear();
        self.numbers.resize(batch.num_rows(), 0);
        combinations.numbers(&columns, &mut self.numbers);
        let (known, sums) = (&mut self.known, &mut self.sums);
        let mut new = |number| {
            let next = sums.len() as u32;
            let place = *known.entry(combinations.texts(number)).or_insert(next);
            if place == next {
                sums.push(Sum::default());
            }
            place
        };
        // Places first, so that adding up is a loop without a call.
        for number in &mut self.numbers {
            let place = match places {
                Places::Table(table) => &mut table[*number as usize],
                Places::Map(map) => map.entry(*number).or_insert(NOWHERE),
            };
            if *place == NOWHERE {
                *place = new(*number);
            }
            *number = u64::from(*place);
        }
        if sums.len() > MAX_SUMS {
            return Err(QueryFailure::Memory);
        }
        add(&self.numbers, figures, sums);
        Ok(())
    }

    /// Adds these sums to those of the rows before.
    pub(crate) fn append_to(self, all: &mut BTreeMap<Vec<String>, Sum>) -> Result<(), QueryFailure> {
        for (texts, place) in self.known {
            let sum = self.sums[place as usize];
            let known = all.entry(texts).or_default();
            known.observations += sum.observations;
            known.missing += sum.missing;
            known.sum += sum.sum;
        }
        if all.len() > MAX_SUMS { Err(QueryFailure::Memory) } else { Ok(()) }
    }
}

fn add(places: &[u64], figures: &Float64Array, sums: &mut [Sum]) {
    if figures.null_count() == 0 {
        for (place, figure) in places.iter().zip(figures.values()) {
            let sum = &mut sums[*place as usize];
            sum.observations += 1;
            sum.sum += figure;
        }
        return;
    }
    for (row, (place, figure)) in places.iter().zip(figures.values()).enumerate() {
        let sum = &mut sums[*place as usize];
        let there = figures.is_valid(row);
        sum.observations += 1;
        sum.missing += u64::from(!there);
        sum.sum += if there { *figure } else { 0.0 };
    }
}
