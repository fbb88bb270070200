//! SDMX-ML 3.0 structure-specific data messages.

use arrow::array::RecordBatch;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::{COMMON, MESSAGE, declaration, text};
use crate::data::{Columns, DataWriter, WriteError, attribute, number_text};
use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// Namespace of structure-specific data sets.
const SPECIFIC: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/data/structurespecific";

/// Writes SDMX-ML 3.0.
pub struct XmlWriter {
    schema: DatasetSchema,
    header: MessageHeader,
    flat: bool,
    begun: bool,
    open_series: Option<Vec<String>>,
}

type Out<'a> = Writer<&'a mut Vec<u8>>;

impl XmlWriter {
    pub(crate) fn new(schema: DatasetSchema, header: MessageHeader, flat: bool) -> Self {
        Self { schema, header, flat, begun: false, open_series: None }
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
            w.create_element("mes:Sender").with_attribute(("id", self.header.sender_id.as_str())).write_empty()?;
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
        if self.flat { "AllDimensions" } else { "TIME_PERIOD" }
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
        if self.flat {
            for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
                observation.push_attribute((component.id.as_str(), column.value(row)));
            }
        }
        observation.push_attribute((self.schema.time.id.as_str(), columns.time.value(row)));
        if let Some(value) = columns.value(row) {
            observation.push_attribute((self.schema.measure.id.as_str(), number_text(value).as_str()));
        }
        for (component, column) in self.schema.attributes.iter().zip(&columns.attributes) {
            if let Some(value) = attribute(column, row) {
                observation.push_attribute((component.id.as_str(), value));
            }
        }
        out.write_event(Event::Empty(observation))
    }

    fn row(&mut self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> std::io::Result<()> {
        if !self.flat {
            let same = match (&self.open_series, row) {
                (None, _) => false,
                (Some(open), 0) => *open == columns.key(0),
                (Some(_), row) => columns.same_series(row - 1, row),
            };
            if !same {
                if self.open_series.is_some() {
                    self.close(out)?;
                }
                self.open(out, columns, row)?;
                self.open_series = Some(Vec::new());
            }
        }
        self.observation(out, columns, row)
    }
}

impl DataWriter for XmlWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let schema = self.schema.clone();
        let columns = Columns::of(batch, &schema)?;
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        (0..batch.num_rows()).try_for_each(|row| self.row(&mut out, &columns, row)).map_err(failed)?;
        if !self.flat && batch.num_rows() > 0 {
            self.open_series = Some(columns.key(batch.num_rows() - 1));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        if self.open_series.is_some() {
            self.close(&mut out).map_err(failed)?;
        }
        out.write_event(Event::End(BytesEnd::new("mes:DataSet"))).map_err(failed)?;
        out.write_event(Event::End(BytesEnd::new("mes:StructureSpecificData"))).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> WriteError {
    WriteError::Write(error.to_string())
}
