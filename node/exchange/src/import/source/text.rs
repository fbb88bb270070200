//! Finds out how a text file is written: its encoding, what stands between and around fields, which row has the headings.

use std::io::{Cursor, Read};

use chancery_schema::mapping::Options;
use chancery_schema::rows::{MAX_FIELDS, SourceError};
use csv_core::{ReadRecordResult, ReaderBuilder};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{Found, headings as heads};

/// Bytes of the file that are looked at.
const SAMPLE_BYTES: u64 = 1 << 20;
/// Records that are looked at.
const SAMPLE_RECORDS: usize = 200;
/// Broken pieces for each whole letter of several bytes, up to which a text counts as damaged UTF-8.
const BROKEN_PIECES: usize = 3;
/// What stands between fields, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A text file in UTF-8, and how it is written.
pub(super) struct Text {
    pub(super) input: Box<dyn Read + Send>,
    pub(super) layout: Layout,
    pub(super) found: Vec<Found>,
}

/// How records are cut, and where they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    /// First and last line of the headings.
    pub(super) headings: (u64, u64),
}

impl Text {
    /// Looks at the beginning of `input`; what `options` say is taken as said.
    pub(super) fn open(
        mut input: impl Read + Send + 'static,
        options: &Options,
        headings: Option<(u64, u64)>,
    ) -> Result<Self, SourceError> {
        let mut sample = Vec::new();
        input.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(SourceError::Read)?;
        let whole = (sample.len() as u64) < SAMPLE_BYTES;
        let encoding = match &options.encoding {
            Some(label) => Encoding::for_label(label.as_bytes()).ok_or_else(|| no_encoding(label))?,
            None => encoding_of(&sample, whole),
        };
        let decoded = decode(&sample, encoding);
        let layout = Layout::of(decoded.as_bytes(), whole, options, headings)?;
        let mut found = Vec::new();
        if options.encoding.is_none() && encoding != UTF_8 {
            found.push(Found::new("encoding", encoding.name().to_lowercase()));
        }
        if options.delimiter.is_none() && layout.delimiter != b',' {
            found.push(Found::new("delimiter", char::from(layout.delimiter).escape_default().to_string()));
        }
        if options.quote.is_none() && layout.quote != b'"' {
            found.push(Found::new("quote", char::from(layout.quote).to_string()));
        }
        if headings.is_none() && layout.headings.1 > 1 {
            found.push(Found::headings(layout.headings.0, layout.headings.1));
        }
        let all = Cursor::new(sample).chain(input);
        let input: Box<dyn Read + Send> =
            if encoding == UTF_8 { Box::new(all) } else { Box::new(Decoded::new(all, encoding)) };
        Ok(Self { input, layout, found })
    }
}

fn no_encoding(label: &str) -> SourceError {
    SourceError::Format(format!(
        "`options.encoding` is `{label}`, which is no encoding; use utf-8, utf-16le, utf-16be, windows-1252 or another label of the \
         WHATWG Encoding Standard"
    ))
}

/// The encoding: by its mark, by zero bytes that only UTF-16 has, UTF-8 if it is that, and what Windows writes otherwise.
fn encoding_of(sample: &[u8], whole: bool) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(sample) {
        return encoding;
    }
    let pairs = sample.chunks_exact(2).take(1_000);
    let (low, high) =
        pairs.fold((0, 0), |(low, high), pair| (low + usize::from(pair[0] == 0), high + usize::from(pair[1] == 0)));
    let half = (sample.len() / 2).min(1_000) / 2;
    match std::str::from_utf8(sample) {
        _ if high > half && low <= half => UTF_16LE,
        _ if low > half && high <= half => UTF_16BE,
        Ok(_) => UTF_8,
        // The sample can end within a character.
        Err(error) if !whole && error.error_len().is_none() => UTF_8,
        Err(_) => {
            // A letter of several bytes is hardly ever met in text of single bytes: a few broken ones beside whole ones are mistakes in
            // UTF-8, and told as such. A damaged letter leaves up to three pieces.
            let (whole, broken) = sample.utf8_chunks().fold((0, 0), |(whole, broken), chunk| {
                let letters = chunk.valid().chars().filter(|c| !c.is_ascii()).count();
                (whole + letters, broken + usize::from(!chunk.invalid().is_empty()))
            });
            if whole * BROKEN_PIECES >= broken { UTF_8 } else { WINDOWS_1252 }
        }
    }
}

fn decode(sample: &[u8], encoding: &'static Encoding) -> String {
    encoding.decode(sample).0.into_owned()
}

