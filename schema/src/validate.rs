//! Checks rows against a dataflow and turns them into columns; every problem is kept, none stops the reading.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use chrono::NaiveDate;
use serde::Serialize;

use crate::dataset::Component;
use crate::mapping::{BoundMapping, Source, nearest};
use crate::period::{Length, Period};

/// The column that remembers which line of the file a row came from.
pub const ROW: &str = "_row";
/// Most problems kept with their details; all are counted.
pub const MAX_PROBLEMS: usize = 1_000;
/// Longest text of an uncoded attribute, in characters.
const MAX_TEXT: usize = 4_000;
/// OBS_STATUS codes that say why there is no figure.
const NO_FIGURE: [&str; 5] = ["H", "L", "M", "O", "Q"];

/// What kind of mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Not a code of the list.
    UnknownCode,
    /// Not a number, or a text too long.
    WrongType,
    /// An empty dimension.
    MissingDimension,
    /// An empty mandatory attribute, or no figure and no reason.
    MissingValue,
    /// Not a period, an impossible one, or not one of the frequency.
    ImpossiblePeriod,
    /// A count below zero.
    NegativeCount,
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
    mapping: BoundMapping,
    texts: Vec<StringBuilder>,
    values: Float64Builder,
    lines: Int64Builder,
    rows: usize,
    problems: Vec<Problem>,
    total: u64,
    unit: Option<usize>,
    status: Option<usize>,
    frequency: Option<usize>,
    cells: Vec<String>,
}

impl Validator {
    /// A validator of rows under `mapping`.
    pub fn new(mapping: BoundMapping) -> Self {
        let position = |id: &str| mapping.schema.components().position(|c| c.id == id);
        Self {
            texts: (0..mapping.sources.len()).map(|_| StringBuilder::new()).collect(),
            values: Float64Builder::new(),
            lines: Int64Builder::new(),
            rows: 0,
            problems: Vec::new(),
            total: 0,
            unit: position("UNIT_MEASURE"),
            status: position("OBS_STATUS"),
            frequency: position("FREQ"),
            cells: vec![String::new(); mapping.sources.len()],
            mapping,
        }
    }

