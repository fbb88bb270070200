//! SDMX time periods (SDMX 3.0, section 6, "observational time period").
//!
//! Calendar and reporting periods: `2020`, `2020-S1`, `2020-T2`, `2020-Q3`, `2020-01`, `2020-W05`, `2020-01-31` and the long
//! forms `2020-A1`, `2020-M01`, `2020-D031`; points in time, `2020-01-31T12:00:00Z`; ranges, `2020-01-31/P3M`.

use std::borrow::Cow;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Weekday};

/// Longest period text, in bytes: a point in time with fractions and zone, and a duration.
const MAX_TEXT: usize = 80;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Length {
    /// A year.
    Year,
    /// Half a year.
    Semester,
    /// A third of a year.
    Trimester,
    /// A quarter.
    Quarter,
    /// A month.
    Month,
    /// An ISO week.
    Week,
    /// A day.
    Day,
    /// A point in time. Figures of the exchange have none.
    Instant,
    /// A start and a duration. Figures of the exchange have none.
    Range,
}

impl Length {
    /// The word a mapping file uses.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "year" => Self::Year,
            "half" => Self::Semester,
            "quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" => Self::Week,
            "day" => Self::Day,
            _ => return None,
        })
    }

    /// The frequency code of CL_FREQ; none for a point in time and a range.
    pub fn frequency(self) -> Option<&'static str> {
        Some(match self {
            Self::Year => "A",
            Self::Semester => "S",
            Self::Trimester => "A_3",
            Self::Quarter => "Q",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
            Self::Instant | Self::Range => return None,
        })
    }

    /// Whether figures of frequency `code` have periods of this length. Codes with no regular period accept any of a day or
    /// longer; a point in time or a range fits none.
    pub fn fits(self, code: &str) -> bool {
        if matches!(self, Self::Instant | Self::Range) {
            return false;
        }
        match code {
            "A" | "A2" | "A3" | "A4" | "A5" | "A10" | "A20" | "A30" | "OA" => self == Self::Year,
            "S" => self == Self::Semester,
            "A_3" => self == Self::Trimester,
            "Q" => self == Self::Quarter,
            "M" | "M2" | "OM" => self == Self::Month,
            "W" | "W2" | "W3" | "W4" => self == Self::Week,
            "D" | "B" => self == Self::Day,
            _ => true,
        }
    }
}

/// A period's first day, last day and length. Ordered by first day, then last day: `2020-01` comes before
/// `2020-Q1`, and that before `2020`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// First day.
    pub start: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
    /// Length.
    pub length: Length,
}

