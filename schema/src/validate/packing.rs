//! Valid observations in the form they are sorted in: one key of bytes, the figure, and attributes by the numbers of their codes.
//!
//! The bytes of a key compare as its texts do: a coded dimension is its code's place in the ordered list, any other text ends with a
//! zero byte, and the line of the file comes last, so that one comparison of bytes sorts by dimensions, time and line.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder as _, ArrayRef, AsArray as _, BinaryBuilder, DictionaryArray, Float64Builder, Int64Array,
    RecordBatch, StringArray, StringBuilder, UInt16Array, UInt16Builder, UInt32Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt16Type};
use arrow::error::ArrowError;

use super::ROW;
use crate::dataset::{Component, DatasetSchema};

/// The column with the keys.
pub const KEY: &str = "_key";
/// Bytes of a key that are the line of the file.
const LINE_BYTES: usize = 8;
/// Bytes of a coded dimension.
const CODE_BYTES: usize = 2;
/// Most rows of a batch that is unpacked: the numbers of its texts are of 16 bits.
const MAX_ROWS: usize = 1 << 16;

/// How a component's texts are kept.
#[derive(Debug, Clone)]
enum Part {
    /// By their number among these, which are in order.
    Coded(ArrayRef),
    /// As they are.
    Text,
    /// The same for every row; none if it is empty.
    Constant(ArrayRef),
}

impl Part {
    fn of(component: &Component, constant: Option<&str>) -> Self {
        let mut codes: Vec<&str> = component.codes.iter().flat_map(|c| c.iter()).map(|(code, _)| code).collect();
        codes.sort_unstable();
        match (&component.codes, constant) {
            (Some(_), _) if codes.len() < usize::from(u16::MAX) => Self::Coded(Arc::new(StringArray::from(codes))),
            (_, Some(text)) => {
                Self::Constant(Arc::new(StringArray::from_iter_values(Some(text).filter(|t| !t.is_empty()))))
            }
            _ => Self::Text,
        }
    }

