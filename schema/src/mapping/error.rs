//! What can be wrong with a mapping file.

use super::MAX_BYTES;

/// What is wrong with a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not a mapping file.
    #[error("the mapping file is not readable: {0}")]
    Toml(String),
    /// Too large.
    #[error("the mapping file has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// A word that mapping files do not know.
    #[error("`{place}` has no `{key}`; it can have {known}{nearest}")]
    Key {
        /// The table of the mapping file.
        place: String,
        /// What it says.
        key: String,
        /// What it can say.
        known: String,
        /// `; did you mean ...`.
        nearest: String,
    },
    /// Two columns of the name.
    #[error("`{component}`: the file has more than one column `{column}`; rename all but one")]
    Ambiguous {
        /// The component, or the step.
        component: String,
        /// What the mapping says.
        column: String,
    },
    /// A period for what is no time.
    #[error("`{0}`: only the time dimension has a `period` or a `format`")]
    NotTime(String),
    /// A component of the dataflow is not mapped.
    #[error("`{0}` is not mapped: give it a `column` or a `value`")]
    Missing(String),
    /// A component the dataflow does not have.
    #[error("`{component}` is no component of the dataflow; it has {known}{nearest}")]
    Unknown {
        /// What the file says.
        component: String,
        /// What there is.
        known: String,
        /// `; did you mean ...`.
        nearest: String,
    },
    /// A column the file does not have.
    #[error("`{component}`: the file has no column `{column}`; it has {known}{nearest}")]
    Column {
        /// The component, or the step.
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
    /// What only a column can have.
    #[error(
        "`{0}`: with a `value` for all rows there is nothing to map; take out `map`, `patterns`, `names`, `system`, `default`"
    )]
    Idle(String),
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
    /// Names or systems for what has no codes, or none of areas.
    #[error("`{component}`: `{key}` needs a component with {needs}")]
    Uncoded {
        /// The component.
        component: String,
        /// What the mapping says.
        key: String,
        /// What it needs.
        needs: String,
    },
    /// A language that no name is in.
    #[error("`{component}`: no name of {list} is in the language `{language}`; use `any`, or one of {known}")]
    Language {
        /// The component.
        component: String,
        /// The code list.
        list: String,
        /// What the mapping says.
        language: String,
        /// The languages.
        known: String,
    },
    /// Not a period word.
    #[error("`{component}`: `{word}` is no period; use year, half, quarter, month, week or day")]
    Period {
        /// The component.
        component: String,
        /// What the mapping says.
        word: String,
    },
    /// Not a date format.
    #[error("`{component}`: `{format}` is no format of dates such as `%d/%m/%Y`")]
    DateFormat {
        /// The component.
        component: String,
        /// What the mapping says.
        format: String,
    },
    /// Not a regular expression.
    #[error("`{place}`: the pattern `{pattern}` cannot be used: {why}")]
    Pattern {
        /// The component, or the step.
        place: String,
        /// What the mapping says.
        pattern: String,
        /// Why.
        why: String,
    },
    /// No heading matches.
    #[error("`unpivot`: no column's heading matches the pattern `{0}`")]
    NoColumns(String),
    /// Columns and pattern.
    #[error("`unpivot`: give either `columns` or a `pattern`")]
    Unpivot,
    /// At and pattern.
    #[error(
        "`split` of `{0}`: give either `at` and `into`, or a `pattern` with named groups such as `(?<year>[0-9]{{4}})`"
    )]
    Split(String),
    /// Not a template.
    #[error("`combine`: `{0}` is no text with columns such as `{{year}}-{{month:02}}`")]
    Template(String),
    /// A column of the name is there.
    #[error("`{0}` is made twice, or is a column of the file already: give it another name")]
    Taken(String),
    /// A filter that says nothing.
    #[error("`where` on `{0}`: give one of `in`, `not_in` and `matches`")]
    Filter(String),
    /// A sum over a column that is still needed.
    #[error("`aggregate`: `{column}` is mapped to `{component}`, so rows cannot be summed over it")]
    Summed {
        /// What the mapping says.
        column: String,
        /// What it is mapped to.
        component: String,
    },
    /// A character of the file's format.
    #[error("`options.{option}`: `{text}` cannot be that; use {expected}")]
    Option {
        /// Which.
        option: String,
        /// What the mapping says.
        text: String,
        /// What it can be.
        expected: String,
    },
}

/// `; did you mean ...?`, or nothing.
pub(super) fn did_you_mean<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    super::nearest(text, candidates).map_or(String::new(), |n| format!("; did you mean `{n}`?"))
}
