//! Rules bound to a dataflow's columns, and what breaks them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use arrow::util::display::array_value_to_string;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::validate::rules::Rule;
use chancery_schema::validate::{Problem, ProblemKind, Problems, ROW};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;

use crate::expression::{Expression, ExpressionError, evaluate};

/// The column with the figure that the release in force has for the key.
pub const EARLIER_VALUE: &str = "EARLIER_VALUE";
/// The column with the figure of the period before, in the same series.
pub const PRIOR_VALUE: &str = "PRIOR_VALUE";
/// Longest text that a problem quotes, in characters.
const MAX_QUOTE: usize = 100;

/// Why a rule cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the rule `{rule}` cannot be used: its `{part}`: {why}")]
pub struct RuleError {
    /// The rule.
    pub rule: String,
    /// `when`, `then`, `component` or `errorcode`.
    pub part: &'static str,
    /// Why.
    #[source]
    pub why: ExpressionError,
}

struct Bound {
    rule: Rule,
    when: Option<Arc<dyn PhysicalExpr>>,
    then: Arc<dyn PhysicalExpr>,
    kind: ProblemKind,
}

/// The rules that are for a dataflow.
pub struct RuleSet {
    rules: Vec<Bound>,
    columns: Vec<String>,
}

impl RuleSet {
    /// Binds the rules that are for `schema`'s dataflow to `columns`. One that names no dataflow is for all that have its components.
    pub fn bind(rules: &[Rule], schema: &DatasetSchema, columns: &Schema) -> Result<Self, RuleError> {
        let mut fields: Vec<Field> = columns.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.extend([EARLIER_VALUE, PRIOR_VALUE].map(|name| Field::new(name, DataType::Float64, true)));
        let columns = Schema::new(fields);
        let mut set = Self { rules: Vec::new(), columns: Vec::new() };
        for rule in rules {
            let named = rule.dataflows.contains(&schema.dataflow.id);
            if !named && !rule.dataflows.is_empty() {
                continue;
            }
            let wrong = |part, why| RuleError { rule: rule.name.clone(), part, why };
            let when = rule.when.as_deref().map(Expression::parse).transpose().map_err(|e| wrong("when", e))?;
            let then = Expression::parse(&rule.then).map_err(|e| wrong("then", e))?;
            let mut names: Vec<String> = then.columns().chain(when.iter().flat_map(Expression::columns)).collect();
            let told = rule.message.names().chain([rule.component.as_str()]);
            let missing = names.iter().map(String::as_str).chain(told).find(|name| columns.index_of(name).is_err());
            if let Some(missing) = missing {
                if named {
                    return Err(wrong("then", ExpressionError::Column(missing.to_owned())));
                }
                continue;
            }
            set.columns.append(&mut names);
            let when = when.map(|e| e.bind(&columns)).transpose().map_err(|e| wrong("when", e))?;
            let then = then.bind(&columns).map_err(|e| wrong("then", e))?;
            let kind = ProblemKind::Rule { name: rule.name.as_str().into(), severity: rule.severity };
            set.rules.push(Bound { rule: rule.clone(), when, then, kind });
        }
        Ok(set)
    }

    /// Whether a rule looks at the column.
    pub fn uses(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Notes every row that breaks a rule. The batch has the columns of [`RuleSet::bind`], then [`EARLIER_VALUE`] and [`PRIOR_VALUE`];
    /// `headings` are the file's columns by component.
    pub fn check(
        &self,
        batch: &RecordBatch,
        headings: &HashMap<String, String>,
        problems: &mut Problems,
    ) -> Result<(), DataFusionError> {
        for bound in &self.rules {
            let when = bound.when.as_ref().map(|when| evaluate(when.as_ref(), batch)).transpose()?;
            if when.as_ref().is_some_and(|when| when.true_count() == 0) {
                continue;
            }
            let then = evaluate(bound.then.as_ref(), batch)?;
            if then.false_count() == 0 {
                continue;
            }
            for row in 0..batch.num_rows() {
                let asked = when.as_ref().is_none_or(|when| when.is_valid(row) && when.value(row));
                // What cannot be told is not broken, as in VTL.
                if asked && then.is_valid(row) && !then.value(row) {
                    problems.note(bound.problem(batch, row, headings));
                }
            }
        }
        Ok(())
    }
}

impl Bound {
    fn problem(&self, batch: &RecordBatch, row: usize, headings: &HashMap<String, String>) -> Problem {
        let text = |name: &str| {
            let column = batch.column_by_name(name)?;
            // A whole figure is told without a point, as files have it.
            let figure = column.as_primitive_opt::<Float64Type>().filter(|figures| figures.is_valid(row));
            let told = || array_value_to_string(column, row).ok();
            let text = figure.map(|figures| figures.value(row).to_string()).or_else(told)?;
            Some(text.chars().take(MAX_QUOTE).collect::<String>())
        };
        let lines = batch.column_by_name(ROW).and_then(|column| column.as_primitive_opt::<Int64Type>());
        Problem {
            row: lines.map_or(0, |lines| lines.value(row).unsigned_abs()),
            column: headings.get(&self.rule.component).cloned().unwrap_or_default(),
            component: self.rule.component.clone(),
            value: text(&self.rule.component).unwrap_or_default(),
            expected: self.rule.message.fill(text),
            nearest: None,
            kind: self.kind.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
