//! Reads SDMX-JSON data messages, 1.0 and 2.0, by series or flat. Structures can stand behind the figures, so that a message is read
//! twice: once for what its positions mean, once for its figures.

use std::fmt;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::rows::{Bounded, Observations, SourceError};

/// Most values of one component, and most components: more than any message of figures has.
const MAX_VALUES: usize = 1_000_000;
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

/// What the positions of a message mean.
#[derive(Debug, Default, Deserialize)]
pub struct Outline {
    #[serde(default)]
    structures: Vec<Structure>,
    /// 1.0 has one.
    structure: Option<Structure>,
    /// 1.0 as it was before `data` enclosed it, and 2.0.
    data: Option<Box<Outline>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Structure {
    links: Vec<Link>,
    dimensions: Levels,
    attributes: Levels,
    measures: Levels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Link {
    urn: String,
    rel: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Levels {
    data_set: Vec<Component>,
    dimension_group: Vec<Component>,
    series: Vec<Component>,
    observation: Vec<Component>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Component {
    id: String,
    #[serde(deserialize_with = "texts")]
    values: Vec<String>,
}

/// The values' ids, or what stands for one.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the values of a component")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Vec<String>, A::Error> {
            let mut out = Vec::new();
            while let Some(value) = values.next_element::<Value>()? {
                if out.len() == MAX_VALUES {
                    return Err(A::Error::custom(format!("a component has more than {MAX_VALUES} values")));
                }
                let part = |key: &str| value.get(key).and_then(text);
                out.push(
                    part("id")
                        .or_else(|| part("value"))
                        .or_else(|| part("name"))
                        .or_else(|| text(&value))
                        .unwrap_or_default(),
                );
            }
            Ok(out)
        }
    }
    deserializer.deserialize_seq(Texts)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Array(values) => values.first().and_then(text),
        Value::Null | Value::Object(_) => None,
    }
}

impl Outline {
    /// Reads what the positions mean.
    pub fn read(input: impl Read) -> Result<Self, SourceError> {
        let outline: Self =
            serde_json::from_reader(BufReader::new(Bounded::json(input))).map_err(|error| wrong(&error, 0))?;
        let inner = outline.data.map_or(Self { data: None, ..outline }, |data| *data);
        if inner.structures.is_empty() && inner.structure.is_none() {
            return Err(SourceError::Format("it is no SDMX-JSON data message: it has no structure".to_owned()));
        }
        Ok(inner)
    }

    fn structure(&self, index: usize) -> Option<&Structure> {
        self.structures.get(index).or(self.structure.as_ref().filter(|_| index == 0))
    }

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

/// Dimensions that have one value in the whole data set.
fn fixed(dimensions: &[Component], fields: &mut Fields) {
    for dimension in dimensions {
        fields.extend(dimension.values.first().map(|value| (dimension.id.clone(), value.clone())));
    }
}

/// The values at the positions of a key such as `0:3:1`.
fn positions(dimensions: &[Component], key: &str, fields: &mut Fields) -> Result<(), String> {
    let parts: Vec<&str> = key.split(':').collect();
    if parts.len() != dimensions.len() {
        return Err(format!(
            "the key `{key}` has {} parts, and there are {} dimensions",
            parts.len(),
            dimensions.len()
        ));
    }
    for (part, dimension) in parts.iter().zip(dimensions) {
        let value = part.parse::<usize>().ok().and_then(|position| dimension.values.get(position));
        let value = value.ok_or_else(|| format!("the key `{key}`: `{}` has no value `{part}`", dimension.id))?;
        fields.push((dimension.id.clone(), value.clone()));
    }
    Ok(())
}

/// Attributes' values: positions where they are listed, texts otherwise.
fn attributes(components: &[Component], values: &[Value], fields: &mut Fields) -> Result<(), String> {
    for (component, value) in components.iter().zip(values) {
        let listed = value.as_u64().filter(|_| !component.values.is_empty());
        let value = match listed {
            Some(position) => {
                let value = usize::try_from(position).ok().and_then(|position| component.values.get(position));
                Some(value.ok_or_else(|| format!("`{}` has no value {position}", component.id))?.clone())
            }
            None => text(value),
        };
        fields.extend(value.map(|value| (component.id.clone(), value)));
    }
    Ok(())
}