    /// The number of a text; [`u16::MAX`] if it has none.
    fn number(&self, text: &str) -> u16 {
        let Self::Coded(codes) = self else { return u16::MAX };
        let codes = codes.as_string::<i32>();
        let (mut low, mut high) = (0, codes.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match codes.value(middle).cmp(text) {
                std::cmp::Ordering::Equal => return u16::try_from(middle).unwrap_or(u16::MAX),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        u16::MAX
    }
}

/// How a dataflow's observations are packed.
#[derive(Debug, Clone)]
pub struct Packing {
    /// Dimensions, then time.
    keys: Vec<Part>,
    attributes: Vec<Part>,
    packed: SchemaRef,
    unpacked: SchemaRef,
}

impl Packing {
    /// The packing of `schema`'s observations. `constant` gives the text that a component has in all rows, if it has one.
    pub fn new<'a>(schema: &DatasetSchema, constant: impl Fn(&str) -> Option<&'a str>) -> Self {
        let key = |c: &Component| match Part::of(c, None) {
            Part::Coded(codes) => Part::Coded(codes),
            _ => Part::Text,
        };
        let keys: Vec<Part> = schema.dimensions.iter().map(key).chain([Part::Text]).collect();
        let attributes: Vec<Part> = schema.attributes.iter().map(|c| Part::of(c, constant(&c.id))).collect();
        let mut packed =
            vec![Field::new(KEY, DataType::Binary, false), Field::new(&schema.measure.id, DataType::Float64, true)];
        for (component, part) in schema.attributes.iter().zip(&attributes) {
            match part {
                Part::Coded(_) => packed.push(Field::new(&component.id, DataType::UInt16, true)),
                Part::Text => packed.push(Field::new(&component.id, DataType::Utf8, true)),
                Part::Constant(_) => {}
            }
        }
        let text = || DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
        let mut unpacked: Vec<Field> =
            schema.dimensions.iter().chain([&schema.time]).map(|c| Field::new(&c.id, text(), false)).collect();
        unpacked.push(Field::new(&schema.measure.id, DataType::Float64, true));
        unpacked.extend(schema.attributes.iter().map(|c| Field::new(&c.id, text(), true)));
        unpacked.push(Field::new(ROW, DataType::Int64, false));
        Self { keys, attributes, packed: Arc::new(Schema::new(packed)), unpacked: Arc::new(Schema::new(unpacked)) }
    }

    /// The columns of packed batches; sorting by [`KEY`] sorts by dimensions, time and line.
    pub fn packed_schema(&self) -> SchemaRef {
        Arc::clone(&self.packed)
    }

    /// The columns of [`Packing::unpack`]: the dataflow's, with numbered texts, then [`ROW`].
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.unpacked)
    }

    /// The number of a text of the component at `index` in column order.
    pub(super) fn number(&self, index: usize, text: &str) -> u16 {
        let attributes = index.checked_sub(self.keys.len() + 1);
        let part = attributes.map_or_else(|| self.keys.get(index), |index| self.attributes.get(index));
        part.map_or(u16::MAX, |part| part.number(text))
    }

    /// A key without its line: equal for observations of one series and period.
    pub fn key_of(key: &[u8]) -> &[u8] {
        &key[..key.len().saturating_sub(LINE_BYTES)]
    }

    /// The columns of packed rows. At most 65,536 of them.
    pub fn unpack(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        if batch.num_rows() > MAX_ROWS {
            return Err(ArrowError::InvalidArgumentError(format!("a batch of {} rows", batch.num_rows())));
        }
        let keys = batch.column(0).as_binary::<i32>();
        let mut ends = vec![0usize; batch.num_rows()];
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.unpacked.fields().len());
        for part in &self.keys {
            columns.push(match part {
                Part::Coded(codes) => {
                    let number = |(row, end): (usize, &mut usize)| {
                        let bytes = keys.value(row).get(*end..*end + CODE_BYTES);
                        *end += CODE_BYTES;
                        bytes.map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
                    };
                    let numbers = UInt16Array::from_iter_values(ends.iter_mut().enumerate().map(number));
                    numbered(numbers, codes)?
                }
                Part::Text | Part::Constant(_) => {
                    let text = |(row, end): (usize, &mut usize)| {
                        let rest = keys.value(row).get(*end..).unwrap_or(&[]);
                        let length = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
                        *end += length + 1;
                        std::str::from_utf8(&rest[..length]).ok()
                    };
                    number_texts(ends.iter_mut().enumerate().map(text))?
                }
            });
        }
        columns.push(Arc::clone(batch.column(1)));
        let mut next = 2;
        for part in &self.attributes {
            columns.push(match part {
                Part::Constant(text) if text.is_empty() => numbered(UInt16Array::new_null(batch.num_rows()), text)?,
                Part::Constant(text) => numbered(UInt16Array::from(vec![0; batch.num_rows()]), text)?,
                Part::Coded(codes) => numbered(batch.column(next).as_primitive().clone(), codes)?,
                Part::Text => number_texts(batch.column(next).as_string::<i32>().iter())?,
            });
            next += usize::from(!matches!(part, Part::Constant(_)));
        }
        let line = |(row, end): (usize, &usize)| {
            let bytes = keys.value(row).get(*end..).and_then(|b| <[u8; LINE_BYTES]>::try_from(b).ok());
            i64::from_be_bytes(bytes.unwrap_or_default())
        };
        columns.push(Arc::new(Int64Array::from_iter_values(ends.iter().enumerate().map(line))));
        RecordBatch::try_new(self.schema(), columns)
    }
}

fn numbered(numbers: UInt16Array, texts: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::<UInt16Type>::try_new(numbers, Arc::clone(texts))?))
}

fn number_texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef, ArrowError> {
    let mut known: HashMap<&str, u16> = HashMap::new();
    let mut values = StringBuilder::new();
    let mut last: Option<(&str, u16)> = None;
    let mut numbers = UInt16Builder::new();
    for text in texts {
        let Some(text) = text else {
            numbers.append_null();
            continue;
        };
        let number = match last {
            Some((before, number)) if before == text => number,
            _ => *known.entry(text).or_insert_with(|| {
                values.append_value(text);
                (values.len() - 1) as u16
            }),
        };
        last = Some((text, number));
        numbers.append_value(number);
    }
    numbered(numbers.finish(), &(Arc::new(values.finish()) as ArrayRef))
}

/// Packed observations in the making.
pub(super) struct PackedBuilder {
    packing: Packing,
    keys: BinaryBuilder,
    values: Float64Builder,
    attributes: Vec<AttributeBuilder>,
    key: Vec<u8>,
}

enum AttributeBuilder {
    Coded(UInt16Builder),
    Text(StringBuilder),
    Constant,
}

/// One cell to be packed: its text, and its number if it is a code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) text: &'a str,
    pub(super) number: u16,
}

