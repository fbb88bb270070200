//! SDMX-JSON 1.0 and 2.0 data messages (sdmx-twg/sdmx-json, data-message 1.0 and 2.0.0).
//!
//! Data sets come before the structures, so that codes can be collected while figures stream out. In 2.0 only codes and periods are
//! collected, free texts stand in the observations, and memory does not grow with the figures; 1.0 has no place for free texts but the
//! list of an attribute's values.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::RecordBatch;
use serde_json::{Value, json};

use super::v2_0::structure::meta;
use crate::data::history::Dissemination;
use crate::data::{Columns, DataWriter, Layout, Series, Step, WriteError, attribute, number_text};
use crate::dataset::{Component, DatasetSchema};
use crate::message::{MessageHeader, ReleaseLink};
use crate::period::Period;
use crate::structure::Names;

/// Of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

impl Version {
    /// Address of the message's JSON schema.
    fn schema(self) -> &'static str {
        match self {
            Self::One => {
                "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/schemas/1.0/sdmx-json-data-schema.json"
            }
            Self::Two => {
                "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/schemas/2.0.0/sdmx-json-data-schema.json"
            }
        }
    }
}

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

/// Writes SDMX-JSON.
pub struct JsonWriter {
    version: Version,
    schema: Arc<DatasetSchema>,
    header: MessageHeader,
    layout: Layout,
    begun: bool,
    dimensions: Vec<Seen>,
    times: Seen,
    attributes: Vec<Seen>,
    series: Series,
    first_item: bool,
    /// The dissemination that the data set is of, if they are told apart.
    set: Option<Dissemination>,
    sets: usize,
}

