//! One component's texts, judged once each: files repeat few codes over many rows.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::NaiveDate;

use super::packing::{Cell, Packing};
use super::{ProblemKind, systems};
use crate::dataset::{CodeSet, Component};
use crate::mapping::{NameIndex, Source, nearest};
use crate::period::{Length, Period};
use crate::structure::{SUCCESSOR, VALID_TO};

/// Most judged texts kept for a component; more than the codes of any list, so only a broken file reaches it.
const MAX_KEPT: usize = 16_384;
/// Longest text of an uncoded attribute, in characters.
const MAX_TEXT: usize = 4_000;

/// What a component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Dimension,
    Time,
    Measure,
    Attribute,
}

/// Why a text is not taken.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) kind: ProblemKind,
    pub(super) expected: String,
    pub(super) nearest: Option<String>,
}

/// A text of the file, mapped and judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    pub(super) text: String,
    /// Whether the file said it, rather than the mapping.
    pub(super) given: bool,
    pub(super) fault: Option<Fault>,
    /// How long the period is, if it is one.
    pub(super) length: Option<Length>,
    /// When the period begins.
    pub(super) start: Option<NaiveDate>,
    /// The last day the code is valid, if it is one that ended.
    pub(super) until: Option<NaiveDate>,
    /// Its number, if it is a code.
    number: u16,
    /// The line it was first met in.
    pub(super) line: u64,
}

/// A component's source with the texts judged so far.
pub(super) struct Column {
    pub(super) component: Component,
    pub(super) source: Source,
    role: Role,
    /// Its place in column order.
    index: usize,
    known: HashMap<String, usize>,
    /// Texts met lately, by a number made of their bytes.
    recent: Vec<Recent>,
    judged: Vec<Judged>,
    current: usize,
    /// Names of its codes, made when the first wrong text is met.
    names: OnceLock<NameIndex>,
}

/// What a column has before its first row.
static UNREAD: Judged = Judged {
    text: String::new(),
    given: false,
    fault: None,
    length: None,
    start: None,
    until: None,
    number: u16::MAX,
    line: 0,
};
/// Texts met lately that are found without hashing them.
const RECENT: usize = 1_024;

/// A text's length and first bytes: all of it if it has at most eight, as nearly every code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    length: usize,
    bytes: u64,
}

impl Head {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let four = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        let head = match (bytes.first_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(head), ..) => u64::from_le_bytes(*head),
            // The two overlap where there are fewer than eight.
            (None, Some(first), Some(last)) => four(first) | four(last) << 32,
            _ => bytes.iter().fold(0, |head, byte| head << 8 | u64::from(*byte)),
        };
        Self { length: bytes.len(), bytes: head }
    }

    /// A place among the recent texts: any will do, as long as equal texts have the same one.
    fn place(self, text: &str) -> usize {
        let tail = text.as_bytes().get(8..).unwrap_or(&[]);
        let tail = tail.iter().fold(self.length as u64, |sum, b| sum.rotate_left(5) ^ u64::from(*b));
        let mixed = (self.bytes ^ tail.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 54) as usize % RECENT
    }
}

/// A text met lately.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// Its place in `judged`.
    judged: usize,
    /// None where there is no text yet.
    head: Option<Head>,
    text: Box<str>,
}

impl Recent {
    fn is(&self, head: Head, text: &str) -> bool {
        self.head == Some(head) && (head.length <= 8 || *self.text == *text)
    }
}

impl Column {
    pub(super) fn new(component: Component, source: Source, role: Role, index: usize) -> Self {
        let recent = vec![Recent::default(); RECENT];
        let (known, names) = (HashMap::new(), OnceLock::new());
        Self { component, source, role, index, known, recent, judged: Vec::new(), current: 0, names }
    }

    /// Position of its column in the file; none if the mapping gives the value.
    pub(super) fn field(&self) -> Option<usize> {
        self.source.column()
    }

    /// Whether its text is the mapping's, judged, and right: no row changes that.
    pub(super) fn is_settled(&self) -> bool {
        self.field().is_none() && self.judged.first().is_some_and(|judged| judged.fault.is_none())
    }

