//! The expressions of rules: SQL's, parsed by sqlparser and evaluated by DataFusion, a batch at a time.
//!
//! Only what is listed here is understood, so that a file of rules cannot read anything but its row, nor take long. Functions have the
//! names of SDMX's VTL.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::kernels::regexp::regexp_is_match_scalar;
use arrow::datatypes::{DataType, Float64Type, Schema};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, ColumnarValue, Expr, Like, Operator, ScalarUDF, Volatility, create_udf,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionContext, cast, ident, lit};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Deepest nesting of an expression.
const MAX_DEPTH: usize = 40;

/// Why an expression cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpressionError {
    /// Not an expression.
    #[error("it cannot be read: {0}")]
    Syntax(String),
    /// Something that rules do not know.
    #[error("`{0}` is nothing that rules know")]
    Unsupported(String),
    /// A function with the wrong number of arguments.
    #[error("`{name}` takes {expected}")]
    Arguments {
        /// The function.
        name: String,
        /// What it takes.
        expected: &'static str,
    },
    /// No such column.
    #[error("there is no component `{0}`")]
    Column(String),
    /// Types that do not go together.
    #[error("it cannot be evaluated: {0}")]
    Types(#[source] DataFusionError),
    /// Not a condition.
    #[error("it is a {0}, not a condition")]
    NoCondition(DataType),
}

/// An expression, read but not bound to columns.
#[derive(Debug, Clone)]
pub(crate) struct Expression(Expr);

impl Expression {
    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Result<Self, ExpressionError> {
        let syntax = |e: sqlparser::parser::ParserError| ExpressionError::Syntax(e.to_string());
        let parser = Parser::new(&GenericDialect {}).with_recursion_limit(MAX_DEPTH);
        let mut parser = parser.try_with_sql(text).map_err(syntax)?;
        let parsed = parser.parse_expr().map_err(syntax)?;
        let rest = parser.peek_token().token;
        if rest != Token::EOF {
            return Err(ExpressionError::Syntax(format!("`{rest}` comes after its end")));
        }
        convert(&parsed).map(Self)
    }

    /// Columns it names.
    pub(crate) fn columns(&self) -> impl Iterator<Item = String> {
        let mut names: Vec<String> = self.0.column_refs().iter().map(|column| column.name.clone()).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Binds it to the columns of batches.
    pub(crate) fn bind(&self, columns: &Schema) -> Result<Arc<dyn PhysicalExpr>, ExpressionError> {
        for name in self.columns() {
            columns.index_of(&name).map_err(|_| ExpressionError::Column(name))?;
        }
        let schema = DFSchema::try_from(columns.clone()).map_err(ExpressionError::Types)?;
        let bound =
            SessionContext::new().create_physical_expr(self.0.clone(), &schema).map_err(ExpressionError::Types)?;
        match bound.data_type(columns).map_err(ExpressionError::Types)? {
            DataType::Boolean | DataType::Null => Ok(bound),
            other => Err(ExpressionError::NoCondition(other)),
        }
    }
}

/// Where a bound condition is true, false or unknown.
pub(crate) fn evaluate(condition: &dyn PhysicalExpr, batch: &RecordBatch) -> Result<BooleanArray, DataFusionError> {
    let array = condition.evaluate(batch)?.into_array(batch.num_rows())?;
    let array =
        if array.data_type() == &DataType::Null { arrow::compute::cast(&array, &DataType::Boolean)? } else { array };
    Ok(array.as_boolean().clone())
}

fn convert(expr: &ast::Expr) -> Result<Expr, ExpressionError> {
    let boxed = |e: &ast::Expr| convert(e).map(Box::new);
    Ok(match expr {
        ast::Expr::Identifier(name) => ident(name.value.clone()),
        ast::Expr::Nested(inner) => convert(inner)?,
        ast::Expr::Value(value) => literal(&value.value)?,
        ast::Expr::IsNull(inner) => convert(inner)?.is_null(),
        ast::Expr::IsNotNull(inner) => convert(inner)?.is_not_null(),
        ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => !convert(expr)?,
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => -convert(expr)?,
        ast::Expr::BinaryOp { left, op, right } => {
            Expr::BinaryExpr(BinaryExpr::new(boxed(left)?, operator(op)?, boxed(right)?))
        }
        ast::Expr::In { expr, target: ast::InTarget::List(list), negated, global: false } => {
            convert(expr)?.in_list(list.iter().map(convert).collect::<Result<_, _>>()?, *negated)
        }
        ast::Expr::Between { expr, negated, low, high } => {
            Expr::Between(Between::new(boxed(expr)?, *negated, boxed(low)?, boxed(high)?))
        }
        ast::Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
            Expr::Like(Like::new(*negated, boxed(expr)?, boxed(pattern)?, None, false))
        }
        ast::Expr::Case { operand, conditions, else_result, .. } => {
            let branch = |when: &ast::CaseWhen| Ok((boxed(&when.condition)?, boxed(&when.result)?));
            let operand = operand.as_deref().map(boxed).transpose()?;
            let branches = conditions.iter().map(branch).collect::<Result<_, _>>()?;
            Expr::Case(Case::new(operand, branches, else_result.as_deref().map(boxed).transpose()?))
        }
        ast::Expr::Function(function) => call(function)?,
        other => return Err(unsupported(other)),
    })
}

