//! A copy of the sheet with what is wrong marked in its cells, for the person who has to correct it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use chancery_schema::mapping::Mapping;
use chancery_schema::rows::RowBatch;
use chancery_schema::validate::{Problem, Severity};
use rust_xlsxwriter::{Color, Format, FormatBorder, Note, Workbook, Worksheet, XlsxError};

use super::findings::Findings;
use super::progress::Progress;
use super::source::{self, Opened};
use super::{all_of, name_of};
use crate::error::{Doing as _, Error, Result};

/// Rows of an XLSX sheet.
const MAX_ROWS: u64 = 1 << 20;
/// Columns of an XLSX sheet.
const MAX_COLUMNS: usize = 1 << 14;
/// Longest text of a cell, in characters.
const MAX_TEXT: usize = 32_767;
/// Most notes: spreadsheets open slowly with more.
const MAX_NOTES: u64 = 10_000;
/// Longest note, in characters.
const MAX_NOTE: usize = 1_000;

/// What a marked copy has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marked {
    /// Cells that are marked.
    pub cells: u64,
    /// Whether the source has more rows than a sheet can have; those are left out.
    pub cut_off: bool,
}

struct Styles {
    heading: Format,
    error: Format,
    warning: Format,
}

impl Styles {
    fn new() -> Self {
        let marked =
            |colour: u32| Format::new().set_background_color(Color::RGB(colour)).set_border(FormatBorder::Thin);
        Self { heading: Format::new().set_bold(), error: marked(0xFF_C7_CE), warning: marked(0xFF_EB_9C) }
    }

    fn of(&self, problems: &[&Problem]) -> &Format {
        let wrong = problems.iter().any(|problem| problem.kind.severity() == Severity::Error);
        if wrong { &self.error } else { &self.warning }
    }
}

/// Reads the source again and writes it as XLSX to `out`, cells with errors red, with warnings yellow, each with a note that says what
/// is expected; a second sheet lists the problems.
pub fn mark(file: Option<&Path>, mapping: &str, findings: &Findings, out: &Path) -> Result<Marked> {
    let mapping = Mapping::parse(mapping).map_err(|errors| all_of("the mapping file is wrong", &errors))?;
    let Opened { mut rows, .. } = source::open(file, &mapping, &Progress::default())?;
    let writing = || format!("cannot write the marked copy `{}`", out.display());
    let mut workbook = Workbook::new();
    let styles = Styles::new();
    let sheet = workbook.add_worksheet_with_constant_memory().or_storage(writing)?;
    // A query's first row is its row 1; a file's first row has the headings.
    let offset = u64::from(file.is_none());
    sheet.set_name("Data").or_storage(writing)?;
    let mut copy = Copy::new(sheet, rows.headings(), findings, &styles, offset);
    copy.headings(rows.headings()).or_storage(writing)?;
    let read = rows.read(&mut |batch| copy.rows(batch));
    let Copy { marked, failed, .. } = copy;
    match failed {
        Some(error) => return Err(error).or_storage(writing),
        None => read.map_err(|error| source::failed(Path::new(&name_of(file)), error))?,
    }
    list(workbook.add_worksheet(), findings, &styles).or_storage(writing)?;
    workbook.save(out).map_err(|e| Error::Storage { what: writing(), cause: Some(Box::new(e)) })?;
    Ok(marked)
}

/// The copy in the making.
struct Copy<'a> {
    sheet: &'a mut Worksheet,
    styles: &'a Styles,
    /// What is wrong, by row and column.
    wrong: HashMap<(u64, usize), Vec<&'a Problem>>,
    /// How far below its place in the source a row stands.
    offset: u64,
    columns: usize,
    marked: Marked,
    failed: Option<XlsxError>,
}

impl<'a> Copy<'a> {
    fn new(
        sheet: &'a mut Worksheet,
        headings: &[String],
        findings: &'a Findings,
        styles: &'a Styles,
        offset: u64,
    ) -> Self {
        let mut wrong: HashMap<(u64, usize), Vec<&Problem>> = HashMap::new();
        for problem in &findings.problems {
            // What is wrong with a row as a whole is told at its first cell.
            let column = headings.iter().position(|heading| *heading == problem.column).unwrap_or(0);
            wrong.entry((problem.row, column)).or_default().push(problem);
        }
        let columns = headings.len().min(MAX_COLUMNS);
        Self { sheet, styles, wrong, offset, columns, marked: Marked::default(), failed: None }
    }

