//! What a mapping makes of a field's text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use super::dates::DateFormat;
use super::names::NameIndex;
use super::numbers::NumberStyle;
use crate::dataset::CodeSet;
use crate::period::{Length, Period};

/// What a code of ours becomes in a column of another system that has no such code: no code at all.
const NOT_OF_THE_SYSTEM: &str = "not a code of the column's system";

/// One component's source, ready for rows.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The same for all rows; empty for none.
    Value(String),
    /// A column.
    Column(Box<ColumnSource>),
}

/// How a column's texts become a component's.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnSource {
    pub(super) index: usize,
    pub(super) map: HashMap<String, String>,
    pub(super) system: Option<HashMap<&'static str, &'static str>>,
    pub(super) patterns: Vec<(Regex, String)>,
    pub(super) codes: Option<Arc<CodeSet>>,
    pub(super) names: Option<NameIndex>,
    pub(super) default: Option<String>,
    pub(super) format: Option<DateFormat>,
    pub(super) period: Option<Length>,
    pub(super) numbers: Option<NumberStyle>,
}

impl Source {
    /// The column's position after every step of the shape; none if the mapping gives the value.
    pub(crate) fn column(&self) -> Option<usize> {
        match self {
            Self::Value(_) => None,
            Self::Column(column) => Some(column.index),
        }
    }

    /// The text it has in all rows, if it is the mapping's.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self {
            Self::Value(value) => Some(value),
            Self::Column(_) => None,
        }
    }

    /// Whether the mapping says whose codes the column has.
    pub(crate) fn has_system(&self) -> bool {
        matches!(self, Self::Column(column) if column.system.is_some())
    }

    /// What the mapping makes of a field's text, and whether it is the file that said it.
    pub(crate) fn translate<'a>(&'a self, field: &'a str) -> (Cow<'a, str>, bool) {
        match self {
            Self::Value(value) => (Cow::Borrowed(value), false),
            Self::Column(column) => column.translate(field),
        }
    }

    /// Whether dates are cut to periods.
    pub(crate) fn cuts_dates(&self) -> bool {
        matches!(self, Self::Column(column) if column.period.is_some() || column.format.is_some())
    }
}

impl ColumnSource {
    fn translate<'a>(&'a self, field: &'a str) -> (Cow<'a, str>, bool) {
        if let Some(numbers) = &self.numbers {
            return (numbers.standard(field), !field.is_empty());
        }
        let mapped = self.code(field);
        let given = !mapped.is_empty();
        let text = if given { mapped } else { self.default.as_deref().unwrap_or("") };
        let text =
            self.format.as_ref().and_then(|format| format.standard(text)).map_or(Cow::Borrowed(text), Cow::Owned);
        let cut = self.period.and_then(|length| Period::cut(&text, length));
        (cut.map_or(text, Cow::Owned), given)
    }

    fn is_code(&self, field: &str) -> bool {
        self.codes.as_ref().is_some_and(|codes| codes.contains(field))
    }

    /// What is listed goes first, then the other system, whose codes can be spelled as ours and mean others; then patterns,
    /// codes as they are, and names.
    fn code<'a>(&'a self, field: &'a str) -> &'a str {
        if let Some(code) = self.map.get(field) {
            return code;
        }
        if let Some(system) = &self.system {
            // A text that is no code of the system is shown as it stands, and must not be taken for a code of ours.
            return system.get(field).copied().unwrap_or(if self.is_code(field) { NOT_OF_THE_SYSTEM } else { field });
        }
        if let Some((_, code)) = self.patterns.iter().find(|(regex, _)| !field.is_empty() && regex.is_match(field)) {
            return code;
        }
        match &self.names {
            Some(names) if !self.is_code(field) => names.find(field).unwrap_or(field),
            _ => field,
        }
    }
}
