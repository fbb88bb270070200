//! OpenDocument spreadsheets (OASIS OpenDocument 1.3, part 3, chapter 9), read a row at a time.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;

use chancery_schema::rows::{MAX_FIELDS, SourceError};
use chancery_schema::xml::reading::{attribute, resolve};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Progress;
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
    names: Vec<String>,
    progress: Progress,
}

impl OdsCells {
    /// Opens the document, at none of its sheets.
    pub(super) fn open(path: &Path, progress: &Progress) -> Result<Self, SourceError> {
        let mut archive = archive::open(path)?;
        let (mut names, mut row) = (Vec::new(), 0);
        list(content(&mut archive)?.0, &mut names, &mut row).map_err(|error| match names.last() {
            Some(sheet) => placed(error, &format!("sheet `{sheet}`, row {row} or behind")),
            None => placed(error, "before its first sheet"),
        })?;
        Ok(Self { archive, sheet: String::new(), names, progress: progress.clone() })
    }
}

/// The names of the sheets; `row` is the last that was seen of the last sheet.
fn list(mut reader: Reader<impl BufRead>, names: &mut Vec<String>, row: &mut u64) -> Result<(), SourceError> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| wrong(&error))? {
            Event::Start(start) if start.name().as_ref() == "table:table" => {
                *row = 0;
                names.extend(attribute(&start, "table:name")?);
            }
            Event::Start(start) if start.name().as_ref() == "table:table-row" => {
                *row += 1;
                *row += u64::from(count(&start, "table:number-rows-repeated")? - 1);
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// An error, with where it was met.
fn placed(error: SourceError, place: &str) -> SourceError {
    match error {
        SourceError::Format(why) => SourceError::Format(format!("{place}: {why}")),
        SourceError::TooLarge(why) => SourceError::TooLarge(format!("{place}: {why}")),
        other => other,
    }
}

/// The sheets, and how many bytes they are, unpacked.
fn content(archive: &mut Archive) -> Result<(Reader<impl BufRead + '_>, u64), SourceError> {
    let entry =
        archive.by_name("content.xml").map_err(|_| SourceError::Format("it has no `content.xml`".to_owned()))?;
    let size = entry.size();
    Ok((Reader::from_reader(BufReader::new(entry)), size))
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
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn sheet(&self) -> &str {
        &self.sheet
    }

    fn turn_to(&mut self, sheet: &str) -> Result<(), SourceError> {
        sheet.clone_into(&mut self.sheet);
        Ok(())
    }

    fn each(&mut self, sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>) -> Result<(), SourceError> {
        let mut table = Table {
            sheet: &self.sheet,
            inside: false,
            notes: 0,
            line: 0,
            row: Row::default(),
            in_row: false,
            open: None,
        };
        let read = each(content(&mut self.archive)?, &mut table, &self.progress, sink);
        read.map_err(|error| placed(error, &table.place()))
    }
}

fn each(
    (mut reader, size): (Reader<impl BufRead>, u64),
    table: &mut Table<'_>,
    progress: &Progress,
    sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>,
) -> Result<(), SourceError> {
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
            Event::Eof if table.inside => {
                return Err(SourceError::Format("it ends before its table does".to_owned()));
            }
            Event::Eof => ControlFlow::Break(()),
            text => table.text(&resolve(text)?).map(ControlFlow::Continue)?,
        };
        if flow.is_break() {
            return Ok(());
        }
        progress.read_row(reader.buffer_position(), size);
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
    in_row: bool,
    open: Option<Open>,
}

impl Table<'_> {
    /// Where it is read.
    fn place(&self) -> String {
        match (self.inside, self.in_row) {
            (false, _) => format!("before sheet `{}`", self.sheet),
            (true, false) => format!("sheet `{}`, behind row {}", self.sheet, self.line),
            (true, true) => {
                let (row, column) = (self.line.saturating_add(1), column_name(self.row.column));
                format!("sheet `{}`, row {row}, column {column}", self.sheet)
            }
        }
    }

    /// A text, of a cell if one is open. Beside cells it may be one whose first bracket is lost.
    fn text(&mut self, text: &str) -> Result<(), SourceError> {
        match self.open.as_mut() {
            _ if self.notes > 0 => {}
            Some(cell) => cell.text.push_str(text),
            None if self.in_row && !text.trim().is_empty() => {
                return Err(SourceError::Format("a text stands beside the cells: one may be lost in it".to_owned()));
            }
            None => {}
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), SourceError> {
        match start.name().as_ref() {
            "table:table" => self.inside |= attribute(start, "table:name")?.as_deref() == Some(self.sheet),
            _ if !self.inside => {}
            "office:annotation" => self.notes += 1,
            "table:table-row" => {
                self.in_row = true;
                self.row = Row { repeated: count(start, "table:number-rows-repeated")?, ..Row::default() };
            }
            "table:table-cell" | "table:covered-table-cell" => self.open = Some(Open::of(start)?),
            name => match self.open.as_mut() {
                Some(cell) if self.notes == 0 => cell.space(name, start)?,
                None if self.in_row && self.notes == 0 => {
                    let lost = format!("`{name}` is no cell: those behind it would move");
                    return Err(SourceError::Format(lost));
                }
                _ => {}
            },
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
            "table:table-row" => {
                self.in_row = false;
                return std::mem::take(&mut self.row).hand_on(&mut self.line, sink);
            }
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
        let kind = attribute(start, "office:value-type")?;
        let name = match kind.as_deref() {
            Some("float" | "percentage" | "currency") => Some("office:value"),
            Some("date") => Some("office:date-value"),
            Some("boolean") => Some("office:boolean-value"),
            _ => None,
        };
        let value = name.map(|name| attribute(start, name)).transpose()?.flatten();
        // What is shown of a value can be rounded.
        if let (Some(name), None) = (name, &value) {
            return Err(SourceError::Format(format!("a cell with a value has no `{name}`")));
        }
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
                let spaces = count(start, "text:c")? as usize;
                self.text.extend(std::iter::repeat_n(' ', spaces.min(MAX_SPACES)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A column as spreadsheets name it, from 0.
fn column_name(column: u32) -> String {
    let (mut rest, mut letters) = (column, Vec::new());
    loop {
        letters.push(char::from(b'A' + (rest % 26) as u8));
        match rest / 26 {
            0 => return letters.into_iter().rev().collect(),
            more => rest = more - 1,
        }
    }
}

/// A number of an attribute; 1 if there is none.
fn count(start: &BytesStart<'_>, name: &str) -> Result<u32, SourceError> {
    let Some(text) = attribute(start, name)? else { return Ok(1) };
    let number =
        text.parse::<u32>().map_err(|_| SourceError::Format(format!("`{name}` is `{text}`, which is no number")))?;
    Ok(number.max(1))
}
