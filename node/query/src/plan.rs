//! From the query model to DataFusion's plan.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use chancery_schema::dataset::{DatasetSchema, OBS_VALUE, RELEASE, TIME_PERIOD};
use chancery_schema::period::Period;
use chancery_schema::query::{ComponentFilter, Condition, DataQuery, Key, Operator};
use chrono::{Datelike as _, NaiveDate};
use datafusion::common::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{ColumnarValue, ExprFunctionExt, Volatility, create_udf};
use datafusion::prelude::{DataFrame, Expr, lit};

use crate::engine::column;

/// Periods wholly between two days.
#[derive(Clone, Copy, Default)]
struct Bounds {
    /// They begin on this day or later.
    start: Option<NaiveDate>,
    /// They end on this day or earlier.
    end: Option<NaiveDate>,
}

impl Bounds {
    /// What a comparison of periods means; none if it is not one of order.
    fn of(condition: &Condition) -> Option<Self> {
        let period = Period::parse(&condition.value)?;
        // Before the first day of the calendar, and after its last, there is nothing.
        Some(match condition.operator {
            Operator::Ge => Self { start: Some(period.start), end: None },
            Operator::Gt => Self { start: Some(period.end.succ_opt().unwrap_or(NaiveDate::MAX)), end: None },
            Operator::Le => Self { start: None, end: Some(period.end) },
            Operator::Lt => Self { start: None, end: Some(period.start.pred_opt().unwrap_or(NaiveDate::MIN)) },
            _ => return None,
        })
    }

    fn hold(&self, text: &str) -> bool {
        Period::parse(text)
            .is_some_and(|p| self.start.is_none_or(|s| p.start >= s) && self.end.is_none_or(|e| p.end <= e))
    }
}

/// Filter, the first or last observations of each series, order, offset and limit.
pub(crate) fn select(frame: DataFrame, schema: &DatasetSchema, query: &DataQuery) -> Result<DataFrame> {
    let mut frame = filter(frame, schema, query)?;
    for (n, ascending) in [(query.first_n, true), (query.last_n, false)] {
        if let Some(n) = n {
            frame = edge(frame, schema, n, ascending)?;
        }
    }
    let answer = query.selected(schema);
    let keys = answer.dimensions.iter().map(|d| d.id.as_str()).chain([answer.time.id.as_str(), RELEASE]);
    frame = frame.sort(keys.map(|key| column(key).sort(true, false)).collect())?;
    if query.offset > 0 || query.limit.is_some() {
        frame = frame.limit(query.offset as usize, query.limit.map(|limit| limit as usize))?;
    }
    Ok(frame)
}

/// The rows that key, filters and periods leave.
pub(crate) fn filter(mut frame: DataFrame, schema: &DatasetSchema, query: &DataQuery) -> Result<DataFrame> {
    if let Some(any_key) = query.keys.iter().map(|key| key_matches(schema, key)).reduce(Expr::or) {
        frame = frame.filter(any_key)?;
    }
    for filter in &query.filters {
        frame = frame.filter(filter_matches(filter))?;
    }
    let bounds = Bounds {
        start: query.start.as_deref().and_then(Period::parse).map(|p| p.start),
        end: query.end.as_deref().and_then(Period::parse).map(|p| p.end),
    };
    if bounds.start.is_some() || bounds.end.is_some() {
        frame = frame.filter(within(bounds))?;
    }
    Ok(frame)
}

fn key_matches(schema: &DatasetSchema, key: &Key) -> Expr {
    let position = |(dimension, codes): (&chancery_schema::Component, &Option<Vec<String>>)| {
        codes.as_ref().map(|codes| one_of(&dimension.id, codes))
    };
    schema.dimensions.iter().zip(key).filter_map(position).reduce(Expr::and).unwrap_or_else(|| lit(true))
}

fn one_of(id: &str, codes: &[String]) -> Expr {
    match codes {
        [code] => column(id).eq(lit(code.clone())),
        codes => column(id).in_list(codes.iter().map(|c| lit(c.clone())).collect(), false),
    }
}

