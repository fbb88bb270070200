//! Reads SDMX-ML data messages: generic and structure-specific, 2.1 and 3.0, by series or flat.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::reading::{attribute, resolve};
use crate::rows::{Bounded, Observations, SourceError};

/// Deepest element: the standard's own messages have fewer than twelve levels.
const MAX_DEPTH: usize = 64;
/// Most groups with attributes of their own.
const MAX_GROUPS: usize = 1_000_000;
/// Namespaces whose attributes are not components.
const PREFIXES: [&str; 3] = ["xmlns", "xsi", "xml"];

/// Attributes of a data set that are not components, mostly with a prefix.
const OWN: [&str; 11] = [
    "structureRef",
    "dataScope",
    "action",
    "setID",
    "validFromDate",
    "validToDate",
    "publicationYear",
    "publicationPeriod",
    "reportingBeginDate",
    "reportingEndDate",
    "REPORTING_YEAR_START_DAY",
];
/// Elements of a message beside its data sets.
const TOP: [&str; 2] = ["Header", "Footer"];
/// Elements of a data set that hold values.
const PARTS: [&str; 4] = ["SeriesKey", "ObsKey", "GroupKey", "Attributes"];
/// Elements of a data set that hold no figures.
const OPAQUE: [&str; 3] = ["Annotations", "DataProvider", "Metadata"];

type Fields = Vec<(String, String)>;

/// What stands at the elements that hold others: the attributes of the data set, the series, the observation.
#[derive(Default)]
struct Parts {
    set: Fields,
    series: Fields,
    observation: Fields,
    group: Fields,
    /// How many fields of the group are its key.
    group_key: usize,
}

/// Reads the message; `out` gets every observation, and the dataflow's or structure's reference before the first.
pub fn read(input: impl Read, out: &mut dyn Observations) -> Result<(), SourceError> {
    let mut reader = Reader::from_reader(BufReader::new(Bounded::xml(input)));
    let mut message = Message::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = next(&mut reader, &mut buffer, out.seen())?;
        let (position, seen) = (reader.buffer_position(), out.seen());
        let place = |error| at(error, position, seen);
        let flow = match &event {
            Event::Start(start) => message.start(start, false, out),
            Event::Empty(start) => message.start(start, true, out).and_then(|flow| match flow {
                ControlFlow::Continue(()) => message.end(start.local_name().as_ref(), out),
                stop => Ok(stop),
            }),
            Event::End(end) => message.end(end.local_name().as_ref(), out),
            Event::DocType(_) => Err(SourceError::Format("it has a document type, which is refused".to_owned())),
            Event::Eof if message.whole => return Ok(()),
            Event::Eof => Err(SourceError::Format("it ends before its message does".to_owned())),
            text => resolve(text).and_then(|text| message.text(&text)).map(ControlFlow::Continue),
        };
        if flow.map_err(place)?.is_break() {
            return Ok(());
        }
    }
}

fn next<'b, R: BufRead>(reader: &mut Reader<R>, buffer: &'b mut Vec<u8>, seen: u64) -> Result<Event<'b>, SourceError> {
    match reader.read_event_into(buffer) {
        Ok(event) => Ok(event),
        Err(quick_xml::Error::Io(error)) => {
            let error = std::io::Error::new(error.kind(), error.to_string());
            let limit = error.to_string().contains("a text of more than");
            if limit { Err(SourceError::TooLarge(error.to_string())) } else { Err(SourceError::Read(error)) }
        }
        // What is no text is found before it is known where in the text it stands.
        Err(error @ quick_xml::Error::Encoding(_)) => {
            Err(at(SourceError::Format(error.to_string()), reader.buffer_position(), seen))
        }
        Err(error) => Err(at(SourceError::Format(error.to_string()), reader.error_position(), seen)),
    }
}

/// Says where it is wrong.
fn at(error: SourceError, position: u64, seen: u64) -> SourceError {
    match error {
        SourceError::Format(why) => SourceError::At { byte: position, seen, why },
        other => other,
    }
}

/// What a generic message says at an element: a component and its value.
fn generic_value(start: &BytesStart<'_>, name: &str) -> Result<(String, String), SourceError> {
    let without = |what: &str| SourceError::Format(format!("a `{name}` has no `{what}`: it would be lost"));
    let id = attribute(start, "id")?.map_or_else(
        || match name {
            "ObsValue" => Ok("OBS_VALUE".to_owned()),
            "ObsDimension" => Ok("TIME_PERIOD".to_owned()),
            _ => Err(without("id")),
        },
        Ok,
    )?;
    let value = attribute(start, "value")?.ok_or_else(|| without("value"))?;
    Ok((id, value))
}

