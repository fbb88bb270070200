//! Mapping files: which column of a file is which component, and how its text becomes codes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use crate::dataset::{DatasetSchema, TIME_PERIOD};
use crate::period::{Length, Period};

/// Largest mapping file, in bytes: every code of every list mapped by its name takes less.
const MAX_BYTES: usize = 1 << 20;

/// A mapping file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The dataflow, `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// How the file is written.
    #[serde(default)]
    pub options: Options,
    /// Where each component comes from.
    pub components: BTreeMap<String, ComponentMapping>,
    /// Rows to keep.
    #[serde(default, rename = "where")]
    pub filters: Vec<RowFilter>,
}

/// How the file is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Between fields.
    pub delimiter: char,
    /// Texts in the value's column that mean there is no figure. Where the file does not say why, OBS_STATUS becomes `O`.
    pub missing: Vec<String>,
    /// Whether the file may have columns that the mapping does not use.
    pub unmapped: Unmapped,
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

impl Default for Options {
    fn default() -> Self {
        Self { delimiter: ',', missing: Vec::new(), unmapped: Unmapped::Allow }
    }
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
    /// For an empty cell.
    pub default: Option<String>,
    /// Cuts an ISO date to the period it lies in: `year`, `half`, `quarter`, `month`, `week`, `day`.
    pub period: Option<String>,
}

/// Keeps rows whose column has one of these texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFilter {
    /// The column's heading.
    pub column: String,
    /// Texts.
    #[serde(rename = "in")]
    pub any_of: Vec<String>,
}

/// What is wrong with a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not a mapping file.
    #[error("the mapping file is not readable: {0}")]
    Toml(String),
    /// Too large.
    #[error("the mapping file has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// Two columns of the name.
    #[error("`{component}`: the file has more than one column `{column}`; rename all but one")]
    Ambiguous {
        /// The component.
        component: String,
        /// What the mapping says.
        column: String,
    },
    /// A period for what is no time.
    #[error("`{0}`: only the time dimension has a `period`")]
    NotTime(String),
    /// A component of the dataflow is not mapped.
    #[error("`{0}` is not mapped: give it a `column` or a `value`")]
    Missing(String),
    /// A component the dataflow does not have.
    #[error("`{component}` is no component of the dataflow; it has {known}")]
    Unknown {
        /// What the file says.
        component: String,
        /// What there is.
        known: String,
    },
    /// A column the file does not have.
    #[error("`{component}`: the file has no column `{column}`; it has {known}{nearest}")]
    Column {
        /// The component.
        component: String,
        /// What the mapping says.
        column: String,
        /// What there is.
        known: String,
        /// `; did you mean ...`.
        nearest: String,
    },
    /// Both or neither of column and value.
    #[error("`{0}`: give either a `column` or a `value`")]
    Either(String),
    /// A code that does not exist.
    #[error("`{component}`: `{value}` is no code of {list}{nearest}")]
    Code {
        /// The component.
        component: String,
        /// What the mapping says.
        value: String,
        /// The code list.
        list: String,
        /// `; did you mean ...`.
        nearest: String,
    },
    /// Not a period word.
    #[error("`{component}`: `{word}` is no period; use year, half, quarter, month, week or day")]
    Period {
        /// The component.
        component: String,
        /// What the mapping says.
        word: String,
    },
}

/// One component's source, ready for rows.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The same for all rows; empty for none.
    Value(String),
    /// A column.
    Column { index: usize, map: HashMap<String, String>, default: Option<String>, period: Option<Length> },
}

impl Source {
    /// The column's position; none if the mapping gives the value.
    pub(crate) fn column(&self) -> Option<usize> {
        match self {
            Self::Value(_) => None,
            Self::Column { index, .. } => Some(*index),
        }
    }

    /// What the mapping makes of a field's text, and whether it is the file that said it.
    pub(crate) fn translate<'a>(&'a self, field: &'a str) -> (Cow<'a, str>, bool) {
        match self {
            Self::Value(value) => (Cow::Borrowed(value), false),
            Self::Column { map, default, period, .. } => {
                let mapped = map.get(field).map_or(field, String::as_str);
                let given = !mapped.is_empty();
                let text = if given { mapped } else { default.as_deref().unwrap_or("") };
                let cut = period.and_then(|length| Period::cut(text, length));
                (cut.map_or(Cow::Borrowed(text), Cow::Owned), given)
            }
        }
    }

    /// Whether dates are cut to periods.
    pub(crate) fn cuts_dates(&self) -> bool {
        matches!(self, Self::Column { period: Some(_), .. })
    }
}