fn unsupported(what: &impl ToString) -> ExpressionError {
    ExpressionError::Unsupported(what.to_string().chars().take(80).collect())
}

fn literal(value: &Value) -> Result<Expr, ExpressionError> {
    Ok(match value {
        // Figures are of this type: whole numbers must not divide as such.
        Value::Number(text, _) => lit(text.parse::<f64>().map_err(|_| unsupported(value))?),
        Value::SingleQuotedString(text) => lit(text.clone()),
        Value::Boolean(truth) => lit(*truth),
        Value::Null => lit(ScalarValue::Null),
        other => return Err(unsupported(other)),
    })
}

fn operator(op: &BinaryOperator) -> Result<Operator, ExpressionError> {
    Ok(match op {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Modulo => Operator::Modulo,
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Or => Operator::Or,
        other => return Err(unsupported(other)),
    })
}

fn call(function: &ast::Function) -> Result<Expr, ExpressionError> {
    let name = function.name.to_string().to_ascii_lowercase();
    let ast::FunctionArguments::List(list) = &function.args else { return Err(unsupported(function)) };
    let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
    if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return Err(unsupported(function));
    }
    let argument = |arg: &ast::FunctionArg| match arg {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => convert(expr),
        other => Err(unsupported(other)),
    };
    let arguments = list.args.iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    let text = |expr: Expr| cast(expr, DataType::Utf8);
    let number = |expr: Expr| cast(expr, DataType::Float64);
    let wrong = |expected| ExpressionError::Arguments { name: name.clone(), expected };
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next();
    let (first, second, third, none) = (next(), next(), next(), next().is_none());
    Ok(match (name.as_str(), first, second, third, none) {
        ("isnull", Some(a), None, None, _) => a.is_null(),
        ("nvl", Some(a), Some(b), None, _) => {
            let empty = vec![(Box::new(a.clone().is_null()), Box::new(b))];
            Expr::Case(Case::new(None, empty, Some(Box::new(a))))
        }
        ("between", Some(a), Some(low), Some(high), true) => a.between(low, high),
        ("abs", Some(a), None, None, _) => float("abs", f64::abs).call(vec![number(a)]),
        ("trunc", Some(a), None, None, _) => float("trunc", f64::trunc).call(vec![number(a)]),
        ("round", Some(a), None, None, _) => float("round", f64::round).call(vec![number(a)]),
        ("ceil", Some(a), None, None, _) => float("ceil", f64::ceil).call(vec![number(a)]),
        ("floor", Some(a), None, None, _) => float("floor", f64::floor).call(vec![number(a)]),
        ("sqrt", Some(a), None, None, _) => float("sqrt", f64::sqrt).call(vec![number(a)]),
        ("ln", Some(a), None, None, _) => float("ln", f64::ln).call(vec![number(a)]),
        ("length", Some(a), None, None, _) => length().call(vec![text(a)]),
        ("match_characters", Some(a), Some(Expr::Literal(ScalarValue::Utf8(Some(pattern)), _)), None, _) => {
            matches(pattern)?.call(vec![text(a)])
        }
        ("isnull" | "abs" | "trunc" | "round" | "ceil" | "floor" | "sqrt" | "ln" | "length", ..) => {
            return Err(wrong("one argument"));
        }
        ("nvl", ..) => return Err(wrong("two arguments")),
        ("between", ..) => return Err(wrong("three arguments")),
        ("match_characters", ..) => return Err(wrong("a component and a pattern in quotes")),
        _ => return Err(unsupported(&function.name)),
    })
}

fn float(name: &str, function: fn(f64) -> f64) -> ScalarUDF {
    let run = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let numbers = first(&arrays)?.as_primitive::<Float64Type>();
        Ok(ColumnarValue::Array(Arc::new(numbers.unary::<_, Float64Type>(function))))
    };
    create_udf(name, vec![DataType::Float64], DataType::Float64, Volatility::Immutable, Arc::new(run))
}

fn length() -> ScalarUDF {
    let run = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let texts = first(&arrays)?.as_string::<i32>();
        let lengths: Int64Array = texts.iter().map(|text| text.map(|text| text.chars().count() as i64)).collect();
        Ok(ColumnarValue::Array(Arc::new(lengths)))
    };
    create_udf("length", vec![DataType::Utf8], DataType::Int64, Volatility::Immutable, Arc::new(run))
}

fn matches(pattern: String) -> Result<ScalarUDF, ExpressionError> {
    // VTL's function matches the whole text.
    let whole = format!("^(?:{pattern})$");
    regexp_is_match_scalar(&arrow::array::StringArray::from(vec![""]), &whole, None)
        .map_err(|e| ExpressionError::Syntax(e.to_string()))?;
    let name = format!("match_characters({pattern})");
    let run = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let found = regexp_is_match_scalar(first(&arrays)?.as_string::<i32>(), &whole, None)?;
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    Ok(create_udf(&name, vec![DataType::Utf8], DataType::Boolean, Volatility::Immutable, Arc::new(run)))
}

fn first(arrays: &[ArrayRef]) -> Result<&ArrayRef, DataFusionError> {
    arrays.first().ok_or_else(|| DataFusionError::Execution("a function without an argument".to_owned()))
}
