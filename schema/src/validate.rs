//! Checks rows against a dataflow and turns them into columns; every problem is kept, none stops the reading.

mod column;
mod marks;
mod once;
mod packing;
mod problem;
pub mod rules;
mod systems;
mod totals;

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use column::{Column, Fault, Role};
use once::{Of, Once};
use packing::{Cell, PackedBuilder};
pub use packing::{KEY, Packing, Repeated, sorted};
pub use problem::{KindCount, MAX_LISTED, MAX_PROBLEMS, Problem, ProblemKind, Problems, Severity};
pub use totals::{Parts, Slices, Totals};

use crate::mapping::{BoundMapping, Keep, Origin, Shape, Source};
pub use crate::rows::Row;

/// The column that remembers which line of the file a row came from.
pub const ROW: &str = "_row";
/// Longest text of the file that a problem quotes, in characters.
const MAX_QUOTE: usize = 100;
/// OBS_STATUS codes that say why there is no figure.
const NO_FIGURE: [&str; 5] = ["H", "L", "M", "O", "Q"];
/// OBS_STATUS of a figure that the file marks as missing without saying why.
const MISSING: &str = "O";
/// The code list of areas.
const AREAS: &str = "CL_AREA";

/// Checks rows and collects them as columns.
pub struct Validator {
    columns: Vec<Column>,
    filters: Vec<(usize, Keep)>,
    /// Texts that mean there is no figure, and the OBS_STATUS that says why.
    missing: HashMap<String, Option<String>>,
    shape: Shape,
    headings: Vec<String>,
    batch: PackedBuilder,
    problems: Problems,
    once: Once,
    /// Whether nothing is wrong with the row that is looked at.
    sound: bool,
    time: usize,
    measure: usize,
    unit: Option<usize>,
    status: Option<usize>,
    frequency: Option<usize>,
    /// Columns that need a look at each row: after the first, those whose text is not the same in all.
    varying: Vec<usize>,
    /// Columns of codes that can have ended.
    dated: Vec<usize>,
}

impl Validator {
    /// A validator of rows under `mapping`. Columns that the mapping does not use are problems if it says so.
    pub fn new(mapping: BoundMapping) -> Self {
        Self::keeping(mapping, MAX_PROBLEMS)
    }

