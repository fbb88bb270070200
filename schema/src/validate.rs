//! Checks rows against a dataflow and turns them into columns; every problem is kept, none stops the reading.

mod batch;
mod column;

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use serde::Serialize;

pub use batch::BatchBuilder;
use column::{Column, Fault, Role};

use crate::mapping::{BoundMapping, Keep, Shape};
pub use crate::rows::Row;

/// The column that remembers which line of the file a row came from.
pub const ROW: &str = "_row";
/// Most problems kept with their details; all are counted.
pub const MAX_PROBLEMS: usize = 1_000;
/// Longest text of the file that a problem quotes, in characters.
const MAX_QUOTE: usize = 100;
/// OBS_STATUS codes that say why there is no figure.
const NO_FIGURE: [&str; 5] = ["H", "L", "M", "O", "Q"];
/// OBS_STATUS of a figure that the file marks as missing without saying why.
const MISSING: &str = "O";

/// What kind of mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Not a code of the list.
    UnknownCode,
    /// Not a number, or a text that cannot be written everywhere.
    WrongType,
    /// Infinite, or not a number's value.
    NotFinite,
    /// A text that is too long.
    TooLong,
    /// An empty dimension.
    MissingDimension,
    /// An empty mandatory attribute, or no figure and no reason.
    MissingValue,
    /// Not a period, an impossible one, or not one of the frequency.
    ImpossiblePeriod,
    /// A count below zero.
    NegativeCount,
    /// A figure where its status says that there is none: a suppressed one would be given away.
    UnexpectedValue,
    /// A column that the mapping does not use, where it must use all.
    UnmappedColumn,
    /// A key that an earlier row has.
    DuplicateKey,
    /// A line that does not have the header's columns.
    Malformed,
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line of the file, from 1.
    pub row: u64,
    /// The file's column; empty if the value is the mapping's.
    pub column: String,
    /// The component.
    pub component: String,
    /// What the file has.
    pub value: String,
    /// What was expected.
    pub expected: String,
    /// The nearest valid code.
    pub nearest: Option<String>,
    /// What kind of mistake.
    pub kind: ProblemKind,
}

/// Checks rows and collects them as columns.
pub struct Validator {
    columns: Vec<Column>,
    filters: Vec<(usize, Keep)>,
    /// Texts that mean there is no figure, and the OBS_STATUS that says why.
    missing: HashMap<String, Option<String>>,
    shape: Shape,
    headings: Vec<String>,
    batch: BatchBuilder,
    problems: Vec<Problem>,
    total: u64,
    time: usize,
    measure: usize,
    unit: Option<usize>,
    status: Option<usize>,
    frequency: Option<usize>,
}

impl Validator {
    /// A validator of rows under `mapping`. Columns that the mapping does not use are problems if it says so.
    pub fn new(mapping: BoundMapping) -> Self {
        let schema = &mapping.schema;
        let position = |id: &str| schema.components().position(|c| c.id == id);
        let (time, measure) = (schema.dimensions.len(), schema.measure_index());
        let role = |index: usize| match index {
            i if i < time => Role::Dimension,
            i if i == time => Role::Time,
            i if i == measure => Role::Measure,
            _ => Role::Attribute,
        };
        let sources = mapping.sources.iter().enumerate();
        let columns = schema.components().zip(sources);
        let columns = columns.map(|(component, (i, source))| Column::new(component.clone(), source.clone(), role(i)));
        let mut validator = Self {
            columns: columns.collect(),
            batch: BatchBuilder::new(schema),
            problems: Vec::new(),
            total: 0,
            time,
            measure,
            unit: position("UNIT_MEASURE"),
            status: position("OBS_STATUS"),
            frequency: position("FREQ"),
            filters: mapping.filters.clone(),
            missing: mapping.missing.clone(),
            shape: mapping.shape.clone(),
            headings: mapping.headings.clone(),
        };
        for heading in mapping.unmapped_columns().filter(|_| mapping.refuse_unmapped) {
            validator.note(Problem {
                row: 1,
                column: heading.to_owned(),
                component: String::new(),
                value: heading.chars().take(MAX_QUOTE).collect(),
                expected: "a column that the mapping uses".to_owned(),
                nearest: None,
                kind: ProblemKind::UnmappedColumn,
            });
        }
        validator
    }

