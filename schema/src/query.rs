//! The one query model: SDMX REST, peer queries, the page and the command line all say what they want with it.

pub mod rest;
mod sort;

use crate::dataset::{DatasetSchema, OBS_VALUE, TIME_PERIOD};
use crate::period::{Length, Period};
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

/// Which attributes an answer has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// These, none if empty.
    Only(Vec<String>),
}

impl Selection {
    /// Whether `id` is selected.
    pub fn has(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.iter().any(|i| i == id),
        }
    }
}

/// What observations of an answer vary by; the other dimensions make the series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AtObservation {
    /// Time.
    #[default]
    Time,
    /// This dimension; time is one of the series' dimensions then.
    Dimension(String),
    /// Every dimension: one flat list.
    All,
}

/// Which figures of a dataflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataQuery {
    /// The dataflow.
    pub dataflow: Reference,
    /// Members whose releases are read; empty for all.
    pub providers: Vec<String>,
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
    /// Series over time, over another dimension, or a flat list.
    pub at_observation: AtObservation,
    /// Attributes the answer has.
    pub attributes: Selection,
    /// Whether the answer has the measure.
    pub measures: bool,
    /// Only which series there are, without their observations.
    pub series_keys_only: bool,
    /// Every dissemination, not only the one in force.
    pub include_history: bool,
    /// The order asked for: components, and whether descending. Empty for series keys, then time.
    pub sort: Vec<(String, bool)>,
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
    /// The key has too many positions.
    #[error("parameter `key`: `{key}` has {found} positions, but `{dataflow}` has {expected} dimensions: {dimensions}")]
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
    /// The specification has it, this service does not.
    #[error("parameter `{parameter}`: `{value}` is not offered here; {instead}")]
    NotOffered {
        /// Its name.
        parameter: &'static str,
        /// What was sent.
        value: String,
        /// What is.
        instead: &'static str,
    },
}

impl DataQuery {
    /// Everything of a dataflow.
    pub fn all(schema: &DatasetSchema) -> Self {
        Self {
            dataflow: schema.dataflow.clone(),
            providers: Vec::new(),
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
            at_observation: AtObservation::Time,
            attributes: Selection::All,
            measures: true,
            series_keys_only: false,
            include_history: false,
            sort: Vec::new(),
        }
    }

    /// Whether the answer has all of the dataflow's components, in their order.
    pub fn selects_all(&self) -> bool {
        self.attributes == Selection::All && !matches!(self.at_observation, AtObservation::Dimension(_))
    }

    /// The dataflow's components the answer has: [`DatasetSchema`] with the selected attributes only, and with the dimension at the
    /// observation in the place of time.
    pub fn selected(&self, schema: &DatasetSchema) -> DatasetSchema {
        let mut schema = schema.clone();
        schema.attributes.retain(|a| self.attributes.has(&a.id));
        if let AtObservation::Dimension(id) = &self.at_observation
            && let Some(index) = schema.dimension_index(id)
        {
            let dimension = schema.dimensions.remove(index);
            schema.dimensions.push(std::mem::replace(&mut schema.time, dimension));
        }
        schema
    }

    /// Sets what observations vary by: `TIME_PERIOD`, another dimension, `AllDimensions`, or `dsd` for what the data structure says.
    pub fn set_at_observation(&mut self, schema: &DatasetSchema, text: &str) -> Result<(), QueryError> {
        self.at_observation = match text {
            "dsd" => AtObservation::Time,
            id if id == schema.time.id => AtObservation::Time,
            "AllDimensions" => AtObservation::All,
            id if schema.dimension_index(id).is_some() => AtObservation::Dimension(id.to_owned()),
            _ => {
                let known = schema.dimensions.iter().map(|d| d.id.as_str()).collect::<Vec<_>>().join(", ");
                let expected = format!("`AllDimensions`, `{}` or a dimension: {known}", schema.time.id);
                return Err(refuse("dimensionAtObservation", text, expected));
            }
        };
        Ok(())
    }

    /// Adds a condition on `component`: alternatives separated by commas, each one value or several joined by `+` that all
    /// hold, each value perhaps with an operator: `A,B`, `ge:2020+le:2021`. No value is no condition.
    pub fn add_filter(&mut self, schema: &DatasetSchema, component: &str, values: &str) -> Result<(), QueryError> {
        if schema.component(component).is_none() {
            return Err(self.no_component(schema, component));
        }
        for any_of in clauses(component, values)? {
            let filter = ComponentFilter { component: component.to_owned(), any_of };
            if component != TIME_PERIOD || !self.take_period(&filter) {
                self.filters.push(filter);
            }
        }
        if self.filters.len() > rest::MAX_FILTERS {
            return Err(QueryError::TooLarge("64 conditions in the parameters `c`"));
        }
        Ok(())
    }

    /// Sets the first period; the later one holds if there is one already.
    pub fn set_start(&mut self, text: &str) -> Result<(), QueryError> {
        period("startPeriod", text).map(|period| self.start_from(text, period))
    }

    /// Sets the last period; the earlier one holds if there is one already.
    pub fn set_end(&mut self, text: &str) -> Result<(), QueryError> {
        period("endPeriod", text).map(|period| self.end_at(text, period))
    }