impl Layout {
    fn of(sample: &[u8], whole: bool, options: &Options, headings: Option<(u64, u64)>) -> Result<Self, SourceError> {
        // A spreadsheet program writes its delimiter before everything else.
        let said = sample.strip_prefix(b"sep=").and_then(|rest| rest.first()).copied();
        let byte = |option: &str, c: char| {
            u8::try_from(c).ok().filter(u8::is_ascii).ok_or_else(|| {
                SourceError::Format(format!("`options.{option}` is `{c}`, which is not one ASCII character"))
            })
        };
        let delimiter = options.delimiter.map(|c| byte("delimiter", c)).transpose()?.or(said);
        let quote = options.quote.map(|c| byte("quote", c)).transpose()?;
        let begins_single = sample.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'\'');
        let quotes = match quote {
            Some(quote) => vec![quote],
            None if begins_single => vec![b'\'', b'"'],
            None => vec![b'"'],
        };
        let delimiters = delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let mut best: Option<(usize, Self)> = None;
        for (quote, delimiter) in quotes.iter().flat_map(|quote| delimiters.iter().map(move |d| (*quote, *d))) {
            let records = records(sample, whole, delimiter, quote);
            let score = score(&records);
            let rows = &records[usize::from(said.is_some()).min(records.len())..];
            let first = headings.or_else(|| heads::guess(rows)).unwrap_or((1, 1));
            // A file of one column has no delimiter that tells more than another.
            if best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, Self { delimiter, quote, headings: first }));
            }
        }
        best.map(|(_, layout)| layout).ok_or_else(|| SourceError::Format("it is empty".to_owned()))
    }
}