impl Period {
    /// Reads a period; none if it is not one, or an impossible one such as `2021-02-30` or `2021-W53`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT || !text.is_ascii() {
            return None;
        }
        if let Some((start, duration)) = text.split_once('/') {
            return Self::range(start, duration);
        }
        let (year_text, rest) = text.split_at_checked(4)?;
        let year = number(year_text)? as i32;
        if rest.is_empty() {
            return Self::months(year, 1, 12, Length::Year);
        }
        let rest = rest.strip_prefix('-')?;
        let (letter, digits) = rest.split_at_checked(1)?;
        match (letter, digits.len()) {
            ("A", 1) if digits == "1" => Self::months(year, 1, 12, Length::Year),
            ("S", 1) => Self::part(year, digits, 2, 6, Length::Semester),
            ("T", 1) => Self::part(year, digits, 3, 4, Length::Trimester),
            ("Q", 1) => Self::part(year, digits, 4, 3, Length::Quarter),
            ("M", 2) => Self::part(year, digits, 12, 1, Length::Month),
            ("W", 2) => Self::week(year, number(digits)?),
            ("D", 3) => Some(Self::day(NaiveDate::from_yo_opt(year, number(digits)?)?, Length::Day)),
            _ if rest.len() == 2 => Self::part(year, rest, 12, 1, Length::Month),
            _ => day_or_instant(text),
        }
    }

    /// The period of `length` that holds `day`, as SDMX writes it; for a point in time or a range, the day.
    pub fn text_of(day: NaiveDate, length: Length) -> String {
        let (year, month) = (day.year(), day.month());
        match length {
            Length::Year => format!("{year:04}"),
            Length::Semester => format!("{year:04}-S{}", (month - 1) / 6 + 1),
            Length::Trimester => format!("{year:04}-T{}", (month - 1) / 4 + 1),
            Length::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
            Length::Month => format!("{year:04}-{month:02}"),
            Length::Week => format!("{:04}-W{:02}", day.iso_week().year(), day.iso_week().week()),
            Length::Day | Length::Instant | Length::Range => format!("{year:04}-{month:02}-{:02}", day.day()),
        }
    }

    /// Cuts an ISO date, or a date with a time, to the period of `length` it lies in; none if it is neither.
    pub fn cut(text: &str, length: Length) -> Option<String> {
        let period = Self::parse(text)?;
        matches!(period.length, Length::Day | Length::Instant).then(|| Self::text_of(period.start, length))
    }

    /// The one spelling figures are kept in: `2020-M01` becomes `2020-01`, so that equal periods are equal texts. None if
    /// `text` is no period.
    pub fn standard(text: &str) -> Option<(Cow<'_, str>, Self)> {
        let period = Self::parse(text)?;
        let long = matches!(text.as_bytes().get(5), Some(b'A' | b'M' | b'D')) && period.length != Length::Range;
        let text = if long { Cow::Owned(Self::text_of(period.start, period.length)) } else { Cow::Borrowed(text) };
        Some((text, period))
    }

    /// Whether all days of `other` are days of this one.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The days both have: first and last.
    pub fn clip(&self, other: &Self) -> Option<(NaiveDate, NaiveDate)> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        (start <= end).then_some((start, end))
    }

    /// How many days it has.
    pub fn days(&self) -> i64 {
        (self.end - self.start).num_days() + 1
    }

    fn months(year: i32, first: u32, count: u32, length: Length) -> Option<Self> {
        let start = NaiveDate::from_ymd_opt(year, first, 1)?;
        let end = start.checked_add_months(Months::new(count))?.checked_sub_days(Days::new(1))?;
        Some(Self { start, end, length })
    }

    fn part(year: i32, digits: &str, parts: u32, months: u32, length: Length) -> Option<Self> {
        let part = number(digits)?;
        (1..=parts).contains(&part).then_some(())?;
        Self::months(year, (part - 1) * months + 1, months, length)
    }

    fn week(year: i32, week: u32) -> Option<Self> {
        let start = NaiveDate::from_isoywd_opt(year, week, Weekday::Mon)?;
        Some(Self { start, end: start.checked_add_days(Days::new(6))?, length: Length::Week })
    }

    fn day(day: NaiveDate, length: Length) -> Self {
        Self { start: day, end: day, length }
    }

    fn range(start: &str, duration: &str) -> Option<Self> {
        let start = day_or_instant(start)?.start;
        let after = add(start, duration)?;
        // A duration of hours ends on the day it begins.
        let end = after.checked_sub_days(Days::new(u64::from(after > start)))?;
        Some(Self { start, end, length: Length::Range })
    }
}

/// `2020-01-31` or `2020-01-31T12:00:00.5+02:00`; the day is the one written, in its own zone.
fn day_or_instant(text: &str) -> Option<Period> {
    let (date, time) = text.split_at_checked(10)?;
    let (year, rest) = date.split_at(4);
    let rest = rest.strip_prefix('-')?;
    let (month, day) = rest.split_once('-').filter(|(m, d)| m.len() == 2 && d.len() == 2)?;
    let day = NaiveDate::from_ymd_opt(number(year)? as i32, number(month)?, number(day)?)?;
    if time.is_empty() {
        return Some(Period::day(day, Length::Day));
    }
    let time = time.strip_prefix('T')?;
    let clock = time.split_once(['Z', '+', '-']).map_or(time, |(clock, _)| clock);
    let zone = time.get(clock.len()..)?;
    let (whole, fraction) = clock.split_at_checked(8)?;
    NaiveTime::parse_from_str(whole, "%H:%M:%S").ok()?;
    let digits = |text: &str| !text.is_empty() && number(text).is_some();
    let fraction = fraction.is_empty() || fraction.strip_prefix('.').is_some_and(|f| f.len() <= 9 && digits(f));
    let zone = match zone.get(1..) {
        None => true,
        Some("") => zone == "Z",
        Some(offset) => {
            !zone.starts_with('Z') && NaiveTime::parse_from_str(offset, "%H:%M").is_ok() && offset.len() == 5
        }
    };
    (fraction && zone).then(|| Period::day(day, Length::Instant))
}