impl PackedBuilder {
    pub(super) fn new(packing: Packing) -> Self {
        let builder = |part: &Part| match part {
            Part::Coded(_) => AttributeBuilder::Coded(UInt16Builder::new()),
            Part::Text => AttributeBuilder::Text(StringBuilder::new()),
            Part::Constant(_) => AttributeBuilder::Constant,
        };
        let attributes = packing.attributes.iter().map(builder).collect();
        Self { packing, keys: BinaryBuilder::new(), values: Float64Builder::new(), attributes, key: Vec::new() }
    }

    pub(super) fn packing(&self) -> &Packing {
        &self.packing
    }

    /// Adds an observation; `cell` gives the cells in column order.
    pub(super) fn push<'a>(&mut self, cell: impl Fn(usize) -> Cell<'a>, value: Option<f64>, line: u64) {
        self.key.clear();
        for (index, part) in self.packing.keys.iter().enumerate() {
            let cell = cell(index);
            if matches!(part, Part::Coded(_)) {
                self.key.extend_from_slice(&cell.number.to_be_bytes());
            } else {
                self.key.extend_from_slice(cell.text.as_bytes());
                self.key.push(0);
            }
        }
        let first = self.packing.keys.len() + 1;
        self.key.extend_from_slice(&line.to_be_bytes());
        self.keys.append_value(&self.key);
        self.values.append_option(value);
        for (index, builder) in self.attributes.iter_mut().enumerate() {
            match builder {
                AttributeBuilder::Coded(numbers) => {
                    numbers.append_option(Some(cell(first + index).number).filter(|n| *n != u16::MAX));
                }
                AttributeBuilder::Text(texts) => {
                    texts.append_option(Some(cell(first + index).text).filter(|text| !text.is_empty()));
                }
                AttributeBuilder::Constant => {}
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of keys and texts.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.attributes.iter().map(|builder| match builder {
            AttributeBuilder::Text(texts) => texts.values_slice().len(),
            AttributeBuilder::Coded(_) | AttributeBuilder::Constant => 0,
        });
        self.keys.values_slice().len() + texts.sum::<usize>()
    }

    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        for builder in &mut self.attributes {
            match builder {
                AttributeBuilder::Coded(numbers) => columns.push(Arc::new(numbers.finish())),
                AttributeBuilder::Text(texts) => columns.push(Arc::new(texts.finish())),
                AttributeBuilder::Constant => {}
            }
        }
        RecordBatch::try_new(self.packing.packed_schema(), columns)
    }
}

/// Packed rows in the order of their keys. Whoever sorts the batches finds each in order, and need only merge them; most keys differ in the bytes that
/// are compared as one number here.
pub fn sorted(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let keys = batch.column(0).as_binary::<i32>();
    let head = |key: &[u8]| {
        let mut head = [0u8; 16];
        let length = key.len().min(16);
        head[..length].copy_from_slice(&key[..length]);
        u128::from_be_bytes(head)
    };
    let mut order: Vec<(u128, u32)> = (0..).zip(keys.iter().flatten()).map(|(row, key)| (head(key), row)).collect();
    let whole = |row: u32| keys.value(row as usize);
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| whole(a.1).cmp(whole(b.1))));
    take_record_batch(batch, &UInt32Array::from_iter_values(order.into_iter().map(|(_, row)| row)))
}

/// Runs of rows with the same key in sorted packed batches; a run may reach into the next batch.
#[derive(Debug, Default)]
pub struct Repeated {
    last: Vec<u8>,
}

impl Repeated {
    /// Rows of `batch` whose key the row before has, with the line of that row.
    pub fn look(&mut self, batch: &RecordBatch) -> Vec<(usize, u64)> {
        let keys = batch.column(0).as_binary::<i32>();
        let line = |key: &[u8]| {
            let bytes = key.get(key.len().saturating_sub(LINE_BYTES)..).and_then(|b| b.try_into().ok());
            u64::from_be_bytes(bytes.unwrap_or_default())
        };
        let mut found = Vec::new();
        for row in 0..keys.len() {
            let before = if row == 0 { self.last.as_slice() } else { keys.value(row - 1) };
            if before.len() > LINE_BYTES && Packing::key_of(before) == Packing::key_of(keys.value(row)) {
                found.push((row, line(before)));
            }
        }
        if let Some(last) = keys.len().checked_sub(1) {
            self.last.clear();
            self.last.extend_from_slice(keys.value(last));
        }
        found
    }
}
