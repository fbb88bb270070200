//! Delimited text. Records are cut by csv-core straight from the read buffer, so that their size is bounded.

use std::io::Read;
use std::ops::ControlFlow;

use chancery_schema::rows::{MAX_FIELDS, MAX_ROW_BYTES, RowBatch, RowSource, SourceError};
use chancery_schema::validate::{Problem, ProblemKind};
use csv_core::{ReadRecordResult, Reader};

use super::headings;
use super::text::Layout;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Longest text of the file that a problem quotes, in characters.
const MAX_QUOTE: usize = 100;

/// Rows of delimited text with a header.
pub(super) struct CsvSource<R> {
    records: Records<R>,
    headings: Vec<String>,
}

impl<R: Read + Send> CsvSource<R> {
    /// Reads the headings.
    pub(super) fn new(input: R, layout: Layout) -> Result<Self, SourceError> {
        let mut records = Records::new(input, layout);
        let (first, last) = layout.headings;
        let mut rows = Vec::new();
        while rows.is_empty() || records.next_line()? <= last {
            match records.next()? {
                Some(record) if record.line >= first => rows.push(record.texts()),
                Some(_) => {}
                None => break,
            }
        }
        if rows.is_empty() {
            return Err(SourceError::Format(format!("it has no row {first}, where its headings should be")));
        }
        let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        if rows.iter().flatten().any(|text| !text.chars().all(is_text)) {
            return Err(SourceError::Format(format!(
                "row {first}, where its headings should be, has control characters: it is no text file, or one in another encoding"
            )));
        }
        Ok(Self { records, headings: headings::joined(rows, true) })
    }
}

impl<R: Read + Send> RowSource for CsvSource<R> {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let mut batch = RowBatch::default();
        while let Some(record) = self.records.next()? {
            record.put(self.headings.len(), &mut batch);
            if batch.hand_on_full(sink).is_break() {
                return Ok(());
            }
        }
        batch.hand_on_rest(sink);
        Ok(())
    }
}

/// A record's fields, one behind the other.
struct Record<'a> {
    text: &'a [u8],
    ends: &'a [usize],
    line: u64,
    /// Whether its quotation marks are not in pairs around fields.
    unpaired: bool,
}

impl Record<'_> {
    fn texts(&self) -> Vec<String> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let texts = starts.zip(self.ends).map(|(start, end)| String::from_utf8_lossy(&self.text[start..*end]));
        texts.map(|text| text.trim().to_owned()).collect()
    }

    /// Adds the record to the batch, or what is wrong with it. A spreadsheet writes its empty rows as delimiters only.
    fn put(&self, width: usize, batch: &mut RowBatch) {
        if self.text.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        if self.unpaired {
            let expected = "quotation marks in pairs around a field, and doubled within it: lines can be lost behind one left open";
            return batch.faults.push(self.fault(expected.to_owned()));
        }
        let (kept, more) = self.ends.split_at(width.min(self.ends.len()));
        let length = kept.last().copied().unwrap_or(0);
        if kept.len() < width || more.last().is_some_and(|end| *end > length) {
            let expected = format!("{width} fields, as the header has; this line has {}", self.ends.len());
            return batch.faults.push(self.fault(expected));
        }
        let whole = std::str::from_utf8(&self.text[..length]).is_ok_and(|text| batch.fields(text, kept));
        if whole {
            batch.end_row(self.line);
        } else {
            batch.faults.push(
                self.fault(
                    "text in the file's encoding; if the file is not in the one found, say which in `options.encoding`"
                        .to_owned(),
                ),
            );
        }
    }

    fn fault(&self, expected: String) -> Problem {
        Problem {
            row: self.line,
            column: String::new(),
            component: String::new(),
            value: String::from_utf8_lossy(self.text).chars().take(MAX_QUOTE).collect(),
            expected,
            nearest: None,
            kind: ProblemKind::Malformed,
        }
    }
}