    /// Likewise; keeps at most `limit` problems with their details.
    pub fn keeping(mapping: BoundMapping, limit: usize) -> Self {
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
        let columns =
            columns.map(|(component, (i, source))| Column::new(component.clone(), source.clone(), role(i), i));
        let columns: Vec<Column> = columns.collect();
        let dated =
            columns.iter().enumerate().filter(|(_, column)| column.has_ends()).map(|(index, _)| index).collect();
        let constant = |id: &str| position(id).and_then(|i| mapping.sources.get(i)).and_then(Source::constant);
        let mut validator = Self {
            varying: (0..columns.len()).collect(),
            columns,
            dated,
            batch: PackedBuilder::new(Packing::new(schema, constant)),
            problems: Problems::new(limit),
            once: Once::default(),
            sound: true,
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

    /// How [`Validator::take_packed`] packs the rows.
    pub fn packing(&self) -> &Packing {
        self.batch.packing()
    }

    /// Errors found so far.
    pub fn errors(&self) -> u64 {
        self.problems.errors() + self.once.errors()
    }

    /// Rows waiting to be taken.
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// Bytes of their keys and texts.
    pub fn bytes(&self) -> usize {
        self.batch.bytes()
    }

    /// Notes a problem found elsewhere, such as a malformed line.
    pub fn note(&mut self, problem: Problem) {
        self.problems.note(problem);
    }

    /// Notes a component of a message that its dataflow does not have; `row` is the first observation with it.
    pub fn note_strange(&mut self, component: &str, row: u64) {
        let ids = self.columns.iter().map(|column| column.component.id.as_str());
        let nearest = crate::mapping::nearest(component, ids).map(str::to_owned);
        self.note(Problem {
            row,
            column: component.chars().take(MAX_QUOTE).collect(),
            component: String::new(),
            value: component.chars().take(MAX_QUOTE).collect(),
            expected: "a component of the dataflow that the message says it is of".to_owned(),
            nearest,
            kind: ProblemKind::UnmappedColumn,
        });
    }

    /// Checks one row; false if the mapping's filters leave it out.
    pub fn push<R: Row + ?Sized>(&mut self, line: u64, row: &R) -> bool {
        let field = |index: usize| row.field(index).unwrap_or("").trim();
        if self.filters.iter().any(|(index, keep)| !keep.keeps(field(*index))) {
            return false;
        }
        self.sound = true;
        if !self.once.is_at(line) {
            self.once.end_row(&mut self.problems);
        }
        // A problem that is only counted needs no advice; one that is kept was judged when there was still room.
        let advise = self.problems.has_room();
        for place in 0..self.varying.len() {
            let index = self.varying[place];
            let column = &mut self.columns[index];
            column.look(column.field().map_or("", field), self.batch.packing(), line, advise);
            if let Some(fault) = &column.current().fault {
                let fault = fault.clone();
                self.report(line, index, row, fault);
            }
        }
        let value = self.value(line, row);
        self.check_frequency(line, row);
        self.check_ends(line, row);
        if self.varying.len() == self.columns.len() {
            let columns = &self.columns;
            self.varying.retain(|index| !columns[*index].is_settled());
        }
        if self.sound {
            // What the mapping says of all rows is not true of a row that the file marks as missing.
            let unsaid = value.is_none().then_some(self.status).flatten();
            let unsaid = unsaid.filter(|status| !NO_FIGURE.contains(&self.text(Some(*status))));
            let figure = self.text(Some(self.measure));
            let mark = unsaid.and_then(|_| self.missing.get(figure)).and_then(Option::as_deref);
            let reason = mark.unwrap_or(MISSING);
            let number = unsaid.map_or(u16::MAX, |status| self.batch.packing().number(status, reason));
            let reason = Cell { text: reason, number };
            let columns = &self.columns;
            let cell = |index: usize| if unsaid == Some(index) { reason } else { columns[index].cell() };
            self.batch.push(cell, value, line);
        }
        true
    }

    /// Ends the reading: the problems kept.
    pub fn into_problems(self) -> Vec<Problem> {
        self.finish().into_kept()
    }

    /// Ends the reading: looks at each column as a whole. Returns what was found.
    pub fn finish(mut self) -> Problems {
        self.once.end(&mut self.problems);
        for index in 0..self.columns.len() {
            self.look_for_systems(index);
        }
        self.problems
    }

    /// Says whose codes a column of areas has, if they are not the shared list's.
    fn look_for_systems(&mut self, index: usize) {
        let column = &self.columns[index];
        let Some(codes) = column.component.codes.as_ref().filter(|codes| codes.reference.id == AREAS) else { return };
        let Some(heading) = column.field().and_then(|field| self.shape.origin(field, None)) else { return };
        let heading = self.headings.get(heading).cloned().unwrap_or_default();
        if column.source.has_system() {
            return;
        }
        let mut texts: Vec<(&str, &column::Judged)> = column.texts().collect();
        texts.sort_unstable_by_key(|(text, _)| *text);
        let all: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
        let Some(finding) = systems::find(&all, |text| codes.contains(text)) else { return };
        let (name, component) = (finding.system.name(), column.component.id.clone());
        let advice = finding.system.advice(&component);
        let problem = |row: u64, value: &str, expected: String, nearest: Option<&str>| Problem {
            row,
            column: heading.clone(),
            component: component.clone(),
            value: value.chars().take(MAX_QUOTE).collect(),
            expected,
            nearest: nearest.map(str::to_owned),
            kind: ProblemKind::OtherSystem,
        };
        let mut found = Vec::new();
        let first =
            texts.iter().filter(|(_, judged)| judged.fault.is_some()).map(|(text, judged)| (judged.line, *text)).min();
        if let Some((line, text)) = first {
            let expected =
                format!("codes of {AREAS}; {} of the {} codes are {name}'s: {advice}", finding.only_theirs, all.len());
            found.push(problem(line, text, expected, None));
        }
        for (text, meaning) in &finding.ambiguous {
            // What the mapping says of this text, it knows.
            let judged = texts.iter().find(|(known, judged)| known == text && judged.text == *text);
            let Some((_, judged)) = judged else { continue };
            let ours = codes.name(text).unwrap_or(text);
            let theirs = codes.name(meaning).unwrap_or(meaning);
            let expected = format!("{theirs}, which is `{text}` at {name}, rather than {ours}: {advice}");
            found.push(problem(judged.line, text, expected, Some(meaning)));
        }
        found.into_iter().for_each(|problem| self.note(problem));
    }

    /// The headings of the columns that components come from, for problems found in whole rows.
    pub fn headings(&self) -> HashMap<String, String> {
        let columns = self.columns.iter().filter_map(|column| {
            let heading = self.headings.get(self.shape.origin(column.field()?, None)?)?;
            Some((column.component.id.clone(), heading.clone()))
        });
        columns.collect()
    }

    /// The codes of each coded component that were met so far.
    pub fn codes_met(&self) -> HashMap<String, HashSet<String>> {
        let coded = self.columns.iter().filter(|column| column.component.codes.is_some());
        let met = |column: &Column| {
            let constant = column.field().is_none().then(|| column.current().text.clone());
            column.texts().map(|(_, judged)| judged.text.clone()).chain(constant).collect()
        };
        coded.map(|column| (column.component.id.clone(), met(column))).collect()
    }

    /// The rows since the last call, packed, in the file's order.
    pub fn take_packed(&mut self) -> Result<RecordBatch, ArrowError> {
        self.batch.finish()
    }

    /// The rows since the last call, in the file's order, as [`Packing::schema`] has them. At most 65,536 of them.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let packed = self.batch.finish()?;
        self.packing().unpack(&packed)
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
            let expected =
                "a number, or an OBS_STATUS that says why there is none (H, L, M, O or Q): an empty cell is not zero";
            let silent = !no_figure && (said || !marked || self.status.is_none());
            (None, silent.then(|| fault(ProblemKind::MissingValue, expected.to_owned())).flatten())
        } else {
            match text.parse::<f64>() {
                Ok(value) if !value.is_finite() => {
                    let expected = "a finite number; if there is no figure, list the text in `missing` under [options]: it is not zero";
                    (None, fault(ProblemKind::NotFinite, expected.to_owned()))
                }
                Ok(_) if no_figure => {
                    let expected = format!("no figure, since OBS_STATUS `{status}` says that there is none");
                    (None, fault(ProblemKind::UnexpectedValue, expected))
                }
                Ok(value) if value < 0.0 && self.text(self.unit) != "USD" => {
                    (None, fault(ProblemKind::NegativeCount, "a count of zero or more".to_owned()))
                }
                // Minus zero is zero.
                Ok(value) => (Some(value + 0.0), None),
                Err(_) => (None, Some(no_number(text))),
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

    fn check_ends<R: Row + ?Sized>(&mut self, line: u64, row: &R) {
        let Some(start) = self.columns[self.time].current().start else { return };
        for place in 0..self.dated.len() {
            let index = self.dated[place];
            if let Some(fault) = self.columns[index].expired(start) {
                self.report(line, index, row, fault);
            }
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
        self.sound &= problem.kind.severity() == Severity::Warning;
        let of = column.field().zip(row.cell()).and_then(|(field, cell)| match self.shape.comes_from(field) {
            Origin::Column(_) => Some(Of::Label(index)),
            Origin::Heading => Some(Of::Heading(cell, index)),
            Origin::Cell => None,
        });
        let problem = match of {
            Some(of) => self.once.take(of, problem),
            None => Some(problem),
        };
        problem.into_iter().for_each(|problem| self.note(problem));
    }
}

/// What a text is that should be a number.
fn no_number(text: &str) -> Fault {
    if let Some(mark) = marks::mark(text) {
        return Fault { kind: ProblemKind::FigureMark, expected: mark, nearest: None };
    }
    let mut expected = "a number with a decimal point and no separators".to_owned();
    if let Some(flag) = marks::flag(text) {
        expected.push_str(&format!("; the flag `{flag}` belongs to OBS_STATUS: split the column"));
    }
    Fault { kind: ProblemKind::WrongType, expected, nearest: None }
}

#[cfg(test)]
mod tests;
