//! Reads SDMX-JSON data messages, 1.0 and 2.0, by series or flat. Structures can stand behind the figures, so that a message is read
//! twice: once for what its positions mean, once for its figures.

mod outline;

use std::fmt;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

pub use outline::Outline;
use outline::{Structure, attributes, fixed, positions, text};

use crate::rows::{Bounded, Observations, SourceError};

/// What a data set says beside its figures.
const PLAIN: [&str; 10] = [
    "reportingBegin",
    "reportingEnd",
    "validFrom",
    "validTo",
    "publicationYear",
    "publicationPeriod",
    "links",
    "annotations",
    "name",
    "id",
];
/// What an error says when the reader of the observations has enough.
const ENOUGH: &str = "enough";

impl Outline {
    /// Hands on the observations of the same message.
    pub fn observations(&self, input: impl Read, out: &mut dyn Observations) -> Result<(), SourceError> {
        for link in self.structures.iter().chain(&self.structure).flat_map(|structure| &structure.links) {
            if link.rel.eq_ignore_ascii_case("dataflow") || link.urn.contains("Dataflow=") {
                out.structure(&link.urn);
            }
        }
        let mut deserializer = serde_json::Deserializer::from_reader(BufReader::new(Bounded::json(input)));
        let mut failure = None;
        let read = Message { outline: self, out, failure: &mut failure }.deserialize(&mut deserializer);
        let read = read.and_then(|()| deserializer.end());
        match (failure, read) {
            (Some(error), _) => Err(error),
            (None, Err(error)) if error.to_string().starts_with(ENOUGH) => Ok(()),
            (None, Err(error)) => Err(wrong(&error, out.seen())),
            (None, Ok(())) => Ok(()),
        }
    }
}

fn wrong(error: &serde_json::Error, seen: u64) -> SourceError {
    if error.is_io() {
        let long = error.to_string().contains("a text of more than");
        let error = error.to_string();
        return if long { SourceError::TooLarge(error) } else { SourceError::Read(std::io::Error::other(error)) };
    }
    SourceError::Format(format!("after {seen} observations: {error}"))
}

type Fields = Vec<(String, String)>;

/// The message, or the `data` in it.
struct Message<'a, 'o> {
    outline: &'a Outline,
    out: &'o mut dyn Observations,
    failure: &'o mut Option<SourceError>,
}

impl<'de> DeserializeSeed<'de> for Message<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let inner = Message { outline: self.outline, out: &mut *self.out, failure: &mut *self.failure };
            match key.as_str() {
                "data" => map.next_value_seed(inner)?,
                "dataSets" => map.next_value_seed(DataSets(inner))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

struct DataSets<'a, 'o>(Message<'a, 'o>);

impl<'de> DeserializeSeed<'de> for DataSets<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for DataSets<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data sets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sets: A) -> Result<(), A::Error> {
        loop {
            let set = DataSet { message: &mut *self.0.out, failure: &mut *self.0.failure, outline: self.0.outline };
            if sets.next_element_seed(set)?.is_none() {
                return Ok(());
            }
        }
    }
}

/// A data set: its structure and attributes stand before its figures, as every writer has them.
struct DataSet<'a, 'o> {
    outline: &'a Outline,
    message: &'o mut dyn Observations,
    failure: &'o mut Option<SourceError>,
}