/// Where a record's text stands among its quotation marks. The reader takes what follows a closing mark as more of the field, so that
/// one mark that is lost, or too many, would swallow lines unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    FieldStart,
    Plain,
    Open,
    Closed,
    Unpaired,
}

impl Quotes {
    /// After `text`, the next part of a record.
    fn after(self, text: &[u8], layout: Layout) -> Self {
        if self == Self::Unpaired || matches!(self, Self::FieldStart | Self::Plain) && !text.contains(&layout.quote) {
            return match text.last() {
                Some(last) if self != Self::Unpaired && *last == layout.delimiter => Self::FieldStart,
                Some(_) if self != Self::Unpaired => Self::Plain,
                _ => self,
            };
        }
        text.iter().fold(self, |at, byte| match at {
            Self::Unpaired => at,
            Self::Open if *byte == layout.quote => Self::Closed,
            Self::Open => at,
            Self::Closed if *byte == layout.quote => Self::Open,
            Self::FieldStart if *byte == layout.quote => Self::Open,
            _ if *byte == layout.delimiter => Self::FieldStart,
            Self::Closed if !byte.is_ascii_whitespace() => Self::Unpaired,
            Self::Closed => at,
            Self::FieldStart | Self::Plain => Self::Plain,
        })
    }

    fn are_unpaired(self) -> bool {
        matches!(self, Self::Open | Self::Unpaired)
    }
}