    fn headings(&mut self, headings: &[String]) -> std::result::Result<(), XlsxError> {
        for (column, heading) in (0..).zip(headings.iter().take(self.columns)) {
            self.sheet.write_string_with_format(0, column, clip(heading), &self.styles.heading)?;
        }
        Ok(())
    }

    fn rows(&mut self, batch: &mut RowBatch) -> ControlFlow<()> {
        // Rows of a sheet are written in order; those that could not be read have their text in the first cell.
        let mut faults = std::mem::take(&mut batch.faults).into_iter().peekable();
        for (line, row) in batch.iter() {
            while let Some(fault) = faults.next_if(|fault| fault.row < line) {
                self.row(fault.row, &[fault.value.as_str()])?;
            }
            self.row(line, &row.iter().collect::<Vec<_>>())?;
        }
        faults.try_for_each(|fault| self.row(fault.row, &[fault.value.as_str()]))
    }

    fn row(&mut self, line: u64, texts: &[&str]) -> ControlFlow<()> {
        let Some(at) = (line + self.offset).checked_sub(1).filter(|at| *at < MAX_ROWS) else {
            self.marked.cut_off = true;
            return ControlFlow::Break(());
        };
        for column in 0..texts.len().min(MAX_COLUMNS).max(self.columns) {
            let text = texts.get(column).copied().unwrap_or("");
            if let Err(error) = self.cell(line, (at as u32, column as u16), text) {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn cell(&mut self, line: u64, (row, column): (u32, u16), text: &str) -> std::result::Result<(), XlsxError> {
        let problems = self.wrong.get(&(line, usize::from(column)));
        write(self.sheet, (row, column), text, problems.map(|problems| self.styles.of(problems)))?;
        if let Some(problems) = problems {
            self.marked.cells += 1;
            if self.marked.cells <= MAX_NOTES {
                self.sheet.insert_note(row, column, &note(problems))?;
            }
        }
        Ok(())
    }
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// A text as the number it is, if writing the number gives the text again.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number.to_string() == text).then_some(number)
}

fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    text: &str,
    style: Option<&Format>,
) -> std::result::Result<(), XlsxError> {
    match (number(text), style) {
        (Some(number), Some(style)) => sheet.write_number_with_format(row, column, number, style)?,
        (Some(number), None) => sheet.write_number(row, column, number)?,
        (None, Some(style)) if text.is_empty() => sheet.write_blank(row, column, style)?,
        (None, None) if text.is_empty() => return Ok(()),
        (None, Some(style)) => sheet.write_string_with_format(row, column, clip(text), style)?,
        (None, None) => sheet.write_string(row, column, clip(text))?,
    };
    Ok(())
}

fn note(problems: &[&Problem]) -> Note {
    let tell = |problem: &&Problem| {
        let nearest = problem.nearest.iter().map(|code| format!("; nearest: {code}")).collect::<String>();
        let (severity, kind) = (problem.kind.severity().name(), problem.kind.name());
        format!("{severity} {kind} in {}: expected {}{nearest}", problem.component, problem.expected)
    };
    let text = problems.iter().map(tell).collect::<Vec<_>>().join("\n");
    Note::new(text.chars().take(MAX_NOTE).collect::<String>()).add_author_prefix(false).set_width(320).set_height(120)
}

fn list(sheet: &mut Worksheet, findings: &Findings, styles: &Styles) -> std::result::Result<(), XlsxError> {
    sheet.set_name("Problems")?;
    let headings = ["row", "column", "component", "value", "level", "kind", "expected", "nearest"];
    for (column, heading) in (0..).zip(headings) {
        sheet.write_string_with_format(0, column, heading, &styles.heading)?;
    }
    for (row, problem) in (1..).zip(findings.problems.iter().take(MAX_ROWS as usize - 1)) {
        sheet.write_number(row, 0, problem.row as f64)?;
        let nearest = problem.nearest.as_deref().unwrap_or("");
        let (severity, kind) = (problem.kind.severity().name(), problem.kind.name());
        let texts = [&problem.column, &problem.component, &problem.value, severity, kind, &problem.expected, nearest];
        for (column, text) in (1..).zip(texts) {
            sheet.write_string(row, column, clip(text))?;
        }
    }
    Ok(())
}