    /// The columns of [`Validator::take`]: the dataflow's, then [`ROW`].
    pub fn batch_schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// Problems found so far, also those not kept.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The first [`MAX_PROBLEMS`] problems.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Rows waiting to be taken.
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// Notes a problem found elsewhere, such as a malformed line.
    pub fn note(&mut self, problem: Problem) {
        self.total += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Checks one row; false if the mapping's filters leave it out.
    pub fn push<R: Row + ?Sized>(&mut self, line: u64, row: &R) -> bool {
        let field = |index: usize| row.field(index).unwrap_or("").trim();
        if self.filters.iter().any(|(index, keep)| !keep.keeps(field(*index))) {
            return false;
        }
        let before = self.total;
        // A problem that is only counted needs no advice; one that is kept was judged when there was still room.
        let advise = self.problems.len() < MAX_PROBLEMS;
        for index in 0..self.columns.len() {
            let column = &mut self.columns[index];
            column.look(column.field().map_or("", field), advise);
            if let Some(fault) = &column.current().fault {
                let fault = fault.clone();
                self.report(line, index, row, fault);
            }
        }
        let value = self.value(line, row);
        self.check_frequency(line, row);
        if self.total == before {
            // What the mapping says of all rows is not true of a row that the file marks as missing.
            let unsaid = value.is_none().then_some(self.status).flatten();
            let unsaid = unsaid.filter(|status| !NO_FIGURE.contains(&self.text(Some(*status))));
            let measure = self.measure;
            let figure = self.columns[measure].current().text.as_str();
            let mark = unsaid.and_then(|_| self.missing.get(figure)).and_then(Option::as_deref);
            let reason = mark.unwrap_or(MISSING);
            let cells = self.columns.iter().enumerate().filter(|(index, _)| *index != measure);
            let texts = cells.map(|(index, c)| if unsaid == Some(index) { reason } else { c.current().text.as_str() });
            self.batch.push(texts, value, line);
        }
        true
    }

    /// The rows since the last call, as a batch.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.batch.finish()
    }

    /// This row's text of a component; empty if the dataflow has no such component.
    fn text(&self, index: Option<usize>) -> &str {
        index.map_or("", |index| self.columns[index].current().text.as_str())
    }

    /// The row's figure, after its rules; none if there is none or it broke one.
    fn value<R: Row + ?Sized>(&mut self, line: u64, row: &R) -> Option<f64> {
        let fault = |kind, expected: String| Some(Fault { kind, expected, nearest: None });
        let (text, status) = (self.text(Some(self.measure)), self.text(self.status));
        let no_figure = NO_FIGURE.contains(&status);
        let marked = self.missing.contains_key(text);
        let (value, fault) = if text.is_empty() || marked {
            let said = self.status.is_some_and(|i| self.columns[i].current().given);
            let expected = "a number, or an OBS_STATUS that says why there is none (H, L, M, O or Q)";
            let silent = !no_figure && (said || !marked || self.status.is_none());
            (None, silent.then(|| fault(ProblemKind::MissingValue, expected.to_owned())).flatten())
        } else {
            match text.parse::<f64>() {
                Ok(value) if !value.is_finite() => (None, fault(ProblemKind::NotFinite, "a finite number".to_owned())),
                Ok(_) if no_figure => {
                    let expected = format!("no figure, since OBS_STATUS `{status}` says that there is none");
                    (None, fault(ProblemKind::UnexpectedValue, expected))
                }
                Ok(value) if value < 0.0 && self.text(self.unit) != "USD" => {
                    (None, fault(ProblemKind::NegativeCount, "a count of zero or more".to_owned()))
                }
                // Minus zero is zero.
                Ok(value) => (Some(value + 0.0), None),
                Err(_) => {
                    let expected = "a number with a decimal point and no separators".to_owned();
                    (None, fault(ProblemKind::WrongType, expected))
                }
            }
        };
        if let Some(fault) = fault {
            self.report(line, self.measure, row, fault);
        }
        value
    }

    fn check_frequency<R: Row + ?Sized>(&mut self, line: u64, row: &R) {
        let frequency = self.text(self.frequency);
        let Some(length) = self.columns[self.time].current().length else { return };
        if !frequency.is_empty() && !length.fits(frequency) {
            let expected = format!("a period of frequency `{frequency}`");
            self.report(line, self.time, row, Fault { kind: ProblemKind::ImpossiblePeriod, expected, nearest: None });
        }
    }

    fn report<R: Row + ?Sized>(&mut self, line: u64, index: usize, row: &R, fault: Fault) {
        let column = &self.columns[index];
        let (heading, value) = match column.field() {
            None => (String::new(), column.current().text.as_str()),
            Some(field) => {
                let origin = self.shape.origin(field, row.cell()).and_then(|origin| self.headings.get(origin));
                (origin.cloned().unwrap_or_default(), row.field(field).unwrap_or("").trim())
            }
        };
        let problem = Problem {
            row: line,
            column: heading,
            component: column.component.id.clone(),
            value: value.chars().take(MAX_QUOTE).collect(),
            expected: fault.expected,
            nearest: fault.nearest,
            kind: fault.kind,
        };
        self.note(problem);
    }
}

#[cfg(test)]
mod tests;
