//! SDMX-ML 3.0 structure-specific data messages.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::{COMMON, MESSAGE, declaration, text};
use crate::data::{Columns, DataWriter, Layout, Series, Step, WriteError, attribute, number_text};
use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// Namespace of structure-specific data sets.
const SPECIFIC: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/data/structurespecific";

/// Writes SDMX-ML 3.0.
pub struct XmlWriter {
    schema: DatasetSchema,
    header: MessageHeader,
    layout: Layout,
    begun: bool,
    series: Series,
}

type Out<'a> = Writer<&'a mut Vec<u8>>;

impl XmlWriter {
    pub(crate) fn new(schema: DatasetSchema, header: MessageHeader, layout: Layout) -> Self {
        Self { schema, header, layout, begun: false, series: Series::default() }
    }

    fn begin(&mut self, out: &mut Out<'_>) -> std::io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let urn = self.schema.dataflow.urn("datastructure.Dataflow");
        let namespace = format!("{urn}:ObsLevelDim:{}", self.at_observation());
        declaration(out)?;
        let root = BytesStart::new("mes:StructureSpecificData").with_attributes([
            ("xmlns:mes", MESSAGE),
            ("xmlns:com", COMMON),
            ("xmlns:ss", SPECIFIC),
            ("xmlns:ns1", namespace.as_str()),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ]);
        out.write_event(Event::Start(root))?;
        out.create_element("mes:Header").write_inner_content(|w| {
            text(w, "mes:ID", &self.header.id)?;
            text(w, "mes:Test", "false")?;
            text(w, "mes:Prepared", &self.header.prepared_text())?;
            w.create_element("mes:Sender")
                .with_attribute(("id", self.header.sender_id.as_str()))
                .write_inner_content(|w| text(w, "com:Name", &self.header.sender_name))?;
            w.create_element("mes:Structure")
                .with_attribute(("structureID", self.schema.dataflow.id.as_str()))
                .with_attribute(("namespace", namespace.as_str()))
                .with_attribute(("dimensionAtObservation", self.at_observation()))
                .write_inner_content(|w| text(w, "com:StructureUsage", &urn))?;
            Ok(())
        })?;
        let set = BytesStart::new("mes:DataSet").with_attributes([
            ("ss:structureRef", self.schema.dataflow.id.as_str()),
            ("xsi:type", "ns1:DataSetType"),
            ("ss:dataScope", "DataStructure"),
            ("action", "Information"),
        ]);
        out.write_event(Event::Start(set))
    }

    fn at_observation(&self) -> &'static str {
        if self.layout.flat { "AllDimensions" } else { "TIME_PERIOD" }
    }

    fn open(&self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> std::io::Result<()> {
        let mut series = BytesStart::new("Series");
        for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
            series.push_attribute((component.id.as_str(), column.value(row)));
        }
        out.write_event(Event::Start(series))
    }

    fn close(&self, out: &mut Out<'_>) -> std::io::Result<()> {
        out.write_event(Event::End(BytesEnd::new("Series")))
    }

    fn observation(&self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> std::io::Result<()> {
        let mut observation = BytesStart::new("Obs");
        if self.layout.flat {
            for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
                observation.push_attribute((component.id.as_str(), column.value(row)));
            }
        }
        observation.push_attribute((self.schema.time.id.as_str(), columns.time.value(row)));
        if let Some(value) = columns.value(row).filter(|_| self.layout.measure) {
            observation.push_attribute((self.schema.measure.id.as_str(), number_text(value).as_str()));
        }
        for (component, column) in self.schema.attributes.iter().zip(&columns.attributes) {
            if let Some(value) = attribute(column, row) {
                observation.push_attribute((component.id.as_str(), allowed(value).as_ref()));
            }
        }
        out.write_event(Event::Empty(observation))
    }

    fn row(&mut self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> std::io::Result<()> {
        if !self.layout.flat {
            let step = self.series.step(columns, row);
            if step == Step::Next {
                self.close(out)?;
            }
            if step != Step::Same {
                self.open(out, columns, row)?;
            }
        }
        if self.layout.observations { self.observation(out, columns, row) } else { Ok(()) }
    }
}

impl DataWriter for XmlWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let columns = Columns::of(batch, &self.schema)?;
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        (0..batch.num_rows()).try_for_each(|row| self.row(&mut out, &columns, row)).map_err(failed)?;
        self.series.end_batch(&columns, batch.num_rows());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        if self.series.is_open() {
            self.close(&mut out).map_err(failed)?;
        }
        out.write_event(Event::End(BytesEnd::new("mes:DataSet"))).map_err(failed)?;
        out.write_event(Event::End(BytesEnd::new("mes:StructureSpecificData"))).map_err(failed)
    }
}

/// Text without the characters XML 1.0 has no way to write; a peer's text may hold them, and one would spoil the message.
fn allowed(text: &str) -> Cow<'_, str> {
    let refused =
        |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(refused) { Cow::Owned(text.replace(refused, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

fn failed(error: std::io::Error) -> WriteError {
    WriteError::Write(error.to_string())
}