#[derive(Default)]
struct Message {
    parts: Parts,
    groups: HashMap<Vec<String>, HashMap<Vec<String>, Fields>>,
    /// Groups of structure-specific messages: which of their attributes are the key is known from the first observation.
    raw_groups: Vec<Fields>,
    grouped: usize,
    depth: usize,
    /// Names of the elements that are open, from the data set on; generic values are told apart by them.
    path: Vec<String>,
    text: String,
    texts: bool,
    generic: bool,
    whole: bool,
}

impl Message {
    fn start(
        &mut self,
        start: &BytesStart<'_>,
        empty: bool,
        out: &mut dyn Observations,
    ) -> Result<ControlFlow<()>, SourceError> {
        let name = start.local_name().as_ref().to_owned();
        if !empty {
            self.depth += 1;
        }
        if self.depth > MAX_DEPTH {
            return Err(SourceError::TooLarge(format!("its elements are nested more than {MAX_DEPTH} deep")));
        }
        match name.as_str() {
            "GenericData" | "GenericTimeSeriesData" => self.generic = true,
            "StructureUsage" | "URN" | "Structure" if self.path.is_empty() => {
                (self.texts, self.text) = (true, String::new());
            }
            "Ref" if self.path.is_empty() => {
                if let (Some(agency), Some(id)) = (attribute(start, "agencyID")?, attribute(start, "id")?) {
                    let version = attribute(start, "version")?.map_or(String::new(), |v| format!("({v})"));
                    out.structure(&format!("{agency}:{id}{version}"));
                }
            }
            "DataSet" => {
                if let Some(action) =
                    attribute(start, "action")?.filter(|action| matches!(action.as_str(), "Delete" | "D"))
                {
                    return Err(SourceError::Format(format!(
                        "its data set has the action `{action}`: only figures are imported"
                    )));
                }
                self.parts = Parts { set: self.fields(start, true)?, ..Parts::default() };
                self.groups.clear();
                self.raw_groups.clear();
                self.path.push(name);
            }
            "Series" if !self.path.is_empty() => {
                self.parts.series = self.fields(start, false)?;
                self.path.push(name);
            }
            "Obs" if !self.path.is_empty() => {
                self.parts.observation = self.fields(start, false)?;
                self.path.push(name);
            }
            "Group" if !self.path.is_empty() => {
                self.parts.group = self.fields(start, false)?;
                self.parts.group_key = 0;
                self.path.push(name);
            }
            _ if self.path.is_empty() => self.check_top(&name, empty)?,
            "Value" | "ObsValue" | "ObsDimension" if self.generic => {
                let (id, value) = generic_value(start, &name)?;
                self.put(id, value);
                self.path.push(name);
            }
            // 3.0 writes what has several values as elements; the exchange's components have one.
            "Comp" => {
                self.path.push(name);
                self.path.push(attribute(start, "id")?.unwrap_or_default());
            }
            "Value" => {
                (self.texts, self.text) = (true, String::new());
                self.path.push(name);
            }
            _ => {
                self.check_part(&name)?;
                self.path.push(name);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A text, where one belongs. Elsewhere it may be an element whose first bracket is lost.
    fn text(&mut self, text: &str) -> Result<(), SourceError> {
        if self.texts {
            self.text.push_str(text);
            return Ok(());
        }
        let within =
            self.depth <= 1 || !self.path.is_empty() && !self.path.iter().any(|open| OPAQUE.contains(&open.as_str()));
        let text = text.trim_start_matches('\u{feff}').trim();
        if within && !text.is_empty() {
            let text: String = text.chars().take(40).collect();
            return Err(SourceError::Format(format!(
                "the text `{text}` stands where none belongs: a figure may be lost in it"
            )));
        }
        Ok(())
    }

    /// Refuses an element of a message that is none of the standards', likewise.
    fn check_top(&self, name: &str, empty: bool) -> Result<(), SourceError> {
        let top = self.depth + usize::from(empty) == 2;
        if !top || TOP.contains(&name) {
            return Ok(());
        }
        Err(SourceError::Format(format!("`{name}` is no part of a data message: its figures would be lost")))
    }

    /// Refuses an element of a data set that is none of the standards': what it holds would be lost.
    fn check_part(&self, name: &str) -> Result<(), SourceError> {
        let open = self.path.iter().any(|open| OPAQUE.contains(&open.as_str()));
        if open || OPAQUE.contains(&name) || PARTS.contains(&name) {
            return Ok(());
        }
        Err(SourceError::Format(format!("`{name}` is no part of a data set: its figures would be lost")))
    }

    /// The element's attributes that are components.
    fn fields(&self, start: &BytesStart<'_>, set: bool) -> Result<Fields, SourceError> {
        let mut fields = Fields::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| SourceError::Format(error.to_string()))?;
            let key = attribute.key.as_ref();
            // These belong to the message. Nothing else is left out, so that a name that is damaged is told.
            let (prefix, local) = key.split_once(':').unwrap_or(("", key));
            let own = PREFIXES.contains(&prefix) || key == "xmlns" || local == "type" || set && OWN.contains(&local);
            if own || self.generic {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| SourceError::Format(error.to_string()))?;
            fields.push((key.to_owned(), value.into_owned()));
        }
        Ok(fields)
    }

    /// Puts a generic value where its element stands.
    fn put(&mut self, id: String, value: String) {
        let within = |name: &str| self.path.iter().any(|open| open == name);
        let fields = if within("Obs") {
            &mut self.parts.observation
        } else if within("Series") {
            &mut self.parts.series
        } else if within("Group") {
            self.parts.group_key += usize::from(within("GroupKey"));
            &mut self.parts.group
        } else {
            &mut self.parts.set
        };
        fields.push((id, value));
    }

    fn end(&mut self, name: &str, out: &mut dyn Observations) -> Result<ControlFlow<()>, SourceError> {
        self.depth = self.depth.saturating_sub(1);
        self.whole |= self.depth == 0;
        if self.path.is_empty() {
            if std::mem::take(&mut self.texts) && !self.text.trim().is_empty() {
                out.structure(self.text.trim());
            }
            return Ok(ControlFlow::Continue(()));
        }
        self.path.pop();
        match name {
            "Comp" => _ = self.path.pop(),
            "Value" if std::mem::take(&mut self.texts) => {
                let value = std::mem::take(&mut self.text);
                if let Some(id) = self.path.last().cloned() {
                    self.put(id, value);
                }
            }
            "Group" => self.end_group()?,
            "Series" => self.parts.series.clear(),
            "Obs" => {
                let flow = self.hand_on(out)?;
                self.parts.observation.clear();
                return Ok(flow);
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn end_group(&mut self) -> Result<(), SourceError> {
        self.grouped += 1;
        if self.grouped > MAX_GROUPS {
            return Err(SourceError::TooLarge(format!("it has more than {MAX_GROUPS} groups")));
        }
        let mut group = std::mem::take(&mut self.parts.group);
        if self.generic {
            let rest = group.split_off(self.parts.group_key.min(group.len()));
            self.keep_group(group, rest);
        } else {
            self.raw_groups.push(group);
        }
        Ok(())
    }

    /// Keeps a group's attributes by its key.
    fn keep_group(&mut self, key: Fields, attributes: Fields) {
        let (ids, values): (Vec<_>, Vec<_>) = key.into_iter().unzip();
        self.groups.entry(ids).or_default().entry(values).or_default().extend(attributes);
    }

    fn hand_on(&mut self, out: &mut dyn Observations) -> Result<ControlFlow<()>, SourceError> {
        for group in std::mem::take(&mut self.raw_groups) {
            let own = self.parts.series.iter().chain(&self.parts.observation);
            let ids: Vec<&String> = own.map(|(id, _)| id).collect();
            let (key, attributes) = group.into_iter().partition(|(id, _)| ids.contains(&id));
            self.keep_group(key, attributes);
        }
        let parts = &self.parts;
        let own = || parts.series.iter().chain(&parts.observation);
        let value = |id: &String| own().find(|(known, _)| known == id).map(|(_, value)| value.clone());
        let mut grouped: Vec<&Fields> = Vec::new();
        for (ids, groups) in &self.groups {
            if let Some(values) = ids.iter().map(value).collect::<Option<Vec<_>>>() {
                grouped.extend(groups.get(&values));
            }
        }
        let all = parts.set.iter().chain(grouped.into_iter().flatten()).chain(own());
        out.observation(&mut all.map(|(id, value)| (id.as_str(), value.as_str())))
    }
}
