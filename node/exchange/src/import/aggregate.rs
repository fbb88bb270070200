//! Sums rows of one key, where a mapping says so. What cannot be added stays apart: other units, other ways of counting, other kinds
//! of source, and figures that are not there.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::validate::{Problem, ProblemKind, Problems};

/// An attribute that says nothing of how its figure was made: sums keep the first.
const FREE: [&str; 1] = ["COMMENT"];

/// Sums sorted batches, a group of equal keys at a time.
pub(super) struct Summing {
    /// The batches' columns.
    columns: SchemaRef,
    /// Columns of the key: the dimensions and time.
    keys: usize,
    measure: usize,
    /// Attributes that the rows of a sum must agree in, with their ids.
    agreeing: Vec<(usize, String)>,
    /// The group that may go on in the next batch: its first row, and what it sums to so far.
    open: Option<(RecordBatch, f64)>,
    pub(super) problems: Problems,
}

impl Summing {
    /// At most `listed` problems are kept with their details.
    pub(super) fn new(schema: &DatasetSchema, columns: SchemaRef, listed: usize) -> Self {
        let first = schema.measure_index() + 1;
        let attributes = schema.attributes.iter().enumerate().map(|(index, a)| (first + index, a.id.clone()));
        Self {
            columns,
            keys: schema.measure_index(),
            measure: schema.measure_index(),
            agreeing: attributes.filter(|(_, id)| !FREE.contains(&id.as_str())).collect(),
            open: None,
            problems: Problems::new(listed),
        }
    }

    /// The sums that `batch` completes, in its columns' types.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Vec<RecordBatch>, ArrowError> {
        let batch = &plain(batch)?;
        let mut done = Vec::new();
        // First row of each group, and its sum.
        let (mut firsts, mut sums): (Vec<u64>, Vec<f64>) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            let value = self.value(batch, row);
            if let Some(first) = firsts.last().copied() {
                if same_key(batch, first as usize, batch, row, self.keys) {
                    self.agree(batch, first as usize, batch, row);
                    sums.iter_mut().next_back().into_iter().for_each(|sum| *sum += value);
                    continue;
                }
            } else if let Some((open, sum)) = self.open.take() {
                let goes_on = same_key(&open, 0, batch, row, self.keys);
                if goes_on {
                    self.agree(&open, 0, batch, row);
                }
                self.open = Some((open, if goes_on { sum + value } else { sum }));
                if goes_on {
                    continue;
                }
                done.extend(self.finish()?);
            }
            firsts.push(row as u64);
            sums.push(value);
        }
        // The last group can go on.
        if let (Some(first), Some(sum)) = (firsts.pop(), sums.pop()) {
            if !firsts.is_empty() {
                let groups = take_record_batch(batch, &UInt64Array::from(firsts))?;
                done.push(self.with_values(&groups, sums)?);
            }
            self.open = Some((batch.slice(first as usize, 1), sum));
        }
        Ok(done)
    }

    /// The group that was open.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        self.open.take().map(|(row, sum)| self.with_values(&row, vec![sum])).transpose()
    }

    fn with_values(&self, batch: &RecordBatch, sums: Vec<f64>) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        let before = columns[self.measure].as_primitive::<Float64Type>();
        // A figure that is not there, and that nothing was added to, stays so.
        let values = sums.into_iter().enumerate().map(|(row, sum)| (!before.is_null(row)).then_some(sum));
        columns[self.measure] = Arc::new(values.collect::<Float64Array>());
        let typed = columns.iter().zip(self.columns.fields()).map(|(column, field)| cast(column, field.data_type()));
        RecordBatch::try_new(Arc::clone(&self.columns), typed.collect::<Result<_, _>>()?)
    }

    fn value(&self, batch: &RecordBatch, row: usize) -> f64 {
        let values = batch.column(self.measure).as_primitive::<Float64Type>();
        if values.is_null(row) { 0.0 } else { values.value(row) }
    }

    /// Notes what the two rows do not agree in.
    fn agree(&mut self, a: &RecordBatch, i: usize, b: &RecordBatch, j: usize) {
        let values = |batch: &RecordBatch, row| batch.column(self.measure).is_null(row);
        let differing = self.agreeing.iter().find(|(column, _)| text(a, *column, i) != text(b, *column, j));
        let (component, value, expected) = if values(a, i) || values(b, j) {
            (
                String::new(),
                "no figure".to_owned(),
                format!("figures to sum, as lines {} and {} have one key", line(a, i), line(b, j)),
            )
        } else if let Some((column, id)) = differing {
            let (first, second) = (text(a, *column, i).unwrap_or(""), text(b, *column, j).unwrap_or(""));
            (id.clone(), second.to_owned(), format!("`{first}`, as line {} has, to be summed with it", line(a, i)))
        } else {
            return;
        };
        let (row, column, nearest) = (line(b, j).max(0) as u64, String::new(), None);
        let kind = ProblemKind::MixedUnits;
        self.problems.note(Problem { row, column, component, value, expected, nearest, kind });
    }
}

/// The batch with its texts as they are.
fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let dictionary = matches!(column.data_type(), DataType::Dictionary(..));
        let column = if dictionary { cast(column, &DataType::Utf8)? } else { Arc::clone(column) };
        Ok((field.name().clone(), column))
    });
    RecordBatch::try_from_iter(columns.collect::<Result<Vec<_>, ArrowError>>()?)
}

fn texts(batch: &RecordBatch, column: usize) -> Option<&StringArray> {
    batch.column(column).as_string_opt::<i32>()
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    texts(batch, column).filter(|texts| !texts.is_null(row)).map(|texts| texts.value(row))
}

fn same_key(a: &RecordBatch, i: usize, b: &RecordBatch, j: usize, keys: usize) -> bool {
    (0..keys).all(|column| text(a, column, i) == text(b, column, j))
}

/// The line of the file, which is in the last column.
fn line(batch: &RecordBatch, row: usize) -> i64 {
    batch.columns().last().and_then(|c| c.as_primitive_opt::<Int64Type>()).map_or(0, |lines| lines.value(row))
}
