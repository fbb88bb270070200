//! How a file writes its periods: as SDMX does, as dates in some order, by the names of months, or as a year and a month apart.

use super::super::dates::{DateFormat, month_number};
use super::super::names::folded;
use super::{Sample, quoted};
use crate::period::{Length, Period};

/// Ways to write a month or a day, the likelier first.
const FORMATS: [&str; 25] = [
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%m/%Y",
    "%m-%Y",
    "%m.%Y",
    "%Y/%m",
    "%Y%m",
    "%B %Y",
    "%B-%Y",
    "%B/%Y",
    "%B %y",
    "%B-%y",
    "%B/%y",
    "%B de %Y",
    "%B del %Y",
    "%Y %B",
    "%Y-%B",
    "%Y年%B",
    "%d %B %Y",
    "%d-%B-%Y",
    "%d de %B de %Y",
];
/// Least share of a column's texts that are written in one way.
const LEAST_SHARE: f64 = 0.95;
/// Years that figures are of; other numbers are no years.
const YEARS: std::ops::RangeInclusive<u16> = 1800..=2200;

/// How texts become periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dates {
    /// How they are written, where it is not SDMX's way.
    pub(super) format: Option<&'static str>,
    /// What a day is cut to: each is the first, or the last, of one.
    pub(super) period: Option<&'static str>,
    /// Whether the day can be the month, and the month the day.
    pub(super) ambiguous: bool,
}

impl Dates {
    /// How most of the texts are written, and the share of them.
    pub(super) fn of(texts: &[String]) -> (f64, Self) {
        let share = |format: Option<&DateFormat>| match texts.len() {
            0 => 0.0,
            all => texts.iter().filter(|text| standard(format, text).is_some()).count() as f64 / all as f64,
        };
        let (mut best, mut known) = (share(None), Self { format: None, period: None, ambiguous: false });
        if best < LEAST_SHARE {
            for format in FORMATS {
                let share = DateFormat::parse(format).map_or(0.0, |parsed| share(Some(&parsed)));
                if share > best.max(LEAST_SHARE) {
                    (best, known.format) = (share, Some(format));
                }
            }
        }
        let other = DateFormat::parse("%m/%d/%Y");
        known.ambiguous = known.format == Some("%d/%m/%Y") && share(other.as_ref()) >= best;
        known.period = known.cut(texts);
        (best, known)
    }

    /// The period that the text becomes.
    pub(super) fn standard(&self, text: &str) -> Option<Period> {
        let format = self.format.and_then(DateFormat::parse);
        let text = standard(format.as_ref(), text)?;
        let length = self.period.and_then(Length::parse);
        Period::parse(&length.and_then(|length| Period::cut(&text, length)).unwrap_or(text))
    }

    /// The period that every day stands for, if all are the first or all the last of one.
    fn cut(&self, texts: &[String]) -> Option<&'static str> {
        let days: Vec<Period> = texts.iter().filter_map(|text| self.standard(text)).collect();
        let all = |word: &str, last: bool| {
            let length = Length::parse(word);
            let is_end = |day: &Period| {
                let whole = length.map(|length| Period::text_of(day.start, length));
                let whole = whole.and_then(|text| Period::parse(&text));
                whole.is_some_and(|whole| if last { whole.end == day.end } else { whole.start == day.start })
            };
            days.len() > 1 && days.iter().all(|day| matches!(day.length, Length::Day | Length::Instant) && is_end(day))
        };
        ["year", "month"].into_iter().find(|word| all(word, false) || all(word, true))
    }

    /// What the mapping says of it, behind the column.
    pub(super) fn written(&self) -> String {
        let format = self.format.map(|format| format!(", format = {}", quoted(format)));
        let period = self.period.map(|period| format!(", period = {}", quoted(period)));
        format.into_iter().chain(period).collect()
    }
}

/// A text as SDMX writes it, if it is a period of a year that figures are of.
fn standard(format: Option<&DateFormat>, text: &str) -> Option<String> {
    // What is nothing but digits is a figure, unless it has as many as a month or a day.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if format.is_some() && digits && !matches!(text.len(), 6 | 8) {
        return None;
    }
    let text = format.map_or_else(|| Some(text.to_owned()), |format| format.standard(text))?;
    let year: u16 = text.get(..4)?.parse().ok()?;
    (Period::parse(&text).is_some() && (format.is_none() || YEARS.contains(&year))).then_some(text)
}

/// Whether a heading, or a part of one, is a period that says its year.
pub(super) fn is_period(heading: &str) -> bool {
    Dates::of(&[heading.to_owned()]).0 > LEAST_SHARE
}

/// Whether it is the name of a month.
pub(super) fn is_month(text: &str) -> bool {
    text.chars().any(char::is_alphabetic) && month_number(text).is_some()
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse().is_ok_and(|year: u16| YEARS.contains(&year))
}

/// Whether a number is rather a year than a figure.
pub(super) fn is_recent_year(text: &str) -> bool {
    text.len() == 4 && text.parse().is_ok_and(|year: u16| (1950..=2050).contains(&year))
}

/// The year that stands where the table itself has none.
const NO_YEAR: &str = "YYYY";

/// The one year that a name has in it: of a file, or of a sheet.
fn year_in(name: &str) -> Option<&str> {
    let mut years = name.split(|c: char| !c.is_ascii_digit()).filter(|part| is_year(part));
    let first = years.next()?;
    years.all(|year| year == first).then_some(first)
}

