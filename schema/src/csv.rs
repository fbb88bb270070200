//! SDMX-CSV 1.0 and 2.0 (sdmx-twg/sdmx-csv, field guides 1.0 and 2.0.0).

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::data::{
    Columns, CsvOptions, DataWriter, Keys, Labels, Layout, Series, Step, WriteError, attribute, number_text,
};
use crate::dataset::{Component, DatasetSchema};
use crate::period::Period;

/// Whole numbers below this are written as such: every one of them is a figure of its own.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// Of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

/// Writes SDMX-CSV. Most rows repeat their series and their attributes from the row before: those bytes are copied.
pub struct CsvWriter {
    schema: Arc<DatasetSchema>,
    /// What every line begins with.
    structure: Vec<u8>,
    options: CsvOptions,
    layout: Layout,
    series: Series,
    begun: bool,
    version: Version,
}

/// Where the line before is in what was written.
struct Before {
    row: usize,
    /// Structure, keys and dimensions.
    series: Range<usize>,
    /// Attributes and the line's end.
    attributes: Range<usize>,
}

impl CsvWriter {
    pub(crate) fn new(schema: Arc<DatasetSchema>, layout: Layout, version: Version) -> Self {
        let mut options = layout.csv;
        if version == Version::One {
            // 1.0 has neither.
            options.keys = Keys::None;
            if options.labels == Labels::Name {
                options.labels = Labels::Both;
            }
        }
        let structure = structure(&schema, version, options.labels);
        Self { schema, structure, options, layout, version, series: Series::default(), begun: false }
    }

    /// The components that have a column.
    fn shown(&self) -> impl Iterator<Item = &Component> {
        let shown = |id: &str| {
            (id != self.schema.time.id || self.layout.observations)
                && (id != self.schema.measure.id || self.layout.measure)
        };
        self.schema.components().filter(move |c| shown(&c.id))
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.begun {
            return;
        }
        self.begun = true;
        let mut header: Vec<String> = match self.version {
            Version::One => vec!["DATAFLOW".to_owned()],
            Version::Two if self.options.labels == Labels::Name => {
                ["STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION"].map(str::to_owned).to_vec()
            }
            Version::Two => ["STRUCTURE", "STRUCTURE_ID", "ACTION"].map(str::to_owned).to_vec(),
        };
        if matches!(self.options.keys, Keys::Series | Keys::Both) {
            header.push("SERIES_KEY".to_owned());
        }
        if matches!(self.options.keys, Keys::Observation | Keys::Both) && self.layout.observations {
            header.push("OBS_KEY".to_owned());
        }
        for component in self.shown() {
            match self.options.labels {
                Labels::Id => header.push(component.id.clone()),
                Labels::Both => header.push(format!("{}: {}", component.id, component.name)),
                Labels::Name => header.extend([component.id.clone(), component.name.clone()]),
            }
        }
        header.iter().for_each(|name| cell(out, name));
        end_line(out);
    }

    fn field(&self, out: &mut Vec<u8>, component: &Component, value: &str) {
        if self.options.labels == Labels::Id {
            return cell(out, value);
        }
        let name = component.codes.as_ref().and_then(|codes| codes.name(value));
        match (self.options.labels, name) {
            (Labels::Both, Some(name)) => cell(out, &format!("{value}: {name}")),
            (Labels::Name, name) => {
                cell(out, value);
                cell(out, name.unwrap_or(""));
            }
            (Labels::Id, _) | (Labels::Both, None) => cell(out, value),
        }
    }

    fn keys(&self, out: &mut Vec<u8>, columns: &Columns<'_>, row: usize) {
        if self.options.keys == Keys::None {
            return;
        }
        let key = columns.dimensions.iter().map(|d| d.value(row)).collect::<Vec<_>>().join(".");
        if self.options.keys != Keys::Observation {
            cell(out, &key);
        }
        if self.options.keys != Keys::Series && self.layout.observations {
            cell(out, &format!("{key}.{}", columns.time.value(row)));
        }
    }

    /// Writes a row; of the row before what is the same is copied.
    fn row(&self, out: &mut Vec<u8>, columns: &Columns<'_>, row: usize, before: Option<&Before>) -> Before {
        let start = out.len();
        // A key of observations is another one in each row, and stands among what would be copied.
        let copied = before
            .filter(|b| matches!(self.options.keys, Keys::None | Keys::Series) && columns.same_series(b.row, row));
        match copied {
            Some(before) => out.extend_from_within(before.series.clone()),
            None => {
                out.extend_from_slice(&self.structure);
                self.keys(out, columns, row);
                for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
                    self.field(out, component, column.value(row));
                }
            }
        }
        let series = start..out.len();
        if self.layout.observations {
            let text = columns.time.value(row);
            match Period::parse(text).filter(|_| self.options.normalized_time) {
                Some(period) => self.field(out, &self.schema.time, &period.start.to_string()),
                None => self.field(out, &self.schema.time, text),
            }
        }
        if self.layout.measure {
            self.figure(out, columns.value(row));
        }
        let start = out.len();
        match before.filter(|b| columns.same_attributes(b.row, row)) {
            Some(before) => out.extend_from_within(before.attributes.clone()),
            None => {
                for (component, column) in self.schema.attributes.iter().zip(&columns.attributes) {
                    self.field(out, component, attribute(column, row).unwrap_or(""));
                }
            }
        }
        // Without attributes the comma to be replaced is that of a column before.
        end_line(out);
        Before { row, series, attributes: start..out.len() }
    }

    fn figure(&self, out: &mut Vec<u8>, value: Option<f64>) {
        match value {
            Some(value) if value.fract() == 0.0 && value.abs() < WHOLE && self.options.labels != Labels::Name => {
                // Writing to memory cannot fail.
                let _ = write!(out, "{},", value as i64);
            }
            value => self.field(out, &self.schema.measure, &value.map(number_text).unwrap_or_default()),
        }
    }
}

impl DataWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let columns = Columns::of(batch, &self.schema)?;
        self.begin(out);
        let mut before = None;
        for row in 0..batch.num_rows() {
            // Without observations a series is one line.
            if self.layout.observations || self.series.step(&columns, row) != Step::Same {
                before = Some(self.row(out, &columns, row, before.as_ref()));
            }
        }
        self.series.end_batch(&columns, batch.num_rows());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.begin(out);
        Ok(())
    }
}

/// The columns before the keys: the same in every line.
fn structure(schema: &DatasetSchema, version: Version, labels: Labels) -> Vec<u8> {
    let mut out = Vec::new();
    let reference = schema.dataflow.to_string();
    if version == Version::Two {
        cell(&mut out, "dataflow");
    }
    match labels {
        Labels::Both => cell(&mut out, &format!("{reference}: {}", schema.name)),
        Labels::Id | Labels::Name => cell(&mut out, &reference),
    }
    if version == Version::Two {
        if labels == Labels::Name {
            cell(&mut out, &schema.name);
        }
        cell(&mut out, "I");
    }
    out
}

/// A cell and the comma after it. Texts that need quotation marks are few: the library writes those.
fn cell(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        let mut quoted = csv::Writer::from_writer(Vec::new());
        // Writing to memory cannot fail.
        let _ = quoted.write_record([text]);
        let quoted = quoted.into_inner().unwrap_or_default();
        out.extend_from_slice(quoted.strip_suffix(b"\n").unwrap_or(&quoted));
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b',');
}

/// A line's end in the place of the last comma.
fn end_line(out: &mut [u8]) {
    if let Some(last) = out.last_mut() {
        *last = b'\n';
    }
}