    /// Whether some of its codes have ended.
    pub(super) fn has_ends(&self) -> bool {
        let codes = self.component.codes.iter().flat_map(|codes| codes.items());
        codes.into_iter().any(|code| code.annotation(VALID_TO).is_some())
    }

    /// Judges this row's text. Without `advise` no nearest code is looked for, which takes most of the time.
    pub(super) fn look(&mut self, field: &str, packing: &Packing, line: u64, advise: bool) {
        // Numbers and free texts seldom repeat: they are judged anew, in one place.
        let kept = self.role != Role::Measure && self.component.codes.is_some() || self.role == Role::Time;
        if self.field().is_none() || !kept {
            if self.judged.is_empty() || self.field().is_some() {
                let buffer = self.judged.pop().map_or_else(String::new, |last| last.text);
                let judged = self.judge(buffer, field, packing, line, advise);
                self.judged.push(judged);
            }
            self.current = 0;
            return;
        }
        let head = Head::of(field);
        let place = head.place(field);
        if let Some(recent) = self.recent.get(place).filter(|recent| recent.is(head, field)) {
            self.current = recent.judged;
            return;
        }
        if let Some(known) = self.known.get(field) {
            self.current = *known;
        } else {
            if self.judged.len() >= MAX_KEPT {
                self.known.clear();
                self.judged.clear();
                self.recent.fill(Recent::default());
            }
            self.current = self.judged.len();
            self.judged.push(self.judge(String::new(), field, packing, line, advise));
            self.known.insert(field.to_owned(), self.current);
        }
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = Recent { judged: self.current, head: Some(head), text: field.into() };
        }
    }

    /// The different texts of the column judged so far, with what was made of them.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &Judged)> {
        self.known.iter().filter_map(|(text, index)| Some((text.as_str(), self.judged.get(*index)?)))
    }

    /// This row's text as a cell.
    pub(super) fn cell(&self) -> Cell<'_> {
        let current = self.current();
        Cell { text: &current.text, number: current.number }
    }

    /// This row's text.
    pub(super) fn current(&self) -> &Judged {
        self.judged.get(self.current).unwrap_or(&UNREAD)
    }

    /// Judges a text; `buffer` is taken for what the mapping makes of it.
    fn judge(&self, mut buffer: String, field: &str, packing: &Packing, line: u64, advise: bool) -> Judged {
        let (text, given) = self.source.translate(field);
        buffer.clear();
        buffer.push_str(&text);
        let mut judged = Judged { text: buffer, given, line, number: u16::MAX, ..Judged::default() };
        if judged.text.is_empty() {
            judged.fault = self.absent();
        } else if self.role == Role::Time {
            match Period::standard(&judged.text).map(|(text, period)| (text.into_owned(), period)) {
                Some((text, period)) if !matches!(period.length, Length::Instant | Length::Range) => {
                    judged.text = text;
                    judged.length = Some(period.length);
                    judged.start = Some(period.start);
                }
                _ => judged.fault = Some(no_period(&judged.text, self.source.cuts_dates())),
            }
        } else if self.role != Role::Measure {
            judged.fault = match &self.component.codes {
                Some(codes) => unknown_code(codes, &judged.text, advise.then_some(&self.names)),
                None => unfit_text(&judged.text),
            };
            judged.number = packing.number(self.index, &judged.text);
            judged.until = self.annotation(&judged.text, VALID_TO).and_then(|day| day.parse().ok());
        }
        judged
    }

    fn annotation(&self, code: &str, kind: &str) -> Option<&str> {
        self.component.codes.as_ref().and_then(|codes| codes.annotation(code, kind))
    }

    /// What is wrong with this row's code in a period that begins on `start`: it is one of an area, or of anything else, that had ended.
    pub(super) fn expired(&self, start: NaiveDate) -> Option<Fault> {
        let judged = self.current();
        let until = judged.until.filter(|until| *until < start)?;
        let successors = self.annotation(&judged.text, SUCCESSOR).unwrap_or("none").replace(' ', ", ");
        let expected =
            format!("a code that is valid then: `{}` ended on {until}; its successors are {successors}", judged.text);
        Some(Fault { kind: ProblemKind::ExpiredCode, expected, nearest: None })
    }

    fn absent(&self) -> Option<Fault> {
        let kind = match self.role {
            Role::Dimension | Role::Time => ProblemKind::MissingDimension,
            Role::Attribute if self.component.mandatory => ProblemKind::MissingValue,
            Role::Attribute | Role::Measure => return None,
        };
        let what =
            self.component.codes.as_ref().map_or(self.component.name.as_str(), |codes| codes.reference.id.as_str());
        Some(Fault { kind, expected: format!("a value of {what}"), nearest: None })
    }
}