fn records(sample: &[u8], whole: bool, delimiter: u8, quote: u8) -> Vec<(u64, Vec<String>)> {
    let mut core = ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
    let (mut text, mut ends) = (vec![0; sample.len() + 1], vec![0; MAX_FIELDS]);
    let (mut at, mut out) = (0, Vec::new());
    while out.len() < SAMPLE_RECORDS {
        let skipped = sample[at..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let lines = sample[at..at + skipped].iter().filter(|b| **b == b'\n').count() as u64;
        core.set_line(core.line() + lines);
        at += skipped;
        let line = core.line();
        let (mut result, read, mut wrote, mut fields) = core.read_record(&sample[at..], &mut text, &mut ends);
        at += read;
        // What a whole file ends with is a record too.
        if whole && at == sample.len() && matches!(result, ReadRecordResult::InputEmpty) {
            let (last, _, more, ended) = core.read_record(&[], &mut text[wrote..], &mut ends[fields..]);
            (result, wrote, fields) = (last, wrote + more, fields + ended);
        }
        if !matches!(result, ReadRecordResult::Record) || wrote > text.len() {
            break;
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let texts =
            starts.zip(&ends[..fields]).map(|(start, end)| String::from_utf8_lossy(&text[start..*end]).into_owned());
        out.push((line, texts.collect()));
    }
    out
}

/// How well the records agree on a width, and the width: the more records of one width, and the wider, the better.
fn score(records: &[(u64, Vec<String>)]) -> usize {
    let count = |width| records.iter().filter(|(_, row)| row.len() == width).count();
    let best = records.iter().map(|(_, row)| (count(row.len()), row.len())).max().unwrap_or((0, 1));
    let share = if best.1 > 1 { 1 + best.0 * 1_000 / records.len().max(1) } else { 0 };
    share * 10 + best.1.min(9)
}

/// Reads text of any encoding as UTF-8. What is no text becomes a byte that UTF-8 never has, so that it is found in its place.
struct Decoded<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    at: usize,
    end: usize,
    text: Vec<u8>,
    /// What of the text is not yet handed on.
    text_at: usize,
    text_end: usize,
    over: bool,
    /// A decoder is of no use after its last text.
    finished: bool,
}

/// Never in UTF-8.
const NO_TEXT: u8 = 0xff;

impl<R: Read> Decoded<R> {
    fn new(input: R, encoding: &'static Encoding) -> Self {
        Self {
            input,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; 64 << 10],
            at: 0,
            end: 0,
            text: vec![0; 64 << 10],
            text_at: 0,
            text_end: 0,
            over: false,
            finished: false,
        }
    }

    /// Decodes some text; false at the end.
    fn decode(&mut self) -> std::io::Result<bool> {
        while !self.finished {
            if self.at == self.end && !self.over {
                (self.at, self.end) = (0, self.input.read(&mut self.raw)?);
                self.over = self.end == 0;
            }
            let room = self.text.len() - 1;
            let (raw, text) = (&self.raw[self.at..self.end], &mut self.text[..room]);
            let (result, read, wrote) = self.decoder.decode_to_utf8_without_replacement(raw, text, self.over);
            self.at += read;
            (self.text_at, self.text_end) = (0, wrote);
            match result {
                DecoderResult::Malformed(..) => {
                    self.text[wrote] = NO_TEXT;
                    self.text_end += 1;
                    return Ok(true);
                }
                DecoderResult::InputEmpty if wrote == 0 && !self.over => {}
                DecoderResult::InputEmpty if self.over => {
                    self.finished = true;
                    return Ok(wrote > 0);
                }
                DecoderResult::InputEmpty => return Ok(true),
                DecoderResult::OutputFull => return Ok(true),
            }
        }
        Ok(false)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.text_at == self.text_end && !self.decode()? {
            return Ok(0);
        }
        let n = out.len().min(self.text_end - self.text_at);
        out[..n].copy_from_slice(&self.text[self.text_at..self.text_at + n]);
        self.text_at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> (char, char, u64) {
        let layout = Text::open(Cursor::new(text.as_bytes().to_vec()), &Options::default(), None).unwrap().layout;
        (char::from(layout.delimiter), char::from(layout.quote), layout.headings.0)
    }

    #[test]
    fn the_way_a_file_is_written_is_found_out() {
        for (text, expected) in [
            ("a,b\n1,2\n", (',', '"', 1)),
            ("a;b\n1,5;2,5\n1,5;\"x;y\"\n", (';', '"', 1)),
            ("a\tb\tc\n1,2\t3\t4\n", ('\t', '"', 1)),
            ("a|b\n1|2", ('|', '"', 1)),
            ("a\n1\n2\n", (',', '"', 1)),
            ("sep=|\na|b\n1|2\n", ('|', '"', 2)),
            ("Returns, by month\n\nSource: IGM\na;b;c\n1;2;3\n4;5;6\n", (';', '"', 4)),
            ("Returns;;\na;b;c\n1;2;3\n", (';', '"', 2)),
            ("'a','b'\n'1,5','2'\n", (',', '\'', 1)),
            ("", (',', '"', 1)),
        ] {
            assert_eq!(layout(text), expected, "{text}");
        }
    }

    #[test]
    fn encodings_are_found_out_and_read() {
        let text = "país;n\nMéxico;1\n";
        let utf16 = |le: bool| {
            let bytes = |unit: u16| if le { unit.to_le_bytes() } else { unit.to_be_bytes() };
            text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
        };
        let latin = text.chars().map(|c| c as u8).collect::<Vec<u8>>();
        let marked = [&[0xff, 0xfe][..], &utf16(true)].concat();
        let bom = [&[0xef, 0xbb, 0xbf][..], text.as_bytes()].concat();
        for (bytes, name) in [
            (text.as_bytes().to_vec(), "UTF-8"),
            (bom, "UTF-8"),
            (utf16(true), "UTF-16LE"),
            (utf16(false), "UTF-16BE"),
            (marked, "UTF-16LE"),
            (latin, "windows-1252"),
        ] {
            assert_eq!(encoding_of(&bytes, true).name(), name);
            let mut text_of = Text::open(Cursor::new(bytes), &Options::default(), None).unwrap();
            let mut out = String::new();
            text_of.input.read_to_string(&mut out).unwrap();
            assert_eq!(out.trim_start_matches('\u{feff}'), text, "{name}");
            assert_eq!(text_of.layout.delimiter, b';', "{name}");
        }
    }

    #[test]
    fn a_damaged_letter_does_not_change_the_encoding_of_the_others() {
        for (bytes, name) in [
            (&b"a,\xc3\r\nb,\xc3\xb1\n"[..], "UTF-8"),
            (b"a,\xe2\xff\xac\nb,\xc3\xb1\n", "UTF-8"),
            (b"a,\xc3\r\n", "windows-1252"),
            (b"\xabLIBERT\xc9\xbb, \xe9t\xe9, \xe0, d\xe9", "windows-1252"),
        ] {
            assert_eq!(encoding_of(bytes, true).name(), name, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_text_is_left_where_it_is() {
        // A high surrogate alone, between two lines.
        let bytes: Vec<u8> = [0x61u16, 0x0a, 0xd800, 0x0a, 0x62].iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let mut out = Vec::new();
        Decoded::new(&bytes[..], UTF_16LE).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"a\n\xff\nb");
    }
}