    /// The columns of [`Validator::take`]: the dataflow's, then [`ROW`].
    pub fn batch_schema(&self) -> SchemaRef {
        let schema = self.mapping.schema.arrow_schema();
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(ROW, DataType::Int64, false)));
        Arc::new(Schema::new(fields))
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
        self.rows
    }

    /// Notes a problem found elsewhere, such as a malformed line.
    pub fn note(&mut self, problem: Problem) {
        self.total += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Checks one row; false if the mapping's filters leave it out.
    pub fn push(&mut self, line: u64, row: &csv::StringRecord) -> bool {
        if self.mapping.filters.iter().any(|(index, any_of)| !any_of.contains(row.get(*index).unwrap_or("").trim())) {
            return false;
        }
        let before = self.total;
        self.read_cells(row);
        self.check_codes(line);
        let value = self.check_value(line);
        self.check_period(line);
        if self.total == before {
            let measure = self.mapping.schema.measure_index();
            for (index, (builder, cell)) in self.texts.iter_mut().zip(&self.cells).enumerate() {
                if index == measure {
                    continue;
                }
                if cell.is_empty() { builder.append_null() } else { builder.append_value(cell) }
            }
            self.values.append_option(value);
            self.lines.append_value(line as i64);
            self.rows += 1;
        }
        true
    }

    /// The rows since the last call, as a batch.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let measure = self.mapping.schema.measure_index();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.texts.len() + 1);
        for (index, builder) in self.texts.iter_mut().enumerate() {
            columns.push(if index == measure { Arc::new(self.values.finish()) } else { Arc::new(builder.finish()) });
        }
        columns.push(Arc::new(self.lines.finish()));
        self.rows = 0;
        RecordBatch::try_new(self.batch_schema(), columns)
    }

    /// Fills `cells` with each component's text, mapped and cut.
    fn read_cells(&mut self, row: &csv::StringRecord) {
        for index in 0..self.cells.len() {
            let text = match &self.mapping.sources[index] {
                Source::Value(value) => value.clone(),
                Source::Column { index: column, map, default, period } => {
                    let text = row.get(*column).unwrap_or("").trim();
                    let mapped = map.get(text).map_or(text, String::as_str);
                    let filled = if mapped.is_empty() { default.as_deref().unwrap_or("") } else { mapped };
                    match period {
                        Some(length) if !filled.is_empty() => cut(filled, *length),
                        _ => filled.to_owned(),
                    }
                }
            };
            self.cells[index] = text;
        }
    }

    fn check_codes(&mut self, line: u64) {
        let schema = self.mapping.schema.clone();
        let (time, measure) = (schema.dimensions.len(), schema.measure_index());
        for (index, component) in schema.components().enumerate().filter(|(i, _)| *i != time && *i != measure) {
            let cell = &self.cells[index];
            if cell.is_empty() {
                if component.mandatory {
                    let kind = if index < time { ProblemKind::MissingDimension } else { ProblemKind::MissingValue };
                    let expected = format!("a value of {}", describe(component));
                    self.report(line, index, component, expected, None, kind);
                }
            } else if let Some(codes) = &component.codes {
                if !codes.contains(cell) {
                    let nearest = nearest(cell, codes.iter().map(|(code, _)| code)).map(str::to_owned);
                    self.report(
                        line,
                        index,
                        component,
                        format!("a code of {}", codes.reference.id),
                        nearest,
                        ProblemKind::UnknownCode,
                    );
                }
            } else if cell.chars().count() > MAX_TEXT {
                self.report(
                    line,
                    index,
                    component,
                    format!("at most {MAX_TEXT} characters"),
                    None,
                    ProblemKind::WrongType,
                );
            }
        }
    }

    fn check_value(&mut self, line: u64) -> Option<f64> {
        let index = self.mapping.schema.measure_index();
        let component = self.mapping.schema.measure.clone();
        let cell = self.cells[index].clone();
        let status = self.status.map(|i| self.cells[i].clone()).unwrap_or_default();
        if cell.is_empty() || self.mapping.missing.contains(&cell) {
            if !NO_FIGURE.contains(&status.as_str()) {
                let expected = "a number, or an OBS_STATUS that says why there is none (H, L, M, O or Q)".to_owned();
                self.report(line, index, &component, expected, None, ProblemKind::MissingValue);
            }
            return None;
        }
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                let money = self.unit.is_some_and(|i| self.cells[i] == "USD");
                if value < 0.0 && !money {
                    let expected = "a count of zero or more".to_owned();
                    self.report(line, index, &component, expected, None, ProblemKind::NegativeCount);
                }
                Some(value)
            }
            _ => {
                let expected = "a number with a decimal point and no separators".to_owned();
                self.report(line, index, &component, expected, None, ProblemKind::WrongType);
                None
            }
        }
    }

    fn check_period(&mut self, line: u64) {
        let index = self.mapping.schema.dimensions.len();
        let component = self.mapping.schema.time.clone();
        let frequency = self.frequency.map(|i| self.cells[i].clone()).unwrap_or_default();
        let expected = match Period::parse(&self.cells[index]) {
            Some(period) if period.length.fits(&frequency) => return,
            Some(_) => format!("a period of frequency `{frequency}`"),
            None => "a time period such as 2020, 2020-Q1, 2020-01 or 2020-01-31".to_owned(),
        };
        let kind =
            if self.cells[index].is_empty() { ProblemKind::MissingDimension } else { ProblemKind::ImpossiblePeriod };
        self.report(line, index, &component, expected, None, kind);
    }

    fn report(
        &mut self,
        row: u64,
        index: usize,
        component: &Component,
        expected: String,
        nearest: Option<String>,
        kind: ProblemKind,
    ) {
        let column = match &self.mapping.sources[index] {
            Source::Value(_) => String::new(),
            Source::Column { index, .. } => self.mapping.headings[*index].clone(),
        };
        let value = self.cells[index].chars().take(100).collect();
        self.note(Problem { row, column, component: component.id.clone(), value, expected, nearest, kind });
    }
}

fn describe(component: &Component) -> String {
    match &component.codes {
        Some(codes) => codes.reference.id.clone(),
        None => component.name.clone(),
    }
}

