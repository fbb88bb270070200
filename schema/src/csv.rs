//! SDMX-CSV 1.0 and 2.0 (sdmx-twg/sdmx-csv, field guides 1.0 and 2.0.0).

use arrow::array::RecordBatch;

use crate::data::{
    Columns, CsvOptions, DataWriter, Keys, Labels, Layout, Series, Step, WriteError, attribute, number_text,
};
use crate::dataset::{Component, DatasetSchema};
use crate::period::Period;

/// Of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

/// Writes SDMX-CSV.
pub struct CsvWriter {
    schema: DatasetSchema,
    reference: String,
    options: CsvOptions,
    layout: Layout,
    version: Version,
    series: Series,
    begun: bool,
}

impl CsvWriter {
    pub(crate) fn new(schema: DatasetSchema, layout: Layout, version: Version) -> Self {
        let mut options = layout.csv;
        if version == Version::One {
            // 1.0 has neither.
            options.keys = Keys::None;
            if options.labels == Labels::Name {
                options.labels = Labels::Both;
            }
        }
        Self {
            reference: schema.dataflow.to_string(),
            schema,
            options,
            layout,
            version,
            series: Series::default(),
            begun: false,
        }
    }

    /// The components that have a column.
    fn shown(&self) -> impl Iterator<Item = &Component> {
        let shown = |id: &str| {
            (id != self.schema.time.id || self.layout.observations)
                && (id != self.schema.measure.id || self.layout.measure)
        };
        self.schema.components().filter(move |c| shown(&c.id))
    }

    fn begin(&mut self, out: &mut csv::Writer<&mut Vec<u8>>) -> Result<(), WriteError> {
        if self.begun {
            return Ok(());
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
        out.write_record(&header).map_err(failed)
    }

    fn field(&self, out: &mut csv::Writer<&mut Vec<u8>>, component: &Component, value: &str) -> Result<(), WriteError> {
        let name = component.codes.as_ref().and_then(|codes| codes.name(value));
        match (self.options.labels, name) {
            (Labels::Id, _) | (Labels::Both, None) => out.write_field(value),
            (Labels::Both, Some(name)) => out.write_field(format!("{value}: {name}")),
            (Labels::Name, name) => out.write_field(value).and_then(|()| out.write_field(name.unwrap_or(""))),
        }
        .map_err(failed)
    }

    fn keys(&self, out: &mut csv::Writer<&mut Vec<u8>>, columns: &Columns<'_>, row: usize) -> Result<(), WriteError> {
        if self.options.keys == Keys::None {
            return Ok(());
        }
        let key = columns.dimensions.iter().map(|d| d.value(row)).collect::<Vec<_>>().join(".");
        if self.options.keys != Keys::Observation {
            out.write_field(&key).map_err(failed)?;
        }
        if self.options.keys != Keys::Series && self.layout.observations {
            out.write_field(format!("{key}.{}", columns.time.value(row))).map_err(failed)?;
        }
        Ok(())
    }

    fn row(&self, out: &mut csv::Writer<&mut Vec<u8>>, columns: &Columns<'_>, row: usize) -> Result<(), WriteError> {
        let structure = match self.options.labels {
            Labels::Both => format!("{}: {}", self.reference, self.schema.name),
            _ => self.reference.clone(),
        };
        if self.version == Version::Two {
            out.write_field("dataflow").map_err(failed)?;
        }
        out.write_field(structure).map_err(failed)?;
        if self.version == Version::Two {
            if self.options.labels == Labels::Name {
                out.write_field(&self.schema.name).map_err(failed)?;
            }
            out.write_field("I").map_err(failed)?;
            self.keys(out, columns, row)?;
        }
        for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
            self.field(out, component, column.value(row))?;
        }
        if self.layout.observations {
            let text = columns.time.value(row);
            match Period::parse(text).filter(|_| self.options.normalized_time) {
                Some(period) => self.field(out, &self.schema.time, &period.start.to_string())?,
                None => self.field(out, &self.schema.time, text)?,
            }
        }
        if self.layout.measure {
            self.field(out, &self.schema.measure, &columns.value(row).map(number_text).unwrap_or_default())?;
        }
        for (component, column) in self.schema.attributes.iter().zip(&columns.attributes) {
            self.field(out, component, attribute(column, row).unwrap_or(""))?;
        }
        out.write_record(None::<&[u8]>).map_err(failed)
    }
}

impl DataWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let columns = Columns::of(batch, &self.schema)?;
        let mut out = csv::Writer::from_writer(out);
        self.begin(&mut out)?;
        for row in 0..batch.num_rows() {
            // Without observations a series is one line.
            if self.layout.observations || self.series.step(&columns, row) != Step::Same {
                self.row(&mut out, &columns, row)?;
            }
        }
        self.series.end_batch(&columns, batch.num_rows());
        out.flush().map_err(|e| WriteError::Write(e.to_string()))
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = csv::Writer::from_writer(out);
        self.begin(&mut out)?;
        out.flush().map_err(|e| WriteError::Write(e.to_string()))
    }
}

fn failed(error: csv::Error) -> WriteError {
    WriteError::Write(error.to_string())
}