fn filter_matches(filter: &ComponentFilter) -> Expr {
    if filter.any_of.iter().all(|c| c.operator == Operator::Eq) && filter.component != OBS_VALUE {
        return one_of(&filter.component, &filter.any_of.iter().map(|c| c.value.clone()).collect::<Vec<_>>());
    }
    let alternatives = filter.any_of.iter().map(|condition| condition_matches(&filter.component, condition));
    alternatives.reduce(Expr::or).unwrap_or_else(|| lit(true))
}

fn condition_matches(id: &str, condition: &Condition) -> Expr {
    if id == TIME_PERIOD
        && let Some(bounds) = Bounds::of(condition)
    {
        return within(bounds);
    }
    let left = column(id);
    let text = condition.value.clone();
    let right = match (id, text.parse::<f64>()) {
        (OBS_VALUE, Ok(number)) => lit(number),
        // A text is never equal to, or less than, a figure.
        (OBS_VALUE, Err(_)) => return lit(false),
        _ => lit(text.clone()),
    };
    match condition.operator {
        Operator::Eq => left.eq(right),
        Operator::Ne => left.not_eq(right),
        Operator::Lt => left.lt(right),
        Operator::Le => left.lt_eq(right),
        Operator::Gt => left.gt(right),
        Operator::Ge => left.gt_eq(right),
        // Patterns on a number have no meaning.
        _ if id == OBS_VALUE => lit(false),
        Operator::Contains => left.like(lit(format!("%{}%", escaped(&text)))),
        Operator::NotContains => left.not_like(lit(format!("%{}%", escaped(&text)))),
        Operator::StartsWith => left.like(lit(format!("{}%", escaped(&text)))),
        Operator::EndsWith => left.like(lit(format!("%{}", escaped(&text)))),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Periods of any frequency within the bounds. Years, as text, are compared too: statistics can skip by those.
fn within(bounds: Bounds) -> Expr {
    let holds = move |args: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let times = arrays.first().map(|a| a.as_string::<i32>());
        let held: BooleanArray =
            times.into_iter().flat_map(|t| t.iter()).map(|t| Some(t.is_some_and(|t| bounds.hold(t)))).collect();
        Ok(ColumnarValue::Array(Arc::new(held) as ArrayRef))
    };
    let function =
        create_udf("period_within", vec![DataType::Utf8], DataType::Boolean, Volatility::Immutable, Arc::new(holds));
    let mut holds = function.call(vec![column(TIME_PERIOD)]);
    // An ISO week of the year before can begin in the year asked for, and one of the year after can end in it. Texts are in
    // the order of years where years have four digits.
    let years = 1..9_998;
    if let Some(start) = bounds.start.map(|day| day.year()).filter(|year| years.contains(year)) {
        holds = column(TIME_PERIOD).gt_eq(lit(format!("{:04}", start - 1))).and(holds);
    }
    if let Some(end) = bounds.end.map(|day| day.year()).filter(|year| years.contains(year)) {
        holds = column(TIME_PERIOD).lt(lit(format!("{:04}", end + 2))).and(holds);
    }
    holds
}

/// The first or last `n` observations of each series.
fn edge(frame: DataFrame, schema: &DatasetSchema, n: u32, ascending: bool) -> Result<DataFrame> {
    const NUMBER: &str = "_number";
    let names: Vec<String> = frame.schema().fields().iter().map(|f| f.name().clone()).collect();
    let number = row_number()
        .partition_by(schema.dimensions.iter().map(|d| column(&d.id)).collect())
        .order_by(vec![column(TIME_PERIOD).sort(ascending, false)])
        .build()?
        .alias(NUMBER);
    frame
        .window(vec![number])?
        .filter(column(NUMBER).lt_eq(lit(u64::from(n))))?
        .select(names.iter().map(|name| column(name)).collect::<Vec<_>>())
}