/// Cuts an ISO date or time to the period it lies in; other text stays for the period check to refuse.
fn cut(text: &str, length: Length) -> String {
    let day = text.get(..10).and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    day.map_or_else(|| text.to_owned(), |day| Period::text_of(day, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;

    const MAPPING: &str = r#"
        dataflow = "RCP:RETURNS(1.0.0)"
        [components]
        FREQ = { value = "M" }
        REF_AREA = { value = "GTM" }
        ORIGIN = { column = "from" }
        DESTINATION = { value = "GTM" }
        RETURN_TYPE = { value = "_T" }
        SEX = { column = "sex", map = { male = "M", female = "F" }, default = "_U" }
        AGE = { value = "_T" }
        TIME_PERIOD = { column = "t", period = "month" }
        OBS_VALUE = { column = "n" }
        OBS_STATUS = { column = "status", default = "A" }
        CONF_STATUS = { value = "F" }
        UNIT_MEASURE = { value = "PS" }
        COUNTED = { value = "PERSONS" }
        BASIS = { value = "CITIZENSHIP" }
        SOURCE_KIND = { value = "ADMINISTRATIVE" }
        SOURCE = { value = "IGM" }
    "#;

    fn validator() -> Validator {
        let structures = crate::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let headings = ["t", "sex", "from", "n", "status"].map(str::to_owned);
        Validator::new(Mapping::parse(MAPPING).unwrap().bind(&schema, &headings).unwrap())
    }

    fn problem(row: &[&str]) -> Option<Problem> {
        let mut validator = validator();
        validator.push(2, &csv::StringRecord::from(row.to_vec()));
        validator.into_problems().into_iter().next()
    }

    #[test]
    fn a_good_row_becomes_columns() {
        let mut validator = validator();
        assert!(validator.push(2, &csv::StringRecord::from(vec!["2024-03-01", "male", "MEX", "17", ""])));
        let batch = validator.take().unwrap();
        assert_eq!((batch.num_rows(), validator.total()), (1, 0));
        let time = batch.column_by_name("TIME_PERIOD").unwrap();
        assert_eq!(arrow::util::display::array_value_to_string(time, 0).unwrap(), "2024-03");
    }

    #[test]
    fn every_kind_of_mistake_is_told_with_its_place() {
        let cases: [(&[&str], ProblemKind, &str, Option<&str>); 8] = [
            (&["2024-03-01", "male", "MEC", "17", ""], ProblemKind::UnknownCode, "from", Some("MEX")),
            (&["2024-03-01", "male", "NA", "17", ""], ProblemKind::UnknownCode, "from", Some("NAM")),
            (&["2024-03-01", "male", "", "17", ""], ProblemKind::MissingDimension, "from", None),
            (&["2024-03-01", "male", "MEX", "<5", ""], ProblemKind::WrongType, "n", None),
            (&["2024-03-01", "male", "MEX", "-1", ""], ProblemKind::NegativeCount, "n", None),
            (&["2024-03-01", "male", "MEX", "", ""], ProblemKind::MissingValue, "n", None),
            (&["2024-13-01", "male", "MEX", "17", ""], ProblemKind::ImpossiblePeriod, "t", None),
            (&["2024-03-01", "male", "MEX", "NaN", ""], ProblemKind::WrongType, "n", None),
        ];
        for (row, kind, column, nearest) in cases {
            let problem = problem(row).unwrap();
            assert_eq!((problem.row, problem.kind, problem.column.as_str()), (2, kind, column), "{row:?}");
            if nearest.is_some() {
                assert_eq!(problem.nearest.as_deref(), nearest, "{row:?}");
            }
        }
        assert_eq!(problem(&["2024-03-01", "", "MEX", "", "Q"]), None);
    }

    #[test]
    fn mapping_mistakes_are_all_told() {
        let structures = crate::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let text =
            MAPPING.replace("\"PERSONS\"", "\"PERSON\"").replace("\"from\"", "\"form\"").replace("FREQ =", "FREK =");
        let errors = Mapping::parse(&text).unwrap().bind(&schema, &["from".to_owned()]).unwrap_err();
        let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for part in
            ["`FREK` is no component", "`FREQ` is not mapped", "did you mean `from`?", "did you mean `PERSONS`?"]
        {
            assert!(all.contains(part), "{part} in {all}");
        }
    }
}
