//! SDMX-JSON 2.0 data messages (sdmx-twg/sdmx-json, data-message 2.0.0).
//!
//! Data sets come before the structures, so that codes can be collected while figures stream out.

use std::collections::HashMap;
use std::io::Write as _;

use arrow::array::RecordBatch;
use serde_json::{Value, json};

use super::structure::meta;
use crate::data::{Columns, DataWriter, WriteError, attribute};
use crate::dataset::{Component, DatasetSchema};
use crate::message::MessageHeader;

const SCHEMA: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/schemas/2.0.0/sdmx-json-data-schema.json";

/// Values in the order they were first seen.
#[derive(Default)]
struct Seen {
    index: HashMap<String, usize>,
    values: Vec<String>,
}

impl Seen {
    fn position(&mut self, value: &str) -> usize {
        if let Some(position) = self.index.get(value) {
            return *position;
        }
        self.values.push(value.to_owned());
        self.index.insert(value.to_owned(), self.values.len() - 1);
        self.values.len() - 1
    }
}

/// Writes SDMX-JSON 2.0.
pub struct JsonWriter {
    schema: DatasetSchema,
    header: MessageHeader,
    flat: bool,
    begun: bool,
    dimensions: Vec<Seen>,
    times: Seen,
    attributes: Vec<Seen>,
    open_series: Option<Vec<String>>,
    first_item: bool,
}

impl JsonWriter {
    pub(crate) fn new(schema: DatasetSchema, header: MessageHeader, flat: bool) -> Self {
        let seen = |n: usize| (0..n).map(|_| Seen::default()).collect();
        Self {
            dimensions: seen(schema.dimensions.len()),
            attributes: seen(schema.attributes.len()),
            times: Seen::default(),
            schema,
            header,
            flat,
            begun: false,
            open_series: None,
            first_item: true,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        out.extend_from_slice(b"{\"meta\":");
        out.extend(meta(SCHEMA, &self.header).map_err(failed)?);
        out.extend_from_slice(b",\"data\":{\"dataSets\":[{\"structure\":0,\"action\":\"Information\",");
        out.extend_from_slice(if self.flat { b"\"observations\":{" } else { b"\"series\":{" });
        Ok(())
    }

    fn comma(&mut self, out: &mut Vec<u8>) {
        if !self.first_item {
            out.push(b',');
        }
        self.first_item = false;
    }

    fn series_position(&mut self, columns: &Columns<'_>, row: usize) -> String {
        let positions =
            self.dimensions.iter_mut().zip(&columns.dimensions).map(|(s, c)| s.position(c.value(row)).to_string());
        positions.collect::<Vec<_>>().join(":")
    }

    fn observation(&mut self, columns: &Columns<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        match columns.value(row) {
            Some(value) => out.extend_from_slice(number(value).to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        for (seen, column) in self.attributes.iter_mut().zip(&columns.attributes) {
            match attribute(column, row) {
                Some(text) => write!(out, ",{}", seen.position(text)).map_err(failed)?,
                None => out.extend_from_slice(b",null"),
            }
        }
        Ok(())
    }

    fn row(&mut self, columns: &Columns<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let series = self.series_position(columns, row);
        let time = self.times.position(columns.time.value(row));
        if self.flat {
            self.comma(out);
            write!(out, "\"{series}:{time}\":[").map_err(failed)?;
        } else if row > 0 && columns.same_series(row - 1, row)
            || row == 0 && self.open_series.as_ref().is_some_and(|open| *open == columns.key(row))
        {
            write!(out, ",\"{time}\":[").map_err(failed)?;
        } else {
            if self.open_series.is_some() {
                out.extend_from_slice(b"}}");
            }
            self.comma(out);
            self.open_series = Some(Vec::new());
            write!(out, "\"{series}\":{{\"observations\":{{\"{time}\":[").map_err(failed)?;
        }
        self.observation(columns, row, out)?;
        out.push(b']');
        Ok(())
    }

    fn structure(&self) -> Value {
        let dimension = |position: usize, component: &Component, seen: &Seen| {
            json!({
                "id": component.id, "name": component.name, "names": { "en": component.name },
                "keyPosition": position, "values": values(component, seen, "id"),
            })
        };
        let mut dimensions: Vec<Value> = self
            .schema
            .dimensions
            .iter()
            .zip(&self.dimensions)
            .enumerate()
            .map(|(position, (component, seen))| dimension(position, component, seen))
            .collect();
        let time = dimension(dimensions.len(), &self.schema.time, &self.times);
        let dimensions = if self.flat {
            dimensions.push(time);
            json!({ "observation": dimensions })
        } else {
            json!({ "series": dimensions, "observation": [time] })
        };
        let attribute = |(component, seen): (&Component, &Seen)| {
            let mut attribute = json!({
                "id": component.id, "name": component.name, "names": { "en": component.name },
                "isMandatory": component.mandatory, "relationship": { "observation": {} },
            });
            // The standard wants no empty list.
            if !seen.values.is_empty() {
                attribute["values"] = values(component, seen, "value").into();
            }
            attribute
        };
        let attributes: Vec<Value> = self.schema.attributes.iter().zip(&self.attributes).map(attribute).collect();
        let measure = &self.schema.measure;
        json!({
            "name": self.schema.name, "names": { "en": self.schema.name }, "dataSets": [0],
            "links": [{ "rel": "dataflow", "urn": self.schema.dataflow.urn("datastructure.Dataflow") }],
            "dimensions": dimensions,
            "measures": { "observation": [{ "id": measure.id, "name": measure.name }] },
            "attributes": { "observation": attributes },
        })
    }
}

impl DataWriter for JsonWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let schema = self.schema.clone();
        let columns = Columns::of(batch, &schema)?;
        self.begin(out)?;
        (0..batch.num_rows()).try_for_each(|row| self.row(&columns, row, out))?;
        if !self.flat && batch.num_rows() > 0 {
            self.open_series = Some(columns.key(batch.num_rows() - 1));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.begin(out)?;
        if self.open_series.is_some() {
            out.extend_from_slice(b"}}");
        }
        out.extend_from_slice(b"}}],\"structures\":[");
        out.extend_from_slice(self.structure().to_string().as_bytes());
        out.extend_from_slice(b"]}}");
        Ok(())
    }
}

/// Codes carry id and name; `plain` is where a value without code stands.
fn values(component: &Component, seen: &Seen, plain: &str) -> Vec<Value> {
    seen.values
        .iter()
        .map(|value| match component.codes.as_ref().and_then(|codes| codes.name(value)) {
            Some(name) => json!({ "id": value, "name": name, "names": { "en": name } }),
            None if plain == "id" => json!({ "id": value, "name": value }),
            None => json!({ "value": value }),
        })
        .collect()
}

/// Whole numbers without `.0`.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT { json!(value as i64) } else { json!(value) }
}

fn failed(error: impl std::fmt::Display) -> WriteError {
    WriteError::Write(error.to_string())
}