/// A mapping bound to a dataflow and a file's columns.
#[derive(Debug, Clone)]
pub struct BoundMapping {
    /// The dataflow's components.
    pub schema: DatasetSchema,
    /// In the order of [`DatasetSchema::components`].
    pub(crate) sources: Vec<Source>,
    pub(crate) missing: HashSet<String>,
    pub(crate) filters: Vec<(usize, HashSet<String>)>,
    /// Headings, for problems.
    pub(crate) headings: Vec<String>,
    pub(crate) refuse_unmapped: bool,
}

impl BoundMapping {
    /// Headings of the file's columns that the mapping does not use.
    pub fn unmapped_columns(&self) -> impl Iterator<Item = &str> {
        let used = |column: usize| {
            self.sources.iter().any(|source| source.column() == Some(column))
                || self.filters.iter().any(|(index, _)| *index == column)
        };
        self.headings.iter().enumerate().filter(move |(index, _)| !used(*index)).map(|(_, heading)| heading.as_str())
    }
}

impl Mapping {
    /// Reads a mapping file.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        if text.len() > MAX_BYTES {
            return Err(MappingError::TooLarge(text.len()));
        }
        toml::from_str(text).map_err(|e| MappingError::Toml(e.to_string()))
    }

    /// Binds it to the dataflow's components and the file's headings; all that is wrong is reported.
    pub fn bind(&self, schema: &DatasetSchema, headings: &[String]) -> Result<BoundMapping, Vec<MappingError>> {
        let mut errors = Vec::new();
        for component in self.components.keys().filter(|id| schema.component(id).is_none()) {
            let known = schema.components().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
            errors.push(MappingError::Unknown { component: component.clone(), known });
        }
        let mut sources = Vec::new();
        for component in schema.components() {
            match self.components.get(&component.id) {
                None if component.mandatory || component.id == schema.measure.id => {
                    errors.push(MappingError::Missing(component.id.clone()));
                }
                None => sources.push(Source::Value(String::new())),
                Some(mapping) => match bind_component(component, mapping, headings, &mut errors) {
                    Some(source) => sources.push(source),
                    None => continue,
                },
            }
        }
        let mut filters = Vec::new();
        for filter in &self.filters {
            match column("where", &filter.column, headings) {
                Ok(index) => filters.push((index, filter.any_of.iter().cloned().collect())),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let missing = self.options.missing.iter().cloned().collect();
        Ok(BoundMapping {
            schema: schema.clone(),
            sources,
            missing,
            filters,
            headings: headings.to_vec(),
            refuse_unmapped: self.options.unmapped == Unmapped::Refuse,
        })
    }
}

fn bind_component(
    component: &crate::dataset::Component,
    mapping: &ComponentMapping,
    headings: &[String],
    errors: &mut Vec<MappingError>,
) -> Option<Source> {
    let before = errors.len();
    if let Some(codes) = &component.codes {
        for value in mapping.map.values().chain(&mapping.value).chain(&mapping.default) {
            if !codes.contains(value) {
                let nearest = nearest(value, codes.iter().map(|(code, _)| code))
                    .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                let list = codes.reference.id.clone();
                errors.push(MappingError::Code {
                    component: component.id.clone(),
                    value: value.clone(),
                    list,
                    nearest,
                });
            }
        }
    }
    if mapping.period.is_some() && component.id != TIME_PERIOD {
        errors.push(MappingError::NotTime(component.id.clone()));
    }
    let period = mapping.period.as_deref().and_then(|word| {
        let length = Length::parse(word);
        if length.is_none() {
            errors.push(MappingError::Period { component: component.id.clone(), word: word.to_owned() });
        }
        length
    });
    let source = match (&mapping.column, &mapping.value) {
        (Some(name), None) => match column(&component.id, name, headings) {
            Ok(index) => {
                let map = mapping.map.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                Some(Source::Column { index, map, default: mapping.default.clone(), period })
            }
            Err(error) => {
                errors.push(error);
                None
            }
        },
        (None, Some(value)) => Some(Source::Value(value.clone())),
        _ => {
            errors.push(MappingError::Either(component.id.clone()));
            None
        }
    };
    source.filter(|_| errors.len() == before)
}

fn column(component: &str, name: &str, headings: &[String]) -> Result<usize, MappingError> {
    if headings.iter().filter(|heading| *heading == name).count() > 1 {
        return Err(MappingError::Ambiguous { component: component.to_owned(), column: name.to_owned() });
    }
    headings.iter().position(|h| h == name).ok_or_else(|| MappingError::Column {
        component: component.to_owned(),
        column: name.to_owned(),
        known: headings.iter().take(50).map(|h| format!("`{h}`")).collect::<Vec<_>>().join(", "),
        nearest: nearest(name, headings.iter().map(String::as_str))
            .map_or(String::new(), |n| format!("; did you mean `{n}`?")),
    })
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