fn unknown_code(codes: &CodeSet, text: &str, names: Option<&OnceLock<NameIndex>>) -> Option<Fault> {
    if codes.contains(text) {
        return None;
    }
    let mut expected = format!("a code of {}", codes.reference.id);
    let Some(names) = names else {
        return Some(Fault { kind: ProblemKind::UnknownCode, expected, nearest: None });
    };
    let named = names.get_or_init(|| NameIndex::of(codes, None)).find(text);
    let mut near = named.or_else(|| nearest(text, codes.iter().map(|(code, _)| code)));
    // Spreadsheets and statistics programs take Namibia's two letters for a missing value, and the other way round.
    if text == "NA" && codes.contains("NAM") {
        expected.push_str("; `NA` is how ISO 3166 writes Namibia in two letters, and never a missing value here");
        near = Some("NAM");
    } else if let Some((code, meaning)) = systems::stray(text).filter(|(code, _)| codes.contains(code)) {
        expected.push_str(&format!("; `{text}` is {meaning}"));
        near = Some(code);
    } else if let Some((system, code)) = systems::foreign(text).filter(|(_, code)| codes.contains(code)) {
        let name = codes.name(code).unwrap_or(code);
        expected.push_str(&format!("; `{text}` is {name} at {system}"));
        near = Some(code);
    }
    if let Some(code) = named {
        expected.push_str(&format!("; `{text}` is the name of `{code}`: write `names = \"any\"` to have names taken"));
    }
    Some(Fault { kind: ProblemKind::UnknownCode, expected, nearest: near.map(str::to_owned) })
}

fn unfit_text(text: &str) -> Option<Fault> {
    if text.chars().count() > MAX_TEXT {
        let expected = format!("at most {MAX_TEXT} characters");
        return Some(Fault { kind: ProblemKind::TooLong, expected, nearest: None });
    }
    // Not every format can carry them.
    let unwritable = text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let expected = || "text without control characters".to_owned();
    unwritable.then(|| Fault { kind: ProblemKind::WrongType, expected: expected(), nearest: None })
}

fn no_period(text: &str, date: bool) -> Fault {
    let expected =
        if date { "a date such as 2020-01-31" } else { "a time period such as 2020, 2020-Q1, 2020-01 or 2020-01-31" };
    let mut expected = expected.to_owned();
    // `FY2023`, `2022/23`, `mid-2023`.
    let years = text.split_once(['/', '-', '–']).is_some_and(|(from, to)| {
        from.len() == 4 && to.len() <= 4 && [from, to].iter().all(|part| part.parse::<u16>().is_ok())
    });
    let lower = text.to_lowercase();
    if years || lower.starts_with("fy") || lower.contains("mid") {
        expected
            .push_str("; a year that is not the calendar's is named by one year, with REF_DATE `FISCAL` or `MID_YEAR`");
    }
    Fault { kind: ProblemKind::ImpossiblePeriod, expected, nearest: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_eight_bytes_are_known_by_their_heads() {
        let texts =
            ["", "a", "aa", "aaa", "aaaa", "ab", "ba", "aab", "aba", "abcd", "abcde", "abcdd", "abcdbcd", "abcdefgh"];
        for one in texts {
            for other in texts {
                assert_eq!(Head::of(one) == Head::of(other), one == other, "{one} {other}");
            }
        }
        let recent = Recent { judged: 3, head: Some(Head::of("abcdefghi")), text: "abcdefghi".into() };
        assert!(recent.is(Head::of("abcdefghi"), "abcdefghi") && !recent.is(Head::of("abcdefghj"), "abcdefghj"));
        assert!(!Recent::default().is(Head::of(""), ""));
    }
}