impl<'de> DeserializeSeed<'de> for DataSet<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DataSet<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut index, mut begun) = (0, false);
        let mut fields = Fields::new();
        while let Some(key) = map.next_key::<String>()? {
            let structure =
                self.outline.structure(index).ok_or_else(|| A::Error::custom("a data set's structure is not there"));
            match key.as_str() {
                "structure" => index = map.next_value()?,
                "action" => {
                    let action: String = map.next_value()?;
                    if action == "Delete" {
                        return Err(A::Error::custom("a data set has the action `Delete`: only figures are imported"));
                    }
                }
                "attributes" if !begun => {
                    let values: Vec<Value> = map.next_value()?;
                    attributes(&structure?.attributes.data_set, &values, &mut fields).map_err(A::Error::custom)?;
                }
                "attributes" | "dimensionGroupAttributes" if begun => {
                    return Err(A::Error::custom(format!("`{key}` of a data set stands behind its figures")));
                }
                "dimensionGroupAttributes" => {
                    let groups: serde_json::Map<String, Value> = map.next_value()?;
                    if !groups.is_empty() {
                        return Err(A::Error::custom(
                            "attributes of groups are not imported: write them at the observations",
                        ));
                    }
                }
                "series" | "observations" => {
                    begun = true;
                    let structure = structure?;
                    fixed(&structure.dimensions.data_set, &mut fields);
                    let parts = Items {
                        structure,
                        out: &mut *self.message,
                        failure: &mut *self.failure,
                        fields: &fields,
                        series: key == "series",
                    };
                    map.next_value_seed(parts)?;
                }
                known if PLAIN.contains(&known) => _ = map.next_value::<IgnoredAny>()?,
                other => {
                    return Err(A::Error::custom(format!(
                        "`{other}` is no part of a data set: its figures would be lost"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Series, or observations.
struct Items<'a, 'o> {
    structure: &'a Structure,
    out: &'o mut dyn Observations,
    failure: &'o mut Option<SourceError>,
    fields: &'a Fields,
    series: bool,
}

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("series or observations by their keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let levels = &self.structure.dimensions;
        let dimensions = if self.series { &levels.series } else { &levels.observation };
        while let Some(key) = map.next_key::<String>()? {
            let mut fields = self.fields.clone();
            positions(dimensions, &key, &mut fields).map_err(A::Error::custom)?;
            if self.series {
                map.next_value_seed(Series {
                    structure: self.structure,
                    out: &mut *self.out,
                    failure: &mut *self.failure,
                    fields,
                })?;
                continue;
            }
            let values: Vec<Value> = map.next_value()?;
            let measures = measures(self.structure);
            if let (Some(value), Some(measure)) = (values.first().and_then(text), measures.first()) {
                fields.push((measure.clone(), value));
            }
            let rest = values.get(measures.len()..).unwrap_or_default();
            attributes(&self.structure.attributes.observation, rest, &mut fields).map_err(A::Error::custom)?;
            match self.out.observation(&mut fields.iter().map(|(id, value)| (id.as_str(), value.as_str()))) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Err(A::Error::custom(ENOUGH)),
                Err(error) => {
                    *self.failure = Some(error);
                    return Err(A::Error::custom(ENOUGH));
                }
            }
        }
        Ok(())
    }
}

/// The measures' ids; 1.0 has one and does not name it.
fn measures(structure: &Structure) -> Vec<String> {
    let named: Vec<String> = structure.measures.observation.iter().map(|measure| measure.id.clone()).collect();
    if named.is_empty() { vec![crate::dataset::OBS_VALUE.to_owned()] } else { named }
}

struct Series<'a, 'o> {
    structure: &'a Structure,
    out: &'o mut dyn Observations,
    failure: &'o mut Option<SourceError>,
    fields: Fields,
}

impl<'de> DeserializeSeed<'de> for Series<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Series<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut begun = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "attributes" if begun => {
                    return Err(A::Error::custom("`attributes` of a series stand behind its figures"));
                }
                "attributes" => {
                    let values: Vec<Value> = map.next_value()?;
                    attributes(&self.structure.attributes.series, &values, &mut self.fields)
                        .map_err(A::Error::custom)?;
                }
                "observations" => {
                    begun = true;
                    let (structure, fields) = (self.structure, &self.fields);
                    let (out, failure) = (&mut *self.out, &mut *self.failure);
                    map.next_value_seed(Items { structure, out, failure, fields, series: false })?;
                }
                "annotations" => _ = map.next_value::<IgnoredAny>()?,
                other => {
                    return Err(A::Error::custom(format!(
                        "`{other}` is no part of a series: its figures would be lost"
                    )));
                }
            }
        }
        Ok(())
    }
}
