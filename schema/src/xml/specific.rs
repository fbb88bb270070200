//! SDMX-ML 2.1 and 3.0 structure-specific data messages.

use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;
use quick_xml::Writer;
use quick_xml::events::{BytesStart, Event};

use super::data::{Naming, Out, allowed, end, end_set, failed, header, start};
use super::v3_0::declaration;
use crate::data::history::Dissemination;
use crate::data::{Columns, DataWriter, Layout, Series, Step, WriteError, attribute, number_text};
use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// What the versions differ in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    /// Namespace of messages.
    pub(crate) message: &'static str,
    /// Namespace of common types.
    pub(crate) common: &'static str,
    /// Namespace of structure-specific data sets.
    pub(crate) specific: &'static str,
    naming: Naming,
    /// Whether a data set says what it is scoped by.
    scoped: bool,
}

/// The namespace of a dataflow's own types.
pub(crate) fn namespace(schema: &DatasetSchema, at_observation: &str) -> String {
    format!("{}:ObsLevelDim:{at_observation}", schema.dataflow.urn("datastructure.Dataflow"))
}

/// 2.1.
pub(crate) const V2_1: Version = Version {
    message: "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message",
    common: "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common",
    specific: "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific",
    naming: Naming::Ref,
    scoped: true,
};

/// 3.0.
pub(crate) const V3_0: Version = Version {
    message: super::v3_0::MESSAGE,
    common: super::v3_0::COMMON,
    specific: "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/data/structurespecific",
    naming: Naming::Urn,
    scoped: false,
};

/// Writes SDMX-ML, structure-specific.
pub struct SpecificWriter {
    schema: Arc<DatasetSchema>,
    header: MessageHeader,
    layout: Layout,
    version: Version,
    begun: bool,
    series: Series,
    /// The dissemination that the data set is of, if they are told apart.
    set: Option<Dissemination>,
}

impl SpecificWriter {
    pub(crate) fn new(schema: Arc<DatasetSchema>, header: MessageHeader, layout: Layout, version: Version) -> Self {
        Self { schema, header, layout, version, begun: false, series: Series::default(), set: None }
    }

    fn begin(&mut self, out: &mut Out<'_>) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let namespace = namespace(&self.schema, self.at_observation());
        let version = self.version;
        declaration(out)?;
        start(
            out,
            "mes:StructureSpecificData",
            &[
                ("xmlns:mes", version.message),
                ("xmlns:com", version.common),
                ("xmlns:ss", version.specific),
                ("xmlns:ns1", &namespace),
                ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
            ],
        )?;
        header(out, &self.header, &self.schema, version.naming, Some(&namespace), self.at_observation())?;
        self.open_set(out)
    }

    fn open_set(&self, out: &mut Out<'_>) -> io::Result<()> {
        let mut attributes =
            vec![("ss:structureRef", self.schema.dataflow.id.as_str()), ("xsi:type", "ns1:DataSetType")];
        if self.version.scoped {
            attributes.push(("ss:dataScope", "DataStructure"));
        }
        attributes.push(("ss:action", if self.set.is_some() { "Replace" } else { "Information" }));
        if let Some(set) = &self.set {
            attributes.push(("ss:validFromDate", &set.valid_from));
            attributes.extend(set.valid_to.as_deref().map(|to| ("ss:validToDate", to)));
        }
        start(out, "mes:DataSet", &attributes)
    }

    fn at_observation(&self) -> &str {
        if self.layout.flat { "AllDimensions" } else { &self.schema.time.id }
    }

    fn open(&self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        let mut series = BytesStart::new("Series");
        for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
            series.push_attribute((component.id.as_str(), column.value(row)));
        }
        out.write_event(Event::Start(series))
    }

    fn observation(&self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
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

    fn row(&mut self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        if !self.layout.flat {
            let step = self.series.step(columns, row);
            if step == Step::Next {
                end(out, "Series")?;
            }
            if step != Step::Same {
                self.open(out, columns, row)?;
            }
        }
        if self.layout.observations { self.observation(out, columns, row) } else { Ok(()) }
    }
}

impl DataWriter for SpecificWriter {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let columns = Columns::of(batch, &self.schema)?;
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        (0..batch.num_rows()).try_for_each(|row| self.row(&mut out, &columns, row)).map_err(failed)?;
        self.series.end_batch(&columns, batch.num_rows());
        Ok(())
    }

    fn next_set(&mut self, set: &Dissemination, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = Writer::new(out);
        self.set = Some(set.clone());
        if !self.begun {
            return self.begin(&mut out).map_err(failed);
        }
        end_set(&mut out, self.series.is_open().then_some("Series")).map_err(failed)?;
        self.series = Series::default();
        self.open_set(&mut out).map_err(failed)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        end_set(&mut out, self.series.is_open().then_some("Series")).map_err(failed)?;
        end(&mut out, "mes:StructureSpecificData").map_err(failed)
    }
}
