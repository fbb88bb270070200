//! OpenDocument spreadsheets (OASIS OpenDocument 1.3, part 3, chapter 9), read a row at a time.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;

use chancery_schema::rows::{MAX_FIELDS, SourceError};
use chancery_schema::xml::reading::{attribute, resolve};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Found;
use super::archive::{self, Archive};
use super::sheet::{Cell, Cells};

/// Most rows of a sheet, repeated ones counted.
const MAX_ROWS: u32 = 1 << 20;
/// Most spaces that one element stands for.
const MAX_SPACES: usize = 1_000;

/// A sheet of a document.
pub(super) struct OdsCells {
    archive: Archive,
    sheet: String,
}

impl OdsCells {
    /// Opens `sheet`, or the first.
    pub(super) fn open(path: &Path, sheet: Option<&str>, found: &mut Vec<Found>) -> Result<Self, SourceError> {
        let mut archive = archive::open(path)?;
        let mut names = Vec::new();
        let mut reader = content(&mut archive)?;
        let mut buffer = Vec::new();
        loop {
            match reader.read_event_into(&mut buffer).map_err(|e| wrong(&e))? {
                Event::Start(start) if start.name().as_ref() == "table:table" => {
                    names.extend(attribute(&start, "table:name")?);
                }
                Event::Eof => break,
                _ => {}
            }
            buffer.clear();
        }
        drop(reader);
        let sheet = super::choose_sheet(&names, sheet, found)?;
        Ok(Self { archive, sheet })
    }
}

fn content(archive: &mut Archive) -> Result<Reader<impl BufRead + '_>, SourceError> {
    let entry =
        archive.by_name("content.xml").map_err(|_| SourceError::Format("it has no `content.xml`".to_owned()))?;
    Ok(Reader::from_reader(BufReader::new(entry)))
}

fn wrong(error: &quick_xml::Error) -> SourceError {
    SourceError::Format(format!("it cannot be read as an OpenDocument spreadsheet: {error}"))
}

/// A row in the making.
#[derive(Default)]
struct Row {
    /// Column, text, span.
    cells: Vec<(u32, String, (u32, u32))>,
    column: u32,
    repeated: u32,
}

/// A cell in the making.
struct Open {
    value: Option<String>,
    text: String,
    repeated: u32,
    span: (u32, u32),
}

impl Cells for OdsCells {
    fn each(&mut self, sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>) -> Result<(), SourceError> {
        let mut reader = content(&mut self.archive)?;
        let mut table = Table { sheet: &self.sheet, inside: false, notes: 0, line: 0, row: Row::default(), open: None };
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer).map_err(|e| wrong(&e))?;
            let flow = match &event {
                Event::Start(start) => table.start(start).map(ControlFlow::Continue)?,
                Event::Empty(start) => {
                    table.start(start)?;
                    table.end(start.name().as_ref(), sink)?
                }
                Event::End(end) => table.end(end.name().as_ref(), sink)?,
                Event::DocType(_) => {
                    return Err(SourceError::Format("it has a document type, which is refused".to_owned()));
                }
                Event::Eof => ControlFlow::Break(()),
                text => {
                    if let Some(cell) = table.open.as_mut().filter(|_| table.notes == 0) {
                        cell.text.push_str(&resolve(text)?);
                    }
                    ControlFlow::Continue(())
                }
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }
}

/// A sheet in the reading.
struct Table<'a> {
    sheet: &'a str,
    inside: bool,
    /// Depth in notes, whose text is not the cell's.
    notes: u32,
    line: u32,
    row: Row,
    open: Option<Open>,
}

impl Table<'_> {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), SourceError> {
        match start.name().as_ref() {
            "table:table" => self.inside |= attribute(start, "table:name")?.as_deref() == Some(self.sheet),
            _ if !self.inside => {}
            "office:annotation" => self.notes += 1,
            "table:table-row" => {
                self.row = Row { repeated: count(start, "table:number-rows-repeated")?, ..Row::default() };
            }
            "table:table-cell" | "table:covered-table-cell" => self.open = Some(Open::of(start)?),
            name => {
                if let Some(cell) = self.open.as_mut().filter(|_| self.notes == 0) {
                    cell.space(name, start)?;
                }
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        name: &str,
        sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, SourceError> {
        match name {
            _ if !self.inside => {}
            "table:table" => return Ok(ControlFlow::Break(())),
            "office:annotation" => self.notes = self.notes.saturating_sub(1),
            "table:table-cell" | "table:covered-table-cell" => {
                if let Some(cell) = self.open.take() {
                    self.row.put(cell)?;
                }
            }
            "table:table-row" => return std::mem::take(&mut self.row).hand_on(&mut self.line, sink),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Row {
    fn put(&mut self, cell: Open) -> Result<(), SourceError> {
        let text = cell.value.unwrap_or(cell.text);
        if !text.trim().is_empty() {
            if (self.column + cell.repeated) as usize > MAX_FIELDS {
                return Err(SourceError::TooLarge(format!("a row has more than {MAX_FIELDS} columns")));
            }
            for repeat in 0..cell.repeated {
                self.cells.push((self.column + repeat, text.clone(), cell.span));
            }
        }
        self.column = self.column.saturating_add(cell.repeated);
        Ok(())
    }

    fn hand_on(
        self,
        line: &mut u32,
        sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, SourceError> {
        let end = line.saturating_add(self.repeated);
        if !self.cells.is_empty() {
            if end > MAX_ROWS {
                return Err(SourceError::TooLarge(format!("its sheet has more than {MAX_ROWS} rows")));
            }
            for row in *line..end {
                for (column, text, span) in &self.cells {
                    if sink(Cell { row, column: *column, text, span: *span }).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        *line = end;
        Ok(ControlFlow::Continue(()))
    }
}

impl Open {
    fn of(start: &BytesStart<'_>) -> Result<Self, SourceError> {
        let value = match attribute(start, "office:value-type")?.as_deref() {
            Some("float" | "percentage" | "currency") => attribute(start, "office:value")?,
            Some("date") => attribute(start, "office:date-value")?,
            Some("boolean") => attribute(start, "office:boolean-value")?,
            _ => None,
        };
        let span = (count(start, "table:number-rows-spanned")?, count(start, "table:number-columns-spanned")?);
        Ok(Self { value, text: String::new(), repeated: count(start, "table:number-columns-repeated")?, span })
    }

    /// What stands for spaces within a text.
    fn space(&mut self, name: &str, start: &BytesStart<'_>) -> Result<(), SourceError> {
        match name {
            "text:p" if !self.text.is_empty() => self.text.push('\n'),
            "text:line-break" => self.text.push('\n'),
            "text:tab" => self.text.push('\t'),
            "text:s" => {
                let spaces = attribute(start, "text:c")?.and_then(|c| c.parse().ok()).unwrap_or(1);
                self.text.extend(std::iter::repeat_n(' ', spaces.min(MAX_SPACES)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A number of an attribute; 1 if there is none.
fn count(start: &BytesStart<'_>, name: &str) -> Result<u32, SourceError> {
    Ok(attribute(start, name)?.and_then(|text| text.parse().ok()).unwrap_or(1).max(1))
}
