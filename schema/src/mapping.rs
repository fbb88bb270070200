//! Mapping files: which column of a file is which component, and how its text becomes codes.

mod bind;
mod dates;
mod error;
mod keys;
pub mod names;
pub mod numbers;
pub mod propose;
mod shape;
mod systems;
mod template;
mod translate;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use bind::BoundMapping;
pub(crate) use bind::Keep;
pub use error::MappingError;
pub(crate) use names::NameIndex;
pub(crate) use shape::Origin;
pub use shape::{HEADING_PARTS, Shape};
pub use systems::System;
pub(crate) use translate::Source;

use numbers::NumberStyle;

/// Largest mapping file, in bytes: every code of every list mapped by its name takes less.
const MAX_BYTES: usize = 1 << 20;

/// A mapping file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The dataflow, `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// What is read.
    #[serde(default)]
    pub source: SourceOptions,
    /// How the file is written.
    #[serde(default)]
    pub options: Options,
    /// Makes a wide table long.
    #[serde(default)]
    pub unpivot: Option<Unpivot>,
    /// Makes several columns of one.
    #[serde(default, rename = "split")]
    pub splits: Vec<Split>,
    /// Makes one column of several.
    #[serde(default, rename = "combine")]
    pub combines: Vec<Combine>,
    /// Where each component comes from.
    pub components: BTreeMap<String, ComponentMapping>,
    /// Rows to keep.
    #[serde(default, rename = "where")]
    pub filters: Vec<RowFilter>,
    /// Sums rows.
    #[serde(default)]
    pub aggregate: Option<Aggregate>,
}

/// What is read. All of it is found out where it is not said, but for a query.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceOptions {
    /// The format, as the file's name would end: `csv`, `tsv`, `xlsx`, `ods`, `parquet`, `xml`, `json`, `sdmx-csv`.
    pub format: Option<String>,
    /// The sheet of a spreadsheet; its first otherwise.
    pub sheet: Option<String>,
    /// The row with the headings, from 1, or the first and the last of several.
    pub headings: Option<Headings>,
    /// A database: `postgresql://...`, or the path of an SQLite file.
    pub database: Option<String>,
    /// The query whose rows are read.
    pub query: Option<String>,
}

/// The rows with the headings, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Headings {
    /// One row.
    Row(u64),
    /// The first and the last.
    Rows(u64, u64),
}

impl Headings {
    /// The first and the last row; none if they are no rows, or out of order.
    pub fn rows(self) -> Option<(u64, u64)> {
        let (first, last) = match self {
            Self::Row(row) => (row, row),
            Self::Rows(first, last) => (first, last),
        };
        (first >= 1 && first <= last).then_some((first, last))
    }
}

/// How the file is written. What is not said is found out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Between fields.
    pub delimiter: Option<char>,
    /// Around fields; `"` if nothing is said.
    pub quote: Option<char>,
    /// `utf-8`, `utf-16le`, `utf-16be`, `windows-1252`, or another label of the WHATWG Encoding Standard.
    pub encoding: Option<String>,
    /// Before the fraction of a number.
    pub decimal: Option<char>,
    /// Between thousands. A space stands for any kind of space.
    pub thousands: Option<char>,
    /// Texts in the value's column that mean there is no figure. Where the file does not say why, OBS_STATUS becomes `O`.
    pub missing: Vec<String>,
    /// Texts in the value's column that mean there is no figure, and the OBS_STATUS that says why: `Q` suppressed, `M` not
    /// possible, `L` not collected, `O` missing.
    pub marks: BTreeMap<String, String>,
    /// Whether the file may have columns that the mapping does not use.
    pub unmapped: Unmapped,
}

impl Options {
    /// How numbers are written; none if nothing is said.
    pub fn numbers(&self) -> Option<NumberStyle> {
        let plain = NumberStyle::default();
        (self.decimal.is_some() || self.thousands.is_some()).then(|| NumberStyle {
            decimal: self.decimal.unwrap_or(if self.thousands == Some('.') { ',' } else { plain.decimal }),
            thousands: self.thousands,
        })
    }
}

/// What becomes of columns that the mapping does not use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmapped {
    /// They are left out.
    #[default]
    Allow,
    /// Each is a problem.
    Refuse,
}