/// A month in a column of its own, and the year in another, or nowhere in the table.
pub(super) struct Joined {
    /// Their places.
    year: Option<usize>,
    month: usize,
    /// What is said of the year, if it stands in no column.
    pub(super) doubt: Option<String>,
    /// The column that they become.
    pub(super) into: String,
    /// How.
    pub(super) with: String,
}

impl Joined {
    /// The columns that are a year and a month, if no other has both. A table without a year may have one of its `names`.
    pub(super) fn find(sample: &Sample, names: &[&str]) -> Option<Self> {
        let whole = |texts: &[String]| {
            let (share, dates) = Dates::of(texts);
            share > LEAST_SHARE
                && texts.iter().filter_map(|text| dates.standard(text)).all(|p| p.length != Length::Year)
        };
        let all = |texts: &[String], is: fn(&str) -> bool| !texts.is_empty() && texts.iter().all(|text| is(text));
        if sample.columns.iter().any(|(_, texts)| !texts.is_empty() && whole(texts)) {
            return None;
        }
        let number = |text: &str| text.parse().is_ok_and(|month: u8| (1..=12).contains(&month));
        let called = |heading: &str, words: &[&str]| words.contains(&folded(heading).as_str());
        let is_month_column = |(heading, texts): &(String, Vec<String>)| {
            let words = ["month", "mes", "mois", "месяц", "شهر", "الشهر", "月", "月份", "mm"];
            all(texts, is_month) || called(heading, &words) && all(texts, number)
        };
        let month = sample.columns.iter().position(is_month_column)?;
        let words = ["year", "ano", "anio", "annee", "год", "سنة", "السنة", "عام", "年", "年份", "yyyy", "period"];
        let years = || (0..sample.columns.len()).filter(|column| all(&sample.columns[*column].1, is_year));
        let year = years().find(|column| called(&sample.columns[*column].0, &words)).or_else(|| years().next());
        let heading = |column: usize| sample.columns[column].0.as_str();
        if year.iter().chain([&month]).any(|column| heading(*column).contains(['{', '}', ':'])) {
            return None;
        }
        let named = names.iter().find_map(|name| Some((year_in(name)?, name)));
        let doubt = match (year, named) {
            (Some(_), _) => None,
            (None, Some((_, name))) => Some(format!("the table has no year; this one stands in `{name}`")),
            (None, None) => Some(format!("the table has no year: write it in place of {NO_YEAR}")),
        };
        let text =
            year.map_or_else(|| named.map_or(NO_YEAR, |(year, _)| year).to_owned(), |y| format!("{{{}}}", heading(y)));
        let with = match all(&sample.columns[month].1, is_month) {
            true => format!("{text} {{{}}}", heading(month)),
            false => format!("{text}-{{{}:02}}", heading(month)),
        };
        let mut into = "period".to_owned();
        while sample.columns.iter().any(|(heading, _)| *heading == into) {
            into.push('_');
        }
        Some(Self { year, month, doubt, into, with })
    }

    /// Whether the column has become a part of the new one.
    pub(super) fn has(&self, column: usize) -> bool {
        self.month == column || self.year == Some(column)
    }

    /// Adds the column they become.
    pub(super) fn add_to(&self, sample: &mut Sample) {
        let texts = |column: usize| sample.columns[column].1.iter();
        let named = texts(self.month).all(|text| is_month(text));
        let join = |year: &String, month: &String| match named {
            true => format!("{year} {month}"),
            false => format!("{year}-{month:0>2}"),
        };
        // One year tells how often there are figures, and that the texts are periods.
        let year = self.year.and_then(|year| texts(year).next()).cloned().unwrap_or_else(|| "2000".to_owned());
        let joined: Vec<String> = texts(self.month).map(|month| join(&year, month)).collect();
        sample.columns.push((self.into.clone(), Vec::new()));
        sample.seen.push(std::collections::HashSet::new());
        let column = sample.columns.len() - 1;
        joined.iter().for_each(|text| sample.note(column, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_known_however_they_are_written() {
        for (texts, format, period, ambiguous) in [
            (&["2020", "2021"][..], None, None, false),
            (&["2020-01-01", "2020-02-01"], None, Some("month"), false),
            (&["2020-01-31", "2020-02-29"], None, Some("month"), false),
            (&["2020-01-01", "2021-01-01"], None, Some("year"), false),
            (&["2020-01-01", "2020-02-03"], None, None, false),
            (&["31/12/2020", "01/02/2021"], Some("%d/%m/%Y"), None, false),
            (&["01/02/2021", "03/02/2021"], Some("%d/%m/%Y"), None, true),
            (&["12/31/2020", "01/02/2021"], Some("%m/%d/%Y"), None, false),
            (&["enero 2020", "Febrero 2020"], Some("%B %Y"), None, false),
            (&["ene-20", "feb-20"], Some("%B-%y"), None, false),
            (&["janvier 2020"], Some("%B %Y"), None, false),
            (&["2024年3月"], Some("%Y年%B"), None, false),
            (&["3 de enero de 2024"], Some("%d de %B de %Y"), None, false),
            (&["202001", "202012"], Some("%Y%m"), None, false),
        ] {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let (share, dates) = Dates::of(&texts);
            assert_eq!(dates, Dates { format, period, ambiguous }, "{texts:?}");
            assert!(share > 0.99, "{texts:?}");
        }
        for texts in ["1", "12", "202013", "4711", "Guatemala", "0001/12", "may", ""] {
            let (share, dates) = Dates::of(&[texts.to_owned()]);
            assert!(share < 0.5 || texts == "4711" && dates.format.is_none(), "{texts}");
        }
    }
}