    /// Selects attributes: `all`, `dsd`, `obs`, `none`, ids; what the words `msd`, `dataset` and `series` name, no dataflow has.
    pub fn set_attributes(&mut self, schema: &DatasetSchema, text: &str) -> Result<(), QueryError> {
        let mut ids = Vec::new();
        for word in text.split(',') {
            match word {
                "all" | "dsd" | "obs" => {
                    self.attributes = Selection::All;
                    return Ok(());
                }
                "none" | "msd" | "dataset" | "series" => {}
                id if schema.attributes.iter().any(|a| a.id == id) => ids.push(id.to_owned()),
                id => return Err(self.no_component(schema, id)),
            }
        }
        self.attributes = Selection::Only(ids);
        Ok(())
    }

    /// Selects the measure: `all`, `none` or its id.
    pub fn set_measures(&mut self, schema: &DatasetSchema, text: &str) -> Result<(), QueryError> {
        self.measures = false;
        for word in text.split(',') {
            match word {
                "none" => {}
                id if id == "all" || id == schema.measure.id => self.measures = true,
                id => return Err(self.no_component(schema, id)),
            }
        }
        Ok(())
    }

    fn no_component(&self, schema: &DatasetSchema, component: &str) -> QueryError {
        let known = schema.components().map(|c| c.id.as_str()).collect::<Vec<_>>();
        QueryError::Component {
            dataflow: self.dataflow.to_string(),
            component: component.chars().take(80).collect(),
            known: known.join(", "),
        }
    }

    fn start_from(&mut self, text: &str, period: Period) {
        let known = self.start.as_deref().and_then(Period::parse);
        if known.is_none_or(|known| known.start < period.start) {
            self.start = Some(text.to_owned());
        }
    }

    fn end_at(&mut self, text: &str, period: Period) {
        let known = self.end.as_deref().and_then(Period::parse);
        if known.is_none_or(|known| known.end > period.end) {
            self.end = Some(text.to_owned());
        }
    }

    /// Turns a bound on time into `start` or `end`; false if it is another kind of condition. Periods after 2020 begin on
    /// 1 January 2021 or later, periods before it end on 31 December 2019 or earlier.
    fn take_period(&mut self, filter: &ComponentFilter) -> bool {
        let [condition] = filter.any_of.as_slice() else { return false };
        let Some(period) = Period::parse(&condition.value) else { return false };
        let day = |day: Option<chrono::NaiveDate>| {
            let text = Period::text_of(day?, Length::Day);
            Some((Period::parse(&text)?, text))
        };
        match condition.operator {
            Operator::Ge => self.start_from(&condition.value, period),
            Operator::Le => self.end_at(&condition.value, period),
            Operator::Gt => match day(period.end.succ_opt()) {
                Some((period, text)) => self.start_from(&text, period),
                None => return false,
            },
            Operator::Lt => match day(period.start.pred_opt()) {
                Some((period, text)) => self.end_at(&text, period),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// Clauses that all hold, each a list of alternatives. `A,B+C` means A or (B and C), which is (A or B) and (A or C).
fn clauses(component: &str, values: &str) -> Result<Vec<Vec<Condition>>, QueryError> {
    let mut alternatives = Vec::new();
    let mut size = 1usize;
    for alternative in values.split(',') {
        let all = alternative
            .split('+')
            .filter(|value| !value.is_empty())
            .map(|value| condition(component, value))
            .collect::<Result<Vec<_>, _>>()?;
        if !all.is_empty() {
            size = size.saturating_mul(all.len());
            alternatives.push(all);
        }
        if alternatives.len() > rest::MAX_VALUES || size > rest::MAX_FILTERS {
            return Err(QueryError::TooLarge("2,000 alternatives and 64 conditions in a parameter `c`"));
        }
    }
    if alternatives.is_empty() {
        return Ok(Vec::new());
    }
    let mut clauses = vec![Vec::with_capacity(alternatives.len())];
    for all in &alternatives {
        clauses = clauses
            .into_iter()
            .flat_map(|clause: Vec<Condition>| {
                all.iter().map(move |condition| {
                    let mut clause = clause.clone();
                    clause.push(condition.clone());
                    clause
                })
            })
            .collect();
    }
    Ok(clauses)
}

fn period(parameter: &str, text: &str) -> Result<Period, QueryError> {
    let expected = "a time period such as `2020`, `2020-Q1`, `2020-01` or `2020-01-31`";
    Period::parse(text).ok_or_else(|| refuse(parameter, text, expected.to_owned()))
}

fn refuse(parameter: &str, value: &str, expected: String) -> QueryError {
    QueryError::Parameter {
        parameter: parameter.chars().take(80).collect(),
        value: value.chars().take(80).collect(),
        expected,
    }
}

fn condition(component: &str, text: &str) -> Result<Condition, QueryError> {
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
    use Operator::{Contains, EndsWith, NotContains, StartsWith};
    let pattern = matches!(operator, Contains | NotContains | StartsWith | EndsWith);
    let parameter = || format!("c[{component}]");
    let value = match component {
        TIME_PERIOD if !pattern => {
            period(&parameter(), value)?;
            Period::standard(value).map_or_else(|| value.to_owned(), |(text, _)| text.into_owned())
        }
        OBS_VALUE if pattern || !value.parse::<f64>().is_ok_and(f64::is_finite) => {
            return Err(refuse(
                &parameter(),
                text,
                "a number, or one after `eq:`, `ne:`, `lt:`, `le:`, `gt:` or `ge:`".to_owned(),
            ));
        }
        _ => value.to_owned(),
    };
    Ok(Condition { operator, value })
}
