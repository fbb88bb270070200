//! Rows of text on their way from a file to the mapping: many in one buffer, so that no field is allocated on its own.

use std::io::Read;
use std::ops::ControlFlow;

use crate::validate::Problem;

/// Rows a source collects before it hands them on.
pub const BATCH_ROWS: usize = 8_192;
/// Bytes of text a source collects before it hands them on.
const BATCH_BYTES: usize = 4 << 20;
/// Most fields of a row. A spreadsheet's sheet can be wider; a table of figures is not.
pub const MAX_FIELDS: usize = 2_000;
/// Most bytes of a row: the text that a file without line ends, or with a quotation mark left open, may fill.
pub const MAX_ROW_BYTES: usize = 1 << 20;

/// A row's fields by their position.
pub trait Row {
    /// The field; none if the row is shorter.
    fn field(&self, index: usize) -> Option<&str>;

    /// The column of the source whose cell the row was made of, where a wide table was made long.
    fn cell(&self) -> Option<usize> {
        None
    }
}

impl Row for csv::StringRecord {
    fn field(&self, index: usize) -> Option<&str> {
        self.get(index)
    }
}

impl<T: AsRef<str>> Row for [T] {
    fn field(&self, index: usize) -> Option<&str> {
        self.get(index).map(AsRef::as_ref)
    }
}

/// Takes the observations of a message.
pub trait Observations {
    /// The message says which dataflow or structure it is of: a URN, or `AGENCY:ID(VERSION)`.
    fn structure(&mut self, reference: &str);

    /// An observation: components and their values. Of a component that is there twice the last counts.
    fn observation(&mut self, fields: &mut dyn Iterator<Item = (&str, &str)>) -> Result<ControlFlow<()>, SourceError>;

    /// Observations taken so far.
    fn seen(&self) -> u64;
}

/// Why a source cannot be read any further. What is wrong with one row is a [`Problem`] of the batch instead.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The operation failed.
    #[error("cannot read the source: {0}")]
    Read(#[source] std::io::Error),
    /// It is not what it should be; the text says where.
    #[error("{0}")]
    Format(String),
    /// Likewise, at a byte of it.
    #[error("byte {byte}, after {seen} observations: {why}")]
    At {
        /// Where.
        byte: u64,
        /// Observations before.
        seen: u64,
        /// What is wrong.
        why: String,
    },
    /// It is larger or deeper than anything that is read.
    #[error("{0}")]
    TooLarge(String),
}

impl SourceError {
    /// A failed reading: of the disk, or of a text that [`Bounded`] refuses.
    pub fn from_read(error: std::io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) {
            Self::TooLarge(error.to_string())
        } else {
            Self::Read(error)
        }
    }
}

/// What [`Bounded`] refuses.
#[derive(Debug, thiserror::Error)]
#[error("byte {at}: a text of more than {limit} bytes")]
struct TooLong {
    at: u64,
    limit: usize,
}

/// Reads XML or JSON, and fails where a text of it would fill the memory of whoever collects it.
#[derive(Debug)]
pub struct Bounded<R> {
    inner: R,
    marks: [u8; 2],
    run: usize,
    at: u64,
}

/// Bytes looked at in one go: fewer than a text may have.
const LOOK_BYTES: usize = 64 << 10;

impl<R> Bounded<R> {
    /// XML, whose texts and tags end with an angle bracket.
    pub fn xml(inner: R) -> Self {
        Self { inner, marks: *b"<>", run: 0, at: 0 }
    }

    /// JSON, whose texts end with a quotation mark, and whose numbers with a comma.
    pub fn json(inner: R) -> Self {
        Self { inner, marks: *b"\",", run: 0, at: 0 }
    }

    /// What is read.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(LOOK_BYTES);
        let n = self.inner.read(&mut buffer[..most])?;
        self.at += n as u64;
        match buffer[..n].iter().rposition(|b| self.marks.contains(b)) {
            Some(last) => self.run = n - last,
            None => self.run += n,
        }
        if self.run > MAX_ROW_BYTES {
            return Err(std::io::Error::other(TooLong { at: self.at, limit: MAX_ROW_BYTES }));
        }
        Ok(n)
    }
}

/// Where the rows of a file come from: a text file, a sheet, a message, a query.
pub trait RowSource: Send {
    /// The columns' headings.
    fn headings(&self) -> &[String];

    /// Hands the rows on, a batch at a time, until there are no more or `sink` breaks off. The batch is the source's to
    /// fill again: whoever wants to keep its rows takes them out with [`std::mem::take`].
    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError>;
}

