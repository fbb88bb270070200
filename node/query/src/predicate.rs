//! What a query asks of each row: tested on decoded batches, and on the least and greatest texts of row groups and pages so that
//! those without an answer are never read.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Float64Type, Int32Type};
use chancery_schema::dataset::{DatasetSchema, OBS_VALUE, TIME_PERIOD};
use chancery_schema::period::Period;
use chancery_schema::query::{ComponentFilter, Condition, DataQuery, Operator};
use chrono::{Datelike as _, NaiveDate};

/// The least and the greatest text of some rows; perhaps shortened, but always so that every text lies between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent<'a> {
    pub(crate) least: &'a [u8],
    pub(crate) greatest: &'a [u8],
}

/// A test of rows.
#[derive(Debug, Clone)]
pub(crate) enum Predicate {
    /// One component's value meets a test.
    Component {
        /// Its column in the artefact.
        column: usize,
        /// The test.
        test: Arc<Test>,
    },
    /// All of these hold.
    All(Vec<Self>),
    /// Any of these holds.
    Any(Vec<Self>),
}

/// A test of one component's value. No value meets no test.
#[derive(Debug)]
pub(crate) enum Test {
    /// The text is one of these, sorted.
    OneOf(Vec<String>),
    /// The text meets a condition.
    Text(Operator, String),
    /// The text is a period within days.
    Within(Bounds),
    /// The figure meets a condition.
    Figure(Operator, f64),
    /// Never: a figure is no text.
    Never,
}

/// Periods wholly between two days.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// They begin on this day or later.
    start: Option<NaiveDate>,
    /// They end on this day or earlier.
    end: Option<NaiveDate>,
}

impl Bounds {
    /// What a comparison of periods means; none if it is not one of order.
    fn of(condition: &Condition) -> Option<Self> {
        let period = Period::parse(&condition.value)?;
        // Before the first day of the calendar, and after its last, there is nothing.
        Some(match condition.operator {
            Operator::Ge => Self { start: Some(period.start), end: None },
            Operator::Gt => Self { start: Some(period.end.succ_opt().unwrap_or(NaiveDate::MAX)), end: None },
            Operator::Le => Self { start: None, end: Some(period.end) },
            Operator::Lt => Self { start: None, end: Some(period.start.pred_opt().unwrap_or(NaiveDate::MIN)) },
            _ => return None,
        })
    }

    fn hold(&self, text: &str) -> bool {
        Period::parse(text)
            .is_some_and(|p| self.start.is_none_or(|s| p.start >= s) && self.end.is_none_or(|e| p.end <= e))
    }

    /// An ISO week of the year before can begin in the year asked for, and one of the year after can end in it. Texts are in the
    /// order of years where years have four digits.
    fn may_hold(&self, extent: Extent<'_>) -> bool {
        let years = 1..9_998;
        let after = self.start.map(|day| day.year()).filter(|year| years.contains(year));
        let before = self.end.map(|day| day.year()).filter(|year| years.contains(year));
        after.is_none_or(|year| extent.greatest >= format!("{:04}", year - 1).as_bytes())
            && before.is_none_or(|year| extent.least < format!("{:04}", year + 2).as_bytes())
    }
}

impl Test {
    fn of(component: &str, condition: &Condition) -> Self {
        let (operator, text) = (condition.operator, condition.value.clone());
        if component == OBS_VALUE {
            return text.parse().map_or(Self::Never, |number| Self::Figure(operator, number));
        }
        if component == TIME_PERIOD
            && let Some(bounds) = Bounds::of(condition)
        {
            return Self::Within(bounds);
        }
        match operator {
            Operator::Eq => Self::OneOf(vec![text]),
            operator => Self::Text(operator, text),
        }
    }

    pub(crate) fn meets(&self, text: &str) -> bool {
        match self {
            Self::OneOf(texts) => texts.binary_search_by(|known| known.as_str().cmp(text)).is_ok(),
            Self::Within(bounds) => bounds.hold(text),
            Self::Figure(..) | Self::Never => false,
            Self::Text(operator, wanted) => match operator {
                Operator::Eq => text == wanted,
                Operator::Ne => text != wanted,
                Operator::Lt => text < wanted.as_str(),
                Operator::Le => text <= wanted.as_str(),
                Operator::Gt => text > wanted.as_str(),
                Operator::Ge => text >= wanted.as_str(),
                Operator::Contains => text.contains(wanted),
                Operator::NotContains => !text.contains(wanted),
                Operator::StartsWith => text.starts_with(wanted),
                Operator::EndsWith => text.ends_with(wanted),
            },
        }
    }

    /// Whether one of some texts may meet it.
    pub(crate) fn may_meet(&self, extent: Extent<'_>) -> bool {
        let Extent { least, greatest } = extent;
        match self {
            Self::OneOf(texts) => {
                let next = texts.partition_point(|text| text.as_bytes() < least);
                texts.get(next).is_some_and(|text| text.as_bytes() <= greatest)
            }
            Self::Within(bounds) => bounds.may_hold(extent),
            Self::Text(operator, wanted) => match operator {
                Operator::Lt => least < wanted.as_bytes(),
                Operator::Le => least <= wanted.as_bytes(),
                Operator::Gt | Operator::Ge | Operator::StartsWith => greatest >= wanted.as_bytes(),
                _ => true,
            },
            Self::Figure(..) => true,
            Self::Never => false,
        }
    }

