//! Office Open XML workbooks, read a cell at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use chancery_schema::rows::SourceError;

use super::sheet::{Cell, Cells};
use super::{Progress, archive};

/// Most merged regions that are minded.
const MAX_MERGED: usize = 100_000;

/// A sheet of a workbook.
pub(super) struct XlsxCells {
    workbook: Xlsx<BufReader<File>>,
    sheet: String,
    /// Rows and columns that merged cells span, by their first cell.
    merged: HashMap<(u32, u32), (u32, u32)>,
    progress: Progress,
}

impl XlsxCells {
    /// Opens the workbook, at none of its sheets.
    pub(super) fn open(path: &Path, progress: &Progress) -> Result<Self, SourceError> {
        drop(archive::open(path)?);
        let file = BufReader::new(File::open(path).map_err(SourceError::Read)?);
        let workbook = Xlsx::new(file).map_err(wrong)?;
        Ok(Self { merged: HashMap::new(), workbook, sheet: String::new(), progress: progress.clone() })
    }
}

impl Cells for XlsxCells {
    fn names(&self) -> Vec<String> {
        self.workbook.sheet_names()
    }

    fn sheet(&self) -> &str {
        &self.sheet
    }

    fn turn_to(&mut self, sheet: &str) -> Result<(), SourceError> {
        let regions = self.workbook.merge_cells_by_sheet_name(sheet).map_err(wrong)?;
        let merged = regions.into_iter().take(MAX_MERGED).map(|region| {
            let ((top, left), (bottom, right)) = (region.start, region.end);
            ((top, left), (bottom.saturating_sub(top) + 1, right.saturating_sub(left) + 1))
        });
        self.merged = merged.collect();
        sheet.clone_into(&mut self.sheet);
        Ok(())
    }

    fn each(&mut self, sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>) -> Result<(), SourceError> {
        let (sheet, mut last) = (&self.sheet, 0);
        let mut reader = self.workbook.worksheet_cells_reader(sheet).map_err(wrong)?;
        let rows = u64::from(reader.dimensions().end.0) + 1;
        let damaged = |row: u32, error: XlsxError| {
            let place = if row == 0 { "before its first cell".to_owned() } else { format!("in row {row} or behind") };
            SourceError::Format(format!("sheet `{sheet}`, {place}: it cannot be read: {error}"))
        };
        while let Some(cell) = reader.next_cell().map_err(|error| damaged(last, error))? {
            let row = cell.get_position().0 + 1;
            if row > last {
                self.progress.read_row(row.into(), rows);
            }
            last = row;
            let text = match cell.get_value() {
                DataRef::Empty => continue,
                DataRef::Int(number) => number.to_string(),
                DataRef::Float(number) => number.to_string(),
                DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
                DataRef::SharedString(text) => (*text).to_owned(),
                DataRef::Bool(value) => value.to_string(),
                DataRef::DateTime(time) => date(*time),
                DataRef::Error(error) => error.to_string(),
            };
            let (row, column) = cell.get_position();
            let span = self.merged.get(&(row, column)).copied().unwrap_or((1, 1));
            if !text.trim().is_empty() && sink(Cell { row, column, text: &text, span }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The day as ISO 8601 writes it, with the time where there is one.
fn date(time: ExcelDateTime) -> String {
    if !time.is_datetime() {
        return time.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) { day } else { format!("{day}T{hour:02}:{minute:02}:{second:02}") }
}

fn wrong(error: XlsxError) -> SourceError {
    SourceError::Format(format!("it cannot be read as a workbook: {error}"))
}