/// Cuts a text into records.
struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer is not yet cut.
    at: usize,
    end: usize,
    core: Reader,
    layout: Layout,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> Records<R> {
    fn new(input: R, layout: Layout) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER_BYTES],
            at: 0,
            end: 0,
            core: csv_core::ReaderBuilder::new().delimiter(layout.delimiter).quote(layout.quote).build(),
            layout,
            text: vec![0; 16 << 10],
            ends: vec![0; MAX_FIELDS],
        }
    }

    /// Reads on if the buffer is used up.
    fn fill(&mut self) -> Result<(), SourceError> {
        while self.at == self.end {
            match self.input.read(&mut self.buffer) {
                Ok(n) => {
                    (self.at, self.end) = (0, n);
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::Read(error)),
            }
        }
        Ok(())
    }

    /// Passes line ends, so that the line of the next record is known. csv-core counts from 1.
    fn pass_line_ends(&mut self) -> Result<(), SourceError> {
        loop {
            self.fill()?;
            let rest = &self.buffer[self.at..self.end];
            let blank = rest.iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
            let lines = rest[..blank].iter().filter(|b| **b == b'\n').count();
            self.core.set_line(self.core.line() + lines as u64);
            self.at += blank;
            if self.at < self.end || blank == 0 {
                return Ok(());
            }
        }
    }

    /// The line that the next record begins on.
    fn next_line(&mut self) -> Result<u64, SourceError> {
        self.pass_line_ends()?;
        Ok(self.core.line())
    }

    fn next(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        let line = self.next_line()?;
        let (mut length, mut fields, mut quotes, mut marks) = (0, 0, Quotes::FieldStart, 0);
        loop {
            self.fill()?;
            let (result, read, wrote, ended) = self.core.read_record(
                &self.buffer[self.at..self.end],
                &mut self.text[length..],
                &mut self.ends[fields..],
            );
            let part = &self.buffer[self.at..self.at + read];
            if part.contains(&self.layout.quote) {
                marks += part.iter().filter(|byte| **byte == self.layout.quote).count();
            }
            quotes = quotes.after(part, self.layout);
            self.at += read;
            length += wrote;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.text.len() >= MAX_ROW_BYTES => {
                    return Err(SourceError::TooLarge(format!(
                        "line {line} begins a row of more than {MAX_ROW_BYTES} bytes: is a quotation mark left open there?"
                    )));
                }
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => {
                    return Err(SourceError::TooLarge(format!("line {line} has more than {MAX_FIELDS} columns")));
                }
                ReadRecordResult::Record => {
                    let (text, ends) = (&self.text[..length], &self.ends[..fields]);
                    // One within an unquoted field is a mark like any other, unless lines were joined before it.
                    let joined = marks % 2 == 1 && text.contains(&b'\n');
                    return Ok(Some(Record { text, ends, line, unpaired: joined || quotes.are_unpaired() }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<(u64, Vec<String>)>;

    const PLAIN: Layout = Layout { delimiter: b',', quote: b'"', headings: (1, 1) };

    fn read(text: &[u8]) -> (Rows, Vec<(u64, String)>) {
        // A byte at a time: no record depends on where the buffer ends.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let n = self.0.len().min(1);
                self.0.read(&mut buffer[..n])
            }
        }
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        let mut source = CsvSource::new(Slow(text), PLAIN).unwrap();
        source
            .read(&mut |batch| {
                rows.extend(batch.iter().map(|(line, row)| (line, row.iter().map(str::to_owned).collect())));
                faults.extend(batch.faults.iter().map(|p| (p.row, p.expected.clone())));
                ControlFlow::Continue(())
            })
            .unwrap();
        (rows, faults)
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let (rows, faults) = read("\u{feff}a,b\r\n\r\n1,\"x\r\ny\"\r\n\n,\n2,\"é \"\"\"".as_bytes());
        let text = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(rows, [(3, text("1", "x\r\ny")), (7, text("2", "é \""))]);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn lines_joined_to_a_row_of_the_right_length_are_told() {
        // The closing mark of the second line became a comma, and the opening one of the third closes it.
        let text = "a,b,c\n1,\"x;,\n2,y,\",z\"\n3,6\" pipe,w\n";
        let mut source = CsvSource::new(text.as_bytes(), PLAIN).unwrap();
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        source
            .read(&mut |batch| {
                rows.extend(batch.iter().map(|(line, _)| line));
                faults.extend(batch.faults.drain(..).map(|fault| fault.row));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((rows, faults), (vec![4], vec![2]));
    }

    #[test]
    fn what_is_no_text_is_told_to_be_none() {
        let error = CsvSource::new(&b"\x7fELF\x02\x01\0\0,b\n1,2\n"[..], PLAIN).err().unwrap();
        assert!(error.to_string().contains("it is no text file"), "{error}");
    }

    #[test]
    fn headings_of_several_rows_are_joined() {
        let text = b"Returns\n\ncountry,2020,,2021\n,men,women,men\nMEX,1,2,3\n";
        let mut source = CsvSource::new(&text[..], Layout { headings: (3, 4), ..PLAIN }).unwrap();
        assert_eq!(source.headings(), ["country", "2020 / men", "2020 / women", "2021 / men"]);
        let mut lines = Vec::new();
        source
            .read(&mut |batch| {
                lines.extend(batch.iter().map(|(line, _)| line));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(lines, [5]);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_of_it() {
        let (rows, faults) = read(b"a,b\n1\n1,2,\n1,2,3\n\xc3,\xa9\n4,5\n");
        assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 6]);
        assert_eq!(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4, 5], "{faults:?}");
    }

    #[test]
    fn no_line_is_lost_behind_a_quotation_mark() {
        for (text, lines, wrong) in [
            ("a,b\n1,\"x\n2,\"y\"\n3,z\n", vec![4], vec![2]),
            ("a,b\n1,\"x\n2,y\n", vec![], vec![2]),
            ("a,b\n1,5\" pipe\n2,\"\"\"q\"\"\"\n3,\"\" \n", vec![2, 3, 4], vec![]),
            ("a,b\n1,\"x\ny\"\n2,z\n", vec![2, 4], vec![]),
        ] {
            let (rows, faults) = read(text.as_bytes());
            assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), lines, "{text}");
            assert_eq!(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), wrong, "{text}");
        }
    }

    #[test]
    fn a_quotation_mark_left_open_does_not_fill_the_memory() {
        let text = format!("a,b\n1,\"{}", "x\n".repeat(MAX_ROW_BYTES));
        let mut source = CsvSource::new(text.as_bytes(), PLAIN).unwrap();
        let error = source.read(&mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