/// Makes a wide table long: each of some columns becomes a row, with its heading in columns of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpivot {
    /// Headings of the columns.
    #[serde(default)]
    pub columns: Vec<String>,
    /// A pattern that their headings match; its named groups become columns too.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Names of the columns that the heading becomes: one for each row of headings.
    #[serde(default)]
    pub into: Vec<String>,
    /// Name of the column that the cell becomes.
    pub value: String,
    /// Whether an empty cell is a figure that is missing, rather than none at all.
    #[serde(default)]
    pub keep_empty: bool,
}

/// Makes several columns of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The column's heading.
    pub column: String,
    /// The text between the parts.
    #[serde(default)]
    pub at: Option<String>,
    /// Names of the parts; the last takes what is left.
    #[serde(default)]
    pub into: Vec<String>,
    /// A pattern whose named groups become columns.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// Makes one column of several.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combine {
    /// Name of the column.
    pub into: String,
    /// Its text: `{year}-{month:02}`.
    pub with: String,
}

/// Where a component comes from: a column, or one value for all rows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComponentMapping {
    /// The column's heading.
    pub column: Option<String>,
    /// The value for all rows.
    pub value: Option<String>,
    /// Text in the file to code; text not listed is taken as the code itself.
    pub map: BTreeMap<String, String>,
    /// Patterns for texts that are not listed; the first that matches is taken.
    pub patterns: Vec<PatternMapping>,
    /// Takes names for codes: those in a language, `es`, or `any`.
    pub names: Option<String>,
    /// Whose codes of areas the column has, where they are not the shared ones.
    pub system: Option<System>,
    /// For an empty cell.
    pub default: Option<String>,
    /// How dates are written: `%d/%m/%Y`, `%B %Y`.
    pub format: Option<String>,
    /// Cuts a date to the period it lies in: `year`, `half`, `quarter`, `month`, `week`, `day`.
    pub period: Option<String>,
}

/// A pattern and what it means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternMapping {
    /// A regular expression.
    pub matches: String,
    /// The code.
    pub code: String,
}

/// Keeps rows by the text of a column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFilter {
    /// The column's heading.
    pub column: String,
    /// Texts of rows to keep.
    #[serde(default, rename = "in")]
    pub any_of: Option<Vec<String>>,
    /// Texts of rows to leave out.
    #[serde(default, rename = "not_in")]
    pub none_of: Option<Vec<String>>,
    /// A pattern of rows to keep.
    #[serde(default)]
    pub matches: Option<String>,
}

/// Sums rows that have the same key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// Headings of the columns that the sums go over.
    pub over: Vec<String>,
}

impl Mapping {
    /// Reads a mapping file.
    pub fn parse(text: &str) -> Result<Self, Vec<MappingError>> {
        if text.len() > MAX_BYTES {
            return Err(vec![MappingError::TooLarge(text.len())]);
        }
        let wrong = |e: toml::de::Error| vec![MappingError::Toml(e.to_string())];
        let unknown = keys::unknown(&toml::from_str(text).map_err(wrong)?);
        if unknown.is_empty() { toml::from_str(text).map_err(wrong) } else { Err(unknown) }
    }
}

/// The column's position.
fn column(component: &str, name: &str, headings: &[String]) -> Result<usize, MappingError> {
    if headings.iter().filter(|heading| *heading == name).count() > 1 {
        return Err(MappingError::Ambiguous { component: component.to_owned(), column: name.to_owned() });
    }
    headings.iter().position(|h| h == name).ok_or_else(|| MappingError::Column {
        component: component.to_owned(),
        column: name.to_owned(),
        known: headings.iter().take(SHOWN_HEADINGS).map(|h| format!("`{}`", shown(h))).collect::<Vec<_>>().join(", "),
        nearest: error::did_you_mean(name, headings.iter().map(String::as_str)),
    })
}

/// Most headings that an error names.
const SHOWN_HEADINGS: usize = 50;
/// Most characters of a heading that an error shows.
const SHOWN_CHARACTERS: usize = 60;

/// A heading as an error shows it: on one line, and no longer than a line.
fn shown(heading: &str) -> String {
    let mut text: String =
        heading.chars().take(SHOWN_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if heading.chars().nth(SHOWN_CHARACTERS).is_some() {
        text.push('…');
    }
    text
}

/// The candidate most like `text`, if one is like it at all.
pub(crate) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_uppercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&text, &candidate.to_uppercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
