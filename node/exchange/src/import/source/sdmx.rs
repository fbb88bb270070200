//! SDMX-ML and SDMX-JSON data messages. Which components a message has is known at its end only, so it is read twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::ops::ControlFlow;

use chancery_schema::dataset::DatasetSchema;
use chancery_schema::json::data_reader::Outline;
use chancery_schema::rows::{MAX_FIELDS, Observations, RowBatch, RowSource, SourceError};
use chancery_schema::xml::data_reader as xml;

use super::{Counted, Found, Progress};

/// The grammar of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Xml,
    Json,
}

/// A message's observations: a column for each component.
pub(super) struct SdmxSource {
    file: File,
    grammar: Grammar,
    outline: Option<Outline>,
    progress: Progress,
    headings: Vec<String>,
}

impl SdmxSource {
    /// Opens a message; of the components that are `wanted`, those it does not have are empty.
    pub(super) fn open(
        file: File,
        grammar: Grammar,
        progress: &Progress,
        wanted: impl Iterator<Item = String>,
        found: &mut Vec<Found>,
        said: &mut Option<Said>,
    ) -> Result<Self, SourceError> {
        let outline = match grammar {
            Grammar::Json => Some(Outline::read(&file)?),
            Grammar::Xml => None,
        };
        let mut source = Self { file, grammar, outline, progress: progress.clone(), headings: Vec::new() };
        let mut components = Components::default();
        source.progress.expect(2 * progress.expected());
        source.observe(&mut components)?;
        found.extend(components.structure.as_ref().map(|structure| Found::new("structure", structure)));
        source.headings = components.ids.iter().map(|(id, _)| id.clone()).collect();
        *said = components.structure.map(|structure| Said { structure, components: components.ids });
        // A message leaves out what none of its observations has.
        let absent: Vec<String> = wanted.filter(|id| !source.headings.contains(id)).collect();
        source.headings.extend(absent);
        if components.seen == 0 {
            return Err(SourceError::Format("it is no SDMX data message, or one without observations".to_owned()));
        }
        Ok(source)
    }

    fn observe(&mut self, out: &mut dyn Observations) -> Result<(), SourceError> {
        self.file.rewind().map_err(SourceError::Read)?;
        let input: Box<dyn Read + '_> = Box::new(Counted { inner: &self.file, progress: self.progress.clone() });
        let read = match &self.outline {
            Some(outline) => outline.observations(input, out),
            None => xml::read(input, out),
        };
        read.map_err(|error| match error {
            SourceError::At { byte, seen, why } => {
                let line = self.line_of(byte).map_or_else(String::new, |line| format!("line {line}, "));
                SourceError::Format(format!("{line}byte {byte}, after {seen} observations: {why}"))
            }
            other => other,
        })
    }

    /// The line that a byte of the file stands on, for messages.
    fn line_of(&mut self, byte: u64) -> Option<u64> {
        self.file.rewind().ok()?;
        let (mut before, mut buffer, mut line) = ((&self.file).take(byte), vec![0; 64 << 10], 1);
        loop {
            match before.read(&mut buffer).ok()? {
                0 => return Some(line),
                n => line += buffer[..n].iter().filter(|byte| **byte == b'\n').count() as u64,
            }
        }
    }

    /// For messages: the grammar's name.
    fn name(&self) -> &'static str {
        match self.grammar {
            Grammar::Xml => "SDMX-ML",
            Grammar::Json => "SDMX-JSON",
        }
    }
}

/// What a message says of itself.
pub(crate) struct Said {
    /// The dataflow or structure that it is of.
    structure: String,
    /// Its components, and the observation that had each first.
    components: Vec<(String, u64)>,
}

impl Said {
    /// Components that a message of this dataflow cannot have: a damaged or mistaken name would be a value that is lost. Of a message of
    /// another structure the mapping takes what it wants.
    pub(crate) fn strange<'a>(&'a self, schema: &'a DatasetSchema) -> impl Iterator<Item = (&'a str, u64)> {
        let said = self.structure.rsplit_once('=').map_or(self.structure.as_str(), |(_, reference)| reference);
        let said = said.split_once('(').map_or(said, |(reference, _)| reference);
        let ours = [&schema.dataflow, &schema.structure].iter().any(|own| said == format!("{}:{}", own.agency, own.id));
        let components = self.components.iter().filter(move |(id, _)| ours && schema.component(id).is_none());
        components.map(|(id, row)| (id.as_str(), *row))
    }
}

/// Finds out which components a message has.
#[derive(Default)]
struct Components {
    structure: Option<String>,
    ids: Vec<(String, u64)>,
    seen: u64,
}

impl Observations for Components {
    fn structure(&mut self, reference: &str) {
        self.structure.get_or_insert_with(|| reference.chars().take(400).collect());
    }

    fn observation(&mut self, fields: &mut dyn Iterator<Item = (&str, &str)>) -> Result<ControlFlow<()>, SourceError> {
        self.seen += 1;
        for (id, _) in fields {
            if !self.ids.iter().any(|(known, _)| known == id) {
                self.ids.push((id.to_owned(), self.seen));
            }
        }
        if self.ids.len() > MAX_FIELDS {
            return Err(SourceError::TooLarge(format!("it has more than {MAX_FIELDS} components")));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn seen(&self) -> u64 {
        self.seen
    }
}

/// Hands observations on as rows.
struct Rows<'a> {
    positions: HashMap<&'a str, usize>,
    row: Vec<String>,
    batch: RowBatch,
    seen: u64,
    sink: &'a mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>,
}

impl Observations for Rows<'_> {
    fn structure(&mut self, _: &str) {}

    fn observation(&mut self, fields: &mut dyn Iterator<Item = (&str, &str)>) -> Result<ControlFlow<()>, SourceError> {
        self.seen += 1;
        self.row.iter_mut().for_each(String::clear);
        for (id, value) in fields {
            let cell = self.positions.get(id).and_then(|position| self.row.get_mut(*position));
            let cell =
                cell.ok_or_else(|| SourceError::Format(format!("it changed while it was read: `{id}` is new")))?;
            value.clone_into(cell);
        }
        self.row.iter().for_each(|text| self.batch.field(text));
        self.batch.end_row(self.seen);
        Ok(self.batch.hand_on_full(&mut self.sink))
    }

    fn seen(&self) -> u64 {
        self.seen
    }
}

impl RowSource for SdmxSource {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let headings = self.headings.clone();
        let mut stopped = false;
        let mut watched = |batch: &mut RowBatch| {
            let flow = sink(batch);
            stopped = flow.is_break();
            flow
        };
        let mut rows = Rows {
            positions: headings.iter().enumerate().map(|(position, id)| (id.as_str(), position)).collect(),
            row: vec![String::new(); headings.len()],
            batch: RowBatch::default(),
            seen: 0,
            sink: &mut watched,
        };
        let name = self.name();
        self.observe(&mut rows).map_err(|error| match error {
            SourceError::Format(why) => SourceError::Format(format!("{name}: {why}")),
            other => other,
        })?;
        let mut last = std::mem::take(&mut rows.batch);
        drop(rows);
        if !stopped && !last.is_empty() {
            let _ = sink(&mut last);
        }
        Ok(())
    }
}
