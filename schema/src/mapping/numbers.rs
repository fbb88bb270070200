//! How a file writes its numbers: the decimal mark, and what stands between thousands.

use std::borrow::Cow;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberStyle {
    /// `.` or `,`.
    pub decimal: char,
    /// Between groups of three digits; none if nothing may stand there. A space stands for any kind of space.
    pub thousands: Option<char>,
}

impl Default for NumberStyle {
    fn default() -> Self {
        Self { decimal: '.', thousands: None }
    }
}

/// What the figures of a file say about how they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No figure tells one way of writing from another.
    Plain,
    /// Some figures can only be read in this way, and none contradicts it.
    Style(NumberStyle),
    /// This one, such as `1,234`, can be a thousand or a fraction, and no other figure says which.
    Ambiguous(String),
    /// These two cannot both be read.
    Contradiction(String, String),
}

impl NumberStyle {
    /// The number as it is written everywhere, `1234.5`; a text that is not a number in this style stays as it is.
    pub fn standard<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let plain = |c: u8| c.is_ascii_digit() || c == b'-' || (c == b'.' && self.decimal == '.');
        if text.bytes().all(plain) && self.thousands != Some('.') {
            return Cow::Borrowed(text);
        }
        self.read(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    fn read(self, text: &str) -> Option<String> {
        let (sign, digits) = match text.strip_prefix(['-', '\u{2212}']) {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        let (whole, fraction) = match digits.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if fraction.is_some_and(|fraction| !is_number(fraction)) {
            return None;
        }
        let mut out = sign.to_owned();
        let between =
            |c: char| self.thousands.is_some_and(|thousands| c == thousands || thousands == ' ' && is_space(c));
        for (index, group) in whole.split(between).enumerate() {
            let fits = if index == 0 { !whole.contains(between) || group.len() <= 3 } else { group.len() == 3 };
            if !is_number(group) || !fits {
                return None;
            }
            out.push_str(group);
        }
        if let Some(fraction) = fraction {
            out.push('.');
            out.push_str(fraction);
        }
        Some(out)
    }

    /// Looks how `figures` are written. Texts that are no numbers in any style say nothing.
    pub fn find<'a>(figures: impl Iterator<Item = &'a str>) -> Found {
        let (mut decimal, mut thousands, mut doubtful) = (None, None, None);
        for text in figures {
            let evidence = Evidence::of(text);
            for (mark, known) in [(evidence.decimal, &mut decimal), (evidence.thousands, &mut thousands)] {
                let Some(mark) = mark else { continue };
                match known {
                    None => *known = Some((mark, text)),
                    Some((before, first)) if *before != mark => {
                        return Found::Contradiction((*first).to_owned(), text.to_owned());
                    }
                    Some(_) => {}
                }
            }
            if evidence.doubtful && doubtful.is_none() {
                doubtful = Some(text);
            }
        }
        match (decimal, thousands, doubtful) {
            (None, None, None) => Found::Plain,
            (None, None, Some(text)) => Found::Ambiguous(text.to_owned()),
            (Some((mark, first)), Some((between, second)), _) if mark == between => {
                Found::Contradiction(first.to_owned(), second.to_owned())
            }
            (decimal, thousands, doubtful) => {
                let mark = doubtful.map(|text| if text.contains(',') { ',' } else { '.' });
                let thousands = thousands.map(|(mark, _)| mark);
                // `1,234` is a thousand beside `2.5`, and a fraction beside `1,5` or `1 234`.
                let between =
                    mark.filter(|mark| thousands.is_none() && decimal.is_some_and(|(known, _)| known != *mark));
                let thousands = thousands.or(between);
                let mark = mark.filter(|mark| thousands != Some(*mark));
                let opposite = if thousands == Some('.') { ',' } else { '.' };
                let decimal = decimal.map(|(mark, _)| mark).or(mark).unwrap_or(opposite);
                Found::Style(Self { decimal, thousands })
            }
        }
    }
}

/// Spaces that stand between thousands: also those that do not break, and the narrow ones of French and of ISO 31-0.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// What one text says.
#[derive(Default)]
struct Evidence {
    decimal: Option<char>,
    thousands: Option<char>,
    /// Its one mark can be either.
    doubtful: bool,
}

impl Evidence {
    fn of(text: &str) -> Self {
        let digits = text.strip_prefix(['-', '\u{2212}']).unwrap_or(text);
        let is_mark = |c: char| matches!(c, '.' | ',' | '\'' | '\u{2019}') || is_space(c);
        let begins = digits.starts_with(|c: char| c.is_ascii_digit());
        if !begins || !digits.chars().all(|c| c.is_ascii_digit() || is_mark(c)) {
            return Self::default();
        }
        let marks: Vec<char> =
            digits.chars().filter(|c| is_mark(*c)).map(|c| if is_space(c) { ' ' } else { c }).collect();
        let (Some(first), Some(last)) = (marks.first().copied(), marks.last().copied()) else { return Self::default() };
        let (tail, head) = (digits.rsplit(is_mark).next().unwrap_or(""), digits.split(is_mark).next().unwrap_or(""));
        let can_be_fraction = matches!(last, ',' | '.');
        let (decimal, thousands) = match marks.len() {
            1 if can_be_fraction && tail.len() == 3 && head.len() <= 3 && !head.starts_with('0') => {
                return Self { doubtful: true, ..Self::default() };
            }
            1 if can_be_fraction => (Some(last), None),
            _ if first == last => (None, Some(first)),
            _ if can_be_fraction => (Some(last), Some(first)),
            _ => return Self::default(),
        };
        let opposite = if thousands == Some('.') { ',' } else { '.' };
        let style = NumberStyle { decimal: decimal.unwrap_or(opposite), thousands };
        if style.read(text).is_some() { Self { decimal, thousands, doubtful: false } } else { Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn style(decimal: char, thousands: Option<char>) -> NumberStyle {
        NumberStyle { decimal, thousands }
    }

    #[test]
    fn figures_tell_how_they_are_written() {
        let cases: [(&[&str], Found); 12] = [
            (&["1", "-20", "<5", ":"], Found::Plain),
            (&["1", "2.5"], Found::Style(style('.', None))),
            (&["1,5"], Found::Style(style(',', None))),
            (&["1,234,567"], Found::Style(style('.', Some(',')))),
            (&["1.234,5"], Found::Style(style(',', Some('.')))),
            (&["1 234", "3,25"], Found::Style(style(',', Some(' ')))),
            (&["1\u{202f}234,5"], Found::Style(style(',', Some(' ')))),
            (&["1'234.50"], Found::Style(style('.', Some('\'')))),
            (&["1,234"], Found::Ambiguous("1,234".to_owned())),
            (&["1,234", "2.5"], Found::Style(style('.', Some(',')))),
            (&["0,123"], Found::Style(style(',', None))),
            (&["1,5", "2.5"], Found::Contradiction("1,5".to_owned(), "2.5".to_owned())),
        ];
        for (figures, found) in cases {
            assert_eq!(NumberStyle::find(figures.iter().copied()), found, "{figures:?}");
        }
    }

    #[test]
    fn what_is_no_number_in_the_style_stays() {
        for (style, text, expected) in [
            (style(',', Some('.')), "1.234.567,8", "1234567.8"),
            (style(',', Some('.')), "12.34", "12.34"),
            (style(',', Some('.')), "1.234", "1234"),
            (style('.', Some(' ')), "1\u{a0}234", "1234"),
            (style('.', Some(',')), "1,23,456", "1,23,456"),
            (style('.', None), "1,234", "1,234"),
            (style(',', None), "<5", "<5"),
            (style(',', None), "\u{2212}1,5", "-1.5"),
        ] {
            assert_eq!(style.standard(text), expected, "{style:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_written_in_a_style_is_read_in_it(
            whole in 0u64..10_000_000_000,
            cents in 0u32..100,
            (decimal, thousands) in prop::sample::select(vec![('.', Some(',')), (',', Some('.')), (',', Some(' ')), ('.', Some('\'')), (',', None)]),
        ) {
            let digits = whole.to_string();
            let mut written = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if let Some(mark) = thousands.filter(|_| index > 0 && (digits.len() - index) % 3 == 0) {
                    written.push(mark);
                }
                written.push(digit);
            }
            let text = format!("{written}{decimal}{cents:02}");
            prop_assert_eq!(style(decimal, thousands).standard(&text), format!("{whole}.{cents:02}"));
        }
    }
}