/// `start` and an ISO 8601 duration such as `P1Y2M`, `P10D`, `P2W` or `PT12H`; at most four digits a part.
fn add(start: NaiveDate, duration: &str) -> Option<NaiveDate> {
    let text = duration.strip_prefix('P')?;
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut day = start;
    let mut parts = 0;
    for (n, unit) in units(date, "YMWD")? {
        parts += 1;
        day = match unit {
            'Y' => day.checked_add_months(Months::new(n * 12))?,
            'M' => day.checked_add_months(Months::new(n))?,
            'W' => day.checked_add_days(Days::new(u64::from(n) * 7))?,
            _ => day.checked_add_days(Days::new(u64::from(n)))?,
        };
    }
    let mut seconds = 0;
    for (n, unit) in units(time.unwrap_or(""), "HMS")? {
        parts += 1;
        seconds += i64::from(n)
            * if unit == 'H' {
                3600
            } else if unit == 'M' {
                60
            } else {
                1
            };
    }
    (parts > 0 && time != Some("")).then_some(())?;
    day.checked_add_signed(TimeDelta::seconds(seconds))
}

/// Numbers and their units, each unit at most once and in the order of `known`.
fn units(mut text: &str, known: &str) -> Option<Vec<(u32, char)>> {
    let mut found = Vec::new();
    let mut left = known;
    while !text.is_empty() {
        let at = text.find(|c: char| !c.is_ascii_digit()).filter(|at| (1..=4).contains(at))?;
        let unit = text[at..].chars().next()?;
        left = left.split_once(unit)?.1;
        found.push((number(&text[..at])?, unit));
        text = &text[at + 1..];
    }
    Some(found)
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_have_their_days() {
        for (text, start, end) in [
            ("2020", "2020-01-01", "2020-12-31"),
            ("2020-A1", "2020-01-01", "2020-12-31"),
            ("2020-S2", "2020-07-01", "2020-12-31"),
            ("2020-T3", "2020-09-01", "2020-12-31"),
            ("2020-Q1", "2020-01-01", "2020-03-31"),
            ("2020-02", "2020-02-01", "2020-02-29"),
            ("2020-M02", "2020-02-01", "2020-02-29"),
            ("2020-W53", "2020-12-28", "2021-01-03"),
            ("2020-D366", "2020-12-31", "2020-12-31"),
            ("2020-01-31", "2020-01-31", "2020-01-31"),
            ("2020-01-31T23:59:59", "2020-01-31", "2020-01-31"),
            ("2020-01-31T23:59:59.25+02:00", "2020-01-31", "2020-01-31"),
            ("2020-01-31T00:00:00Z", "2020-01-31", "2020-01-31"),
            ("2020-01-31/P1Y", "2020-01-31", "2021-01-30"),
            ("2020-01-01/P1M10D", "2020-01-01", "2020-02-10"),
            ("2020-01-01T06:00:00/PT12H", "2020-01-01", "2020-01-01"),
            ("2020-01-01/P2W", "2020-01-01", "2020-01-14"),
        ] {
            let period = Period::parse(text).unwrap();
            assert_eq!((period.start.to_string(), period.end.to_string()), (start.into(), end.into()), "{text}");
        }
    }

    #[test]
    fn impossible_periods_are_refused() {
        for text in [
            "",
            "20",
            "2020-",
            "2020-13",
            "2020-00",
            "2021-02-30",
            "2021-W53",
            "2020-Q5",
            "2020-S3",
            "20200101",
            "2020-1",
            "+202",
            "２０２０",
            "2020-01-01T00",
            "2020-01-01T25:00:00",
            "2020-01-01T1:00:000",
            "2020-01-01T00:00:00z",
            "2020-01-01T00:00:00+2",
            "2020-01-01T00:00:00.",
            "2020-A2",
            "2020-D000",
            "2021-D366",
            "2020/P1M",
            "2020-01-01/",
            "2020-01-01/P",
            "2020-01-01/P1",
            "2020-01-01/P1DT",
            "2020-01-01/P1M1Y",
            "2020-01-01/P99999D",
            "2020-01-01/1M",
        ] {
            assert!(Period::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn periods_of_different_lengths_compare_by_their_days() {
        let period = |text| Period::parse(text).unwrap();
        let ordered =
            ["2019-12-31", "2020-01-01", "2020-01", "2020-Q1", "2020-S1", "2020", "2020-02", "2020-W53", "2021"];
        assert!(ordered.is_sorted_by_key(|text| period(text)), "{ordered:?}");
        assert!(period("2020").contains(&period("2020-Q4")) && !period("2020").contains(&period("2020-W53")));
        let shared = period("2020").clip(&period("2020-W53")).map(|(a, b)| (a.to_string(), b.to_string()));
        assert_eq!(shared, Some(("2020-12-28".to_owned(), "2020-12-31".to_owned())));
        assert_eq!(period("2020").clip(&period("2021-01")), None);
        assert_eq!(period("2020-02").days(), 29);
    }

    #[test]
    fn frequencies_have_their_lengths() {
        for (text, fitting, unfitting) in [
            ("2020", "A", "M"),
            ("2020-S1", "S", "Q"),
            ("2020-Q1", "Q", "A"),
            ("2020-01", "M", "D"),
            ("2020-W05", "W", "M"),
            ("2020-01-31", "D", "W"),
        ] {
            let length = Period::parse(text).unwrap().length;
            assert!(length.fits(fitting) && length.fits("I"), "{text} {fitting}");
            assert!(!length.fits(unfitting), "{text} {unfitting}");
        }
        for text in ["2020-01-31T00:00:00", "2020-01-31/P1D"] {
            assert!(["A", "D", "I", "H"].iter().all(|code| !Period::parse(text).unwrap().length.fits(code)), "{text}");
        }
    }

    #[test]
    fn dates_are_cut_and_spellings_made_one() {
        for (text, length, cut) in [
            ("2024-03-31", Length::Month, Some("2024-03")),
            ("2024-12-30T10:00:00Z", Length::Week, Some("2025-W01")),
            ("2024-08-01", Length::Semester, Some("2024-S2")),
            ("2024-03", Length::Year, None),
            ("31.03.2024", Length::Month, None),
            ("2024-03-31x", Length::Month, None),
        ] {
            assert_eq!(Period::cut(text, length).as_deref(), cut, "{text}");
        }
        for (text, standard) in
            [("2020-M01", "2020-01"), ("2020-A1", "2020"), ("2020-D032", "2020-02-01"), ("2020-Q1", "2020-Q1")]
        {
            assert_eq!(Period::standard(text).unwrap().0, standard);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(.{0,12}|[0-9]{4}-[0-9ASTQMWD-]{1,6}|[0-9]{4}-[01][0-9]-[0-3][0-9][T/0-9:PYMDHSZ.+-]{0,20})") {
            if let Some((standard, period)) = Period::standard(&text) {
                prop_assert!(period.start <= period.end);
                prop_assert_eq!(Period::parse(&standard), Some(period));
            }
        }

        #[test]
        fn written_periods_hold_their_day(days in 0u64..80_000, length in 0usize..7) {
            let day = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + Days::new(days);
            let length = [Length::Year, Length::Semester, Length::Trimester, Length::Quarter, Length::Month, Length::Week, Length::Day][length];
            let period = Period::parse(&Period::text_of(day, length)).unwrap();
            prop_assert!(period.start <= day && day <= period.end && period.length == length);
        }
    }
}
