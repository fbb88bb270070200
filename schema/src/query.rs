//! The one query model: SDMX REST, peer queries, the page and the command line all say what they want with it.

pub mod rest;

use crate::dataset::{DatasetSchema, TIME_PERIOD};
use crate::period::Period;
use crate::structure::Reference;

/// For each dimension the codes wanted; none for any.
pub type Key = Vec<Option<Vec<String>>>;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Contains.
    Contains,
    /// Does not contain.
    NotContains,
    /// Starts with.
    StartsWith,
    /// Ends with.
    EndsWith,
}

/// One condition on a component's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: String,
}

/// A component's value meets one of the conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFilter {
    /// Component id.
    pub component: String,
    /// Alternatives.
    pub any_of: Vec<Condition>,
}

/// Which figures of a dataflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataQuery {
    /// The dataflow.
    pub dataflow: Reference,
    /// Series keys, any of which matches; empty for all.
    pub keys: Vec<Key>,
    /// Conditions, all of which hold.
    pub filters: Vec<ComponentFilter>,
    /// Periods that begin on or after the first day of this one.
    pub start: Option<String>,
    /// Periods that end on or before the last day of this one.
    pub end: Option<String>,
    /// What was known at that time, unix seconds.
    pub as_of: Option<i64>,
    /// Releases that became known after that time, unix seconds.
    pub updated_after: Option<i64>,
    /// Only so many first observations of each series.
    pub first_n: Option<u32>,
    /// Only so many last observations of each series.
    pub last_n: Option<u32>,
    /// Observations skipped.
    pub offset: u64,
    /// Most observations returned.
    pub limit: Option<u64>,
    /// One flat list instead of series over time.
    pub flat: bool,
}

/// Why a query cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A parameter's value is wrong.
    #[error("parameter `{parameter}`: `{value}` is not {expected}")]
    Parameter {
        /// Its name.
        parameter: String,
        /// What was sent.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// The key has too many or too few positions.
    #[error("the key `{key}` has {found} positions, but `{dataflow}` has {expected} dimensions: {dimensions}")]
    Key {
        /// The key.
        key: String,
        /// Positions.
        found: usize,
        /// The dataflow.
        dataflow: String,
        /// Dimensions.
        expected: usize,
        /// Their ids.
        dimensions: String,
    },
    /// No such component.
    #[error("`{dataflow}` has no component `{component}`; it has {known}")]
    Component {
        /// The dataflow.
        dataflow: String,
        /// What was asked for.
        component: String,
        /// What there is.
        known: String,
    },
    /// Too long or too many.
    #[error("the query is too large: at most {0}")]
    TooLarge(&'static str),
}

impl DataQuery {
    /// Everything of a dataflow.
    pub fn all(schema: &DatasetSchema) -> Self {
        Self {
            dataflow: schema.dataflow.clone(),
            keys: Vec::new(),
            filters: Vec::new(),
            start: None,
            end: None,
            as_of: None,
            updated_after: None,
            first_n: None,
            last_n: None,
            offset: 0,
            limit: None,
            flat: false,
        }
    }

    /// Adds that `component` is one of `values`, separated by commas, each perhaps with an operator: `ge:2020`.
    pub fn add_filter(&mut self, schema: &DatasetSchema, component: &str, values: &str) -> Result<(), QueryError> {
        if schema.component(component).is_none() {
            let known = schema.components().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
            let component = component.chars().take(80).collect();
            return Err(QueryError::Component { dataflow: self.dataflow.to_string(), component, known });
        }
        for alternative in values.split('+').filter(|v| !v.is_empty()) {
            let any_of: Vec<Condition> = alternative.split(',').map(condition).collect();
            self.filters.push(ComponentFilter { component: component.to_owned(), any_of });
        }
        if self.filters.len() > rest::MAX_FILTERS || self.filters.iter().any(|f| f.any_of.len() > rest::MAX_VALUES) {
            return Err(QueryError::TooLarge("64 filters of 2,000 values"));
        }
        let filters = std::mem::take(&mut self.filters);
        for filter in filters {
            if filter.component != TIME_PERIOD || !self.take_period(&filter)? {
                self.filters.push(filter);
            }
        }
        Ok(())
    }

    /// Sets the first period.
    pub fn set_start(&mut self, text: &str) -> Result<(), QueryError> {
        self.start = Some(period("startPeriod", text)?);
        Ok(())
    }

    /// Sets the last period.
    pub fn set_end(&mut self, text: &str) -> Result<(), QueryError> {
        self.end = Some(period("endPeriod", text)?);
        Ok(())
    }

    /// Turns a bound on time into `start` or `end`; false if it is another kind of condition.
    fn take_period(&mut self, filter: &ComponentFilter) -> Result<bool, QueryError> {
        let [condition] = filter.any_of.as_slice() else {
            return Ok(false);
        };
        match condition.operator {
            Operator::Ge => self.set_start(&condition.value)?,
            Operator::Le => self.set_end(&condition.value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn period(parameter: &str, text: &str) -> Result<String, QueryError> {
    if Period::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    let value = text.chars().take(40).collect();
    let expected = "a time period such as `2020`, `2020-Q1`, `2020-01` or `2020-01-31`".to_owned();
    Err(QueryError::Parameter { parameter: parameter.to_owned(), value, expected })
}

fn condition(text: &str) -> Condition {
    let (operator, value) = match text.split_once(':') {
        Some(("eq", value)) => (Operator::Eq, value),
        Some(("ne", value)) => (Operator::Ne, value),
        Some(("lt", value)) => (Operator::Lt, value),
        Some(("le", value)) => (Operator::Le, value),
        Some(("gt", value)) => (Operator::Gt, value),
        Some(("ge", value)) => (Operator::Ge, value),
        Some(("co", value)) => (Operator::Contains, value),
        Some(("nc", value)) => (Operator::NotContains, value),
        Some(("sw", value)) => (Operator::StartsWith, value),
        Some(("ew", value)) => (Operator::EndsWith, value),
        _ => (Operator::Eq, text),
    };
    Condition { operator, value: value.to_owned() }
}
