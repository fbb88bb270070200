//! SDMX standard time periods (SDMX 3.0 technical notes, section 4): `2020`, `2020-S1`, `2020-T2`, `2020-Q3`, `2020-01`,
//! `2020-W05`, `2020-01-31`, and the long forms `2020-A1`, `2020-M01`, `2020-D031`.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// The frequency code of CL_FREQ.
    pub fn frequency(self) -> &'static str {
        match self {
            Self::Year => "A",
            Self::Semester => "S",
            Self::Trimester => "A_3",
            Self::Quarter => "Q",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
        }
    }

    /// Whether figures of frequency `code` have periods of this length. Codes with no regular period accept any.
    pub fn fits(self, code: &str) -> bool {
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

/// A period's first day, last day and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        if text.len() > 10 || !text.is_ascii() {
            return None;
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
            ("D", 3) => Self::day(NaiveDate::from_yo_opt(year, number(digits)?)?),
            _ => match rest.split_once('-') {
                None if rest.len() == 2 => Self::part(year, rest, 12, 1, Length::Month),
                Some((month, day)) if month.len() == 2 && day.len() == 2 => {
                    Self::day(NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)?)
                }
                _ => None,
            },
        }
    }

    /// The period of `length` that holds `day`, as SDMX writes it.
    pub fn text_of(day: NaiveDate, length: Length) -> String {
        let (year, month) = (day.year(), day.month());
        match length {
            Length::Year => format!("{year:04}"),
            Length::Semester => format!("{year:04}-S{}", (month - 1) / 6 + 1),
            Length::Trimester => format!("{year:04}-T{}", (month - 1) / 4 + 1),
            Length::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
            Length::Month => format!("{year:04}-{month:02}"),
            Length::Week => format!("{:04}-W{:02}", day.iso_week().year(), day.iso_week().week()),
            Length::Day => format!("{year:04}-{month:02}-{:02}", day.day()),
        }
    }

    fn months(year: i32, first: u32, count: u32, length: Length) -> Option<Self> {
        let start = NaiveDate::from_ymd_opt(year, first, 1)?;
        let end = start
            .checked_add_months(Months::new(count))?
            .checked_sub_days(Days::new(1))?;
        Some(Self { start, end, length })
    }

    fn part(year: i32, digits: &str, parts: u32, months: u32, length: Length) -> Option<Self> {
        let part = number(digits)?;
        (1..=parts).contains(&part).then_some(())?;
        Self::months(year, (part - 1) * months + 1, months, length)
    }

    fn week(year: i32, week: u32) -> Option<Self> {
        let start = NaiveDate::from_isoywd_opt(year, week, Weekday::Mon)?;
        Some(Self {
            start,
            end: start.checked_add_days(Days::new(6))?,
            length: Length::Week,
        })
    }

    fn day(day: NaiveDate) -> Option<Self> {
        Some(Self {
            start: day,
            end: day,
            length: Length::Day,
        })
    }
}

fn number(digits: &str) -> Option<u32> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
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
        ] {
            let period = Period::parse(text).unwrap();
            assert_eq!(
                (period.start.to_string(), period.end.to_string()),
                (start.into(), end.into()),
                "{text}"
            );
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
        ] {
            assert!(Period::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            let _ = Period::parse(&text);
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