#[derive(Debug, Clone, Copy)]
struct RowEnd {
    /// Where the row ends in `ends`.
    end: usize,
    line: u64,
    cell: Option<usize>,
}

/// Rows with their places in the source, in one buffer.
#[derive(Debug, Clone, Default)]
pub struct RowBatch {
    text: String,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    rows: Vec<RowEnd>,
    /// Rows that could not be read, at their places.
    pub faults: Vec<Problem>,
}

impl RowBatch {
    /// Adds a field to the row in the making.
    pub fn field(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Adds fields to the row in the making that stand behind each other in `text` and end at `ends`; false, and nothing
    /// added, if one ends within a character.
    pub fn fields(&mut self, text: &str, ends: &[usize]) -> bool {
        if !ends.iter().all(|end| text.is_char_boundary(*end)) {
            return false;
        }
        let base = self.text.len();
        self.text.push_str(text);
        self.ends.extend(ends.iter().map(|end| base + end));
        true
    }

    /// Ends the row in the making; `line` is its place in the source, from 1.
    pub fn end_row(&mut self, line: u64) {
        self.end_row_of(line, None);
    }

    /// Ends a row that was made of one cell of a wider row: the one in column `cell`.
    pub fn end_row_of(&mut self, line: u64, cell: Option<usize>) {
        self.rows.push(RowEnd { end: self.ends.len(), line, cell });
    }

    /// A field of the row in the making; empty if it has no such field.
    pub fn made(&self, index: usize) -> &str {
        let first = self.rows.last().map_or(0, |row| row.end);
        let (start, end) = (self.end_of(first + index), self.ends.get(first + index));
        end.and_then(|end| self.text.get(start..*end)).unwrap_or("")
    }

    /// Where the field before `index` ends.
    fn end_of(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// Whether the batch should be handed on.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS || self.text.len() >= BATCH_BYTES || self.faults.len() >= BATCH_ROWS
    }

    /// Hands a full batch on and empties it; breaks if no more is wanted.
    pub fn hand_on_full(&mut self, sink: &mut dyn FnMut(&mut Self) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.is_full() {
            sink(self)?;
            self.clear();
        }
        ControlFlow::Continue(())
    }

    /// Hands on what is in it at the end.
    pub fn hand_on_rest(&mut self, sink: &mut dyn FnMut(&mut Self) -> ControlFlow<()>) {
        if !self.is_empty() {
            // Nothing comes after it.
            let _ = sink(self);
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.faults.is_empty()
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.rows.clear();
        self.faults.clear();
    }

    /// The rows with their places.
    pub fn iter(&self) -> impl Iterator<Item = (u64, BatchRow<'_>)> {
        let starts = [0].into_iter().chain(self.rows.iter().map(|row| row.end));
        starts.zip(&self.rows).map(|(start, row)| {
            let ends = &self.ends[start..row.end];
            (row.line, BatchRow { text: &self.text, before: self.end_of(start), ends, cell: row.cell })
        })
    }
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchRow<'a> {
    text: &'a str,
    before: usize,
    ends: &'a [usize],
    cell: Option<usize>,
}

impl<'a> BatchRow<'a> {
    /// How many fields.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no fields.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The field, for as long as the batch stays.
    pub fn get(&self, index: usize) -> Option<&'a str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(self.before, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// The column of the source whose cell the row was made of, if it was made of one.
    pub fn cell(&self) -> Option<usize> {
        self.cell
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl Row for BatchRow<'_> {
    fn field(&self, index: usize) -> Option<&str> {
        self.get(index)
    }

    fn cell(&self) -> Option<usize> {
        self.cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_fields_and_places() {
        let mut batch = RowBatch::default();
        for round in 0..2 {
            batch.field("a");
            batch.field("");
            batch.end_row(2);
            batch.end_row(3);
            assert!(batch.fields("bécd", &[3, 3, 5]));
            batch.end_row(7);
            let rows: Vec<_> = batch.iter().map(|(line, row)| (line, row.iter().collect::<Vec<_>>())).collect();
            assert_eq!(rows, [(2, vec!["a", ""]), (3, vec![]), (7, vec!["bé", "", "cd"])], "round {round}");
            batch.clear();
        }
    }

    #[test]
    fn a_field_cannot_end_within_a_character() {
        let mut batch = RowBatch::default();
        assert!(!batch.fields("é", &[1, 2]));
        assert!(batch.is_empty() && batch.iter().next().is_none());
    }
}