impl JsonWriter {
    pub(crate) fn new(schema: Arc<DatasetSchema>, header: MessageHeader, layout: Layout, version: Version) -> Self {
        let seen = |n: usize| (0..n).map(|_| Seen::default()).collect();
        Self {
            version,
            dimensions: seen(schema.dimensions.len()),
            attributes: seen(schema.attributes.len()),
            times: Seen::default(),
            schema,
            header,
            layout,
            begun: false,
            series: Series::default(),
            first_item: true,
            set: None,
            sets: 0,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        out.extend_from_slice(b"{\"meta\":");
        out.extend(meta(self.version.schema(), &self.header).map_err(failed)?);
        out.extend_from_slice(b",\"data\":{\"dataSets\":[");
        self.open_set(out)
    }

    fn open_set(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let structure = if self.version == Version::Two { "\"structure\":0," } else { "" };
        let action = if self.set.is_some() { "Replace" } else { "Information" };
        write!(out, "{{{structure}\"action\":\"{action}\",").map_err(failed)?;
        if let Some(set) = &self.set {
            write!(out, "\"validFrom\":{},", json!(set.valid_from)).map_err(failed)?;
            set.valid_to.iter().try_for_each(|to| write!(out, "\"validTo\":{},", json!(to))).map_err(failed)?;
        }
        write!(out, "\"links\":{},", self.links()).map_err(failed)?;
        out.extend_from_slice(if self.layout.flat { b"\"observations\":{" } else { b"\"series\":{" });
        self.sets += 1;
        Ok(())
    }

    fn links(&self) -> Value {
        let dataflow = json!({ "rel": "dataflow", "urn": self.schema.dataflow.urn("datastructure.Dataflow") });
        let release = |r: &ReleaseLink| json!({ "rel": "via", "href": r.href, "type": "application/json" });
        let of_set = |r: &&ReleaseLink| self.set.as_ref().is_none_or(|set| set.release == r.id);
        [dataflow].into_iter().chain(self.header.releases.iter().filter(of_set).map(release)).collect()
    }

    fn comma(&mut self, out: &mut Vec<u8>) {
        if !self.first_item {
            out.push(b',');
        }
        self.first_item = false;
    }

    /// Writes the series' positions: `0:3:1`.
    fn key(&mut self, columns: &Columns<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        for (index, (seen, column)) in self.dimensions.iter_mut().zip(&columns.dimensions).enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(out, "{colon}{}", seen.position(column.value(row))).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes `[value,attribute,..]`: codes as positions, free texts as they are.
    fn observation(&mut self, columns: &Columns<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        out.push(b'[');
        // 1.0 names no measures: the first place is the figure's.
        let measure = self.layout.measure || self.version == Version::One;
        if measure {
            match columns.value(row).filter(|_| self.layout.measure) {
                Some(value) => out.extend_from_slice(number_text(value).as_bytes()),
                None => out.extend_from_slice(b"null"),
            }
        }
        let components = self.schema.attributes.iter().zip(&columns.attributes);
        for (index, (seen, (component, column))) in self.attributes.iter_mut().zip(components).enumerate() {
            if index > 0 || measure {
                out.push(b',');
            }
            match attribute(column, row) {
                Some(code) if component.codes.is_some() || self.version == Version::One => {
                    write!(out, "{}", seen.position(code)).map_err(failed)?
                }
                Some(text) => serde_json::to_writer(&mut *out, text).map_err(failed)?,
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
        Ok(())
    }

    fn row(&mut self, columns: &Columns<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.layout.flat {
            self.comma(out);
            out.push(b'"');
            self.key(columns, row, out)?;
            write!(out, ":{}\":", self.times.position(columns.time.value(row))).map_err(failed)?;
            return self.observation(columns, row, out);
        }
        let step = self.series.step(columns, row);
        if step != Step::Same {
            self.close_series(out, step == Step::Next);
            self.comma(out);
            out.push(b'"');
            self.key(columns, row, out)?;
            out.extend_from_slice(if self.layout.observations { b"\":{\"observations\":{" } else { b"\":{" });
        }
        if !self.layout.observations {
            return Ok(());
        }
        let comma = if step == Step::Same { "," } else { "" };
        write!(out, "{comma}\"{}\":", self.times.position(columns.time.value(row))).map_err(failed)?;
        self.observation(columns, row, out)
    }

    fn close_series(&self, out: &mut Vec<u8>, open: bool) {
        if open {
            out.extend_from_slice(if self.layout.observations { b"}}" } else { b"}" });
        }
    }

    /// The components with the values seen. The schema wants none without values, so an empty message has none.
    fn structure(&self) -> Value {
        let dimension = |position: usize, component: &Component, seen: &Seen, values: Vec<Value>| {
            (!seen.values.is_empty()).then(|| {
                json!({
                    "id": component.id, "name": component.name, "names": texts(&component.names),
                    "keyPosition": position, "values": values,
                })
            })
        };
        let pairs = self.schema.dimensions.iter().zip(&self.dimensions).enumerate();
        let key = pairs.filter_map(|(position, (component, seen))| {
            dimension(position, component, seen, seen.values.iter().map(|v| value(component, v)).collect())
        });
        let mut key: Vec<Value> = key.collect();
        let times = self.times.values.iter().map(|text| value(&self.schema.time, text)).collect();
        let time = dimension(self.schema.dimensions.len(), &self.schema.time, &self.times, times);
        let mut dimensions = serde_json::Map::new();
        if self.layout.flat {
            key.extend(time);
            dimensions.insert("observation".to_owned(), Value::Array(key));
        } else {
            dimensions.insert("series".to_owned(), Value::Array(key));
            dimensions.extend(time.map(|time| ("observation".to_owned(), json!([time]))));
        }
        dimensions.retain(|_, list| list.as_array().is_some_and(|list| !list.is_empty()));
        let mut structure = json!({
            "name": self.schema.name, "names": texts(&self.schema.names), "links": [self.links()[0]], "dimensions": dimensions,
        });
        if let Some(structure) = structure.as_object_mut() {
            let measure = &self.schema.measure;
            if self.version == Version::Two {
                structure.insert("dataSets".to_owned(), (0..self.sets).map(Value::from).collect());
            }
            if self.layout.measure && self.version == Version::Two {
                let measure = json!({ "observation": [{
                    "id": measure.id, "name": measure.name, "names": texts(&measure.names),
                }] });
                structure.insert("measures".to_owned(), measure);
            }
            if !self.schema.attributes.is_empty() {
                structure.insert("attributes".to_owned(), json!({ "observation": self.attribute_list() }));
            }
        }
        structure
    }

    fn attribute_list(&self) -> Vec<Value> {
        let pairs = self.schema.attributes.iter().zip(&self.attributes);
        let attribute = |(component, seen): (&Component, &Seen)| {
            let mut attribute = json!({
                "id": component.id, "name": component.name, "names": texts(&component.names),
                "relationship": if self.version == Version::Two { json!({ "observation": {} }) } else { json!({ "primaryMeasure": self.schema.measure.id }) },
            });
            let Some(object) = attribute.as_object_mut() else { return attribute };
            if self.version == Version::Two {
                object.insert("isMandatory".to_owned(), json!(component.mandatory));
            }
            if self.version == Version::One || !seen.values.is_empty() {
                object.insert("values".to_owned(), seen.values.iter().map(|v| code(component, v)).collect());
            }
            attribute
        };
        pairs.map(attribute).collect()
    }
}

impl DataWriter for JsonWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let columns = Columns::of(batch, &self.schema)?;
        self.begin(out)?;
        (0..batch.num_rows()).try_for_each(|row| self.row(&columns, row, out))?;
        self.series.end_batch(&columns, batch.num_rows());
        Ok(())
    }

    fn next_set(&mut self, set: &Dissemination, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.set = Some(set.clone());
        if !self.begun {
            return self.begin(out);
        }
        self.close_series(out, self.series.is_open());
        out.extend_from_slice(b"}},");
        (self.series, self.first_item) = (Series::default(), true);
        self.open_set(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.begin(out)?;
        self.close_series(out, self.series.is_open());
        let (before, after) =
            if self.version == Version::Two { ("}}],\"structures\":[", "]}}") } else { ("}}],\"structure\":", "}}") };
        write!(out, "{before}{}{after}", self.structure()).map_err(failed)?;
        Ok(())
    }
}

/// A code with its name; a text that is no code is a name only.
fn code(component: &Component, value: &str) -> Value {
    match component.codes.as_ref().map(|codes| codes.names(value)) {
        None => json!({ "name": value, "names": { "en": value } }),
        Some(Some(names)) => json!({ "id": value, "name": names.name, "names": texts(&names) }),
        Some(None) => json!({ "id": value, "name": value, "names": { "en": value } }),
    }
}

/// A localised text object; a name whose language is not known is taken for English.
fn texts(names: &Names) -> Value {
    if names.names.is_empty() { json!({ "en": names.name }) } else { json!(names.names) }
}

/// A dimension's value: a code, or a period with its first and last second.
fn value(component: &Component, text: &str) -> Value {
    if component.codes.is_some() {
        return code(component, text);
    }
    match Period::parse(text) {
        Some(period) => json!({
            "id": text, "name": text,
            "start": format!("{}T00:00:00Z", period.start), "end": format!("{}T23:59:59Z", period.end),
        }),
        None => json!({ "id": text, "name": text }),
    }
}

fn failed(error: impl std::fmt::Display) -> WriteError {
    WriteError::Write(error.to_string())
}
