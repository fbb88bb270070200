//! Dates as files write them: any order of day, month and year, and months by their names.

use chrono::NaiveDate;
use chrono::format::{Item, StrftimeItems};

use super::names::folded;

/// Names of the months in the official languages of the United Nations whose months are words; Chinese numbers them.
const MONTHS: [[&str; 12]; 6] = [
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    [
        "janvier",
        "fevrier",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "aout",
        "septembre",
        "octobre",
        "novembre",
        "decembre",
    ],
    [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    [
        "январь",
        "февраль",
        "март",
        "апрель",
        "май",
        "июнь",
        "июль",
        "август",
        "сентябрь",
        "октябрь",
        "ноябрь",
        "декабрь",
    ],
    ["يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"],
    ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
];

/// A format of dates, as `strftime` writes it: `%d/%m/%Y`, `%B %Y`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateFormat {
    format: String,
    words: bool,
    lacks: &'static str,
}

impl DateFormat {
    /// None if it is no format, or one without a year.
    pub(super) fn parse(format: &str) -> Option<Self> {
        let numbered = format.replace("%B", "%m").replace("%b", "%m");
        if StrftimeItems::new(&numbered).any(|item| item == Item::Error) || !format.contains('%') {
            return None;
        }
        let has = |words: &[&str]| words.iter().any(|word| numbered.contains(word));
        let whole = has(&["%F", "%D", "%x"]);
        if !whole && !has(&["%Y", "%y", "%G"]) {
            return None;
        }
        let lacks = match (whole || has(&["%m"]), whole || has(&["%d", "%e"])) {
            (true, true) => "",
            (true, false) => "d",
            (false, _) => "md",
        };
        Some(Self { words: numbered != format, format: numbered, lacks })
    }

    /// The date as ISO 8601 writes it, cut to what the format tells: a year, a month or a day. None if it is not in the format.
    pub(super) fn standard(&self, text: &str) -> Option<String> {
        let numbered = if self.words { months_as_numbers(text)? } else { text.trim().to_owned() };
        let day = |prefix: &str, format: &str| {
            NaiveDate::parse_from_str(&format!("{prefix}{numbered}"), &format!("{format}{}", self.format)).ok()
        };
        match self.lacks {
            "" => Some(day("", "")?.format("%Y-%m-%d").to_string()),
            "d" => Some(day("01|", "%d|")?.format("%Y-%m").to_string()),
            _ => Some(day("01|01|", "%m|%d|")?.format("%Y").to_string()),
        }
    }
}

/// Replaces the name of a month, whole or its first letters, by its number.
fn months_as_numbers(text: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphabetic() || c == '\u{301}';
    if let Some(month) = text.find('月') {
        let start = text[..month]
            .rfind(|c: char| !c.is_ascii_digit())
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        return month_number(&text[start..month + '月'.len_utf8()])
            .map(|number| format!("{}{number:02}{}", &text[..start], &text[month + '月'.len_utf8()..]));
    }
    // The first word that is a month: `3 de enero de 2024`.
    let mut from = 0;
    while let Some(start) = text[from..].find(is_word).map(|at| from + at) {
        let end = text[start..].find(|c: char| !is_word(c)).map_or(text.len(), |length| start + length);
        if let Some(number) = month_number(&text[start..end]) {
            let after = text[end..].trim_start_matches('.');
            return Some(format!("{}{number:02}{after}", text[..start].trim_start()).trim().to_owned());
        }
        from = end;
    }
    None
}

/// The month that the word names in some language; none if it can be two.
pub(super) fn month_number(word: &str) -> Option<usize> {
    let word = folded(word);
    let mut found = None;
    for names in &MONTHS {
        for (index, name) in names.iter().enumerate() {
            let name = folded(name);
            // Russian bends its months: `января` is said of a day in `январь`.
            let bent = word.chars().count() >= 3
                && name.trim_end_matches(['ь', 'й']) == word.trim_end_matches(['я', 'а', 'ь', 'й']);
            let cut = word.chars().count() >= 3 && word.is_ascii() && name.starts_with(&word);
            if name == word || cut || bent {
                match found {
                    Some(other) if other != index + 1 => return None,
                    _ => found = Some(index + 1),
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_files_write_them() {
        for (format, text, expected) in [
            ("%d/%m/%Y", "31/12/2024", Some("2024-12-31")),
            ("%d/%m/%Y", "12/31/2024", None),
            ("%m/%Y", "03/2024", Some("2024-03")),
            ("%Y%m", "202403", Some("2024-03")),
            ("%B %Y", "Marzo 2024", Some("2024-03")),
            ("%B %Y", "août 2024", Some("2024-08")),
            ("%b-%Y", "dic-2024", Some("2024-12")),
            ("%b. %Y", "Sept. 2024", None),
            ("%b %Y", "Sept. 2024", Some("2024-09")),
            ("%d de %B de %Y", "3 de enero de 2024", Some("2024-01-03")),
            ("%d %B %Y", "3 января 2024", Some("2024-01-03")),
            ("%B %Y", "مارس 2024", Some("2024-03")),
            ("%Y年%B", "2024年3月", Some("2024-03")),
            ("FY%Y", "FY2024", Some("2024")),
            ("%B %Y", "Brumaire 2024", None),
        ] {
            let format = DateFormat::parse(format).unwrap();
            assert_eq!(format.standard(text).as_deref(), expected, "{format:?} {text}");
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for format in ["", "year", "%m/%d", "%Q"] {
            assert_eq!(DateFormat::parse(format), None, "{format}");
        }
    }

    #[test]
    fn every_month_is_known_in_every_language() {
        for names in MONTHS {
            for (index, name) in names.iter().enumerate() {
                assert_eq!(month_number(name), Some(index + 1), "{name}");
            }
        }
        assert_eq!(month_number("ma"), None);
        assert_eq!(month_number("jui"), None);
    }
}