    fn mask(&self, column: &dyn Array) -> BooleanBuffer {
        let nothing = || BooleanBuffer::new_unset(column.len());
        if let Self::Figure(operator, wanted) = self {
            let Some(figures) = column.as_primitive_opt::<Float64Type>() else { return nothing() };
            let meets = |row: usize| figures.is_valid(row) && compare(figures.value(row), *operator, *wanted);
            return BooleanBuffer::collect_bool(figures.len(), meets);
        }
        let Some(texts) = column.as_dictionary_opt::<Int32Type>() else { return nothing() };
        let Some(values) = texts.values().as_string_opt::<i32>() else { return nothing() };
        let met: Vec<bool> = values.iter().map(|text| text.is_some_and(|text| self.meets(text))).collect();
        if met.iter().all(|met| *met) && texts.null_count() == 0 {
            return BooleanBuffer::new_set(column.len());
        }
        let keys = texts.keys();
        let meets = |row: usize| keys.is_valid(row) && met[keys.value(row) as usize];
        BooleanBuffer::collect_bool(keys.len(), meets)
    }
}

fn compare(figure: f64, operator: Operator, wanted: f64) -> bool {
    match operator {
        Operator::Eq => figure == wanted,
        Operator::Ne => figure != wanted,
        Operator::Lt => figure < wanted,
        Operator::Le => figure <= wanted,
        Operator::Gt => figure > wanted,
        Operator::Ge => figure >= wanted,
        // Patterns on a number have no meaning.
        Operator::Contains | Operator::NotContains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

impl Predicate {
    /// What `query` asks of the rows of `schema`'s artefacts.
    pub(crate) fn of(schema: &DatasetSchema, query: &DataQuery) -> Self {
        let mut all = Vec::new();
        if !query.keys.is_empty() {
            let position = |(column, codes): (usize, &Option<Vec<String>>)| {
                codes.as_ref().map(|codes| Self::one_of(column, codes.iter().cloned()))
            };
            let key = |key: &Vec<_>| Self::All(key.iter().enumerate().filter_map(position).collect());
            all.push(Self::Any(query.keys.iter().map(key).collect()));
        }
        all.extend(query.filters.iter().map(|filter| Self::filter(schema, filter)));
        let day = |text: &Option<String>| text.as_deref().and_then(Period::parse);
        let bounds = Bounds { start: day(&query.start).map(|p| p.start), end: day(&query.end).map(|p| p.end) };
        if bounds.start.is_some() || bounds.end.is_some() {
            all.push(Self::Component { column: schema.dimensions.len(), test: Arc::new(Test::Within(bounds)) });
        }
        Self::All(all)
    }

    fn one_of(column: usize, texts: impl Iterator<Item = String>) -> Self {
        let mut texts: Vec<String> = texts.collect();
        texts.sort_unstable();
        Self::Component { column, test: Arc::new(Test::OneOf(texts)) }
    }

    fn filter(schema: &DatasetSchema, filter: &ComponentFilter) -> Self {
        let Some(column) = schema.components().position(|c| c.id == filter.component) else {
            return Self::Any(Vec::new());
        };
        if filter.component != OBS_VALUE && filter.any_of.iter().all(|c| c.operator == Operator::Eq) {
            return Self::one_of(column, filter.any_of.iter().map(|c| c.value.clone()));
        }
        let test = |condition| Self::Component { column, test: Arc::new(Test::of(&filter.component, condition)) };
        Self::Any(filter.any_of.iter().map(test).collect())
    }

    /// Which of some rows meet it, by their columns.
    pub(crate) fn mask<E>(
        &self,
        rows: usize,
        column: &impl Fn(usize) -> Result<ArrayRef, E>,
    ) -> Result<BooleanArray, E> {
        Ok(BooleanArray::new(self.bits(rows, column)?, None))
    }

    fn bits<E>(&self, rows: usize, column: &impl Fn(usize) -> Result<ArrayRef, E>) -> Result<BooleanBuffer, E> {
        Ok(match self {
            Self::Component { column: index, test } => test.mask(&column(*index)?),
            Self::All(each) => {
                let mut bits = BooleanBuffer::new_set(rows);
                for each in each {
                    bits = &bits & &each.bits(rows, column)?;
                }
                bits
            }
            Self::Any(each) => {
                let mut bits = BooleanBuffer::new_unset(rows);
                for each in each {
                    bits = &bits | &each.bits(rows, column)?;
                }
                bits
            }
        })
    }

    /// The columns it tests.
    pub(crate) fn columns(&self) -> BTreeSet<usize> {
        match self {
            Self::Component { column, .. } => BTreeSet::from([*column]),
            Self::All(each) | Self::Any(each) => each.iter().flat_map(Self::columns).collect(),
        }
    }
}
