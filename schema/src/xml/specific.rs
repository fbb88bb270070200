//! SDMX-ML 2.1 and 3.0 structure-specific data messages.

use std::io;

use quick_xml::events::{BytesStart, Event};

use super::data::{Naming, Out, allowed, header, start};
use super::v3_0::declaration;
use super::writer::{About, Form};
use crate::data::history::Dissemination;
use crate::data::{Columns, attribute, number_text};
use crate::dataset::DatasetSchema;

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

/// SDMX-ML, structure-specific, of a version.
pub(crate) struct Specific(pub(crate) Version);

impl Form for Specific {
    const MESSAGE: &'static str = "mes:StructureSpecificData";
    const SERIES: &'static str = "Series";

    fn open_message(&self, about: &About, out: &mut Out<'_>) -> io::Result<()> {
        let namespace = namespace(&about.schema, about.at_observation());
        let version = self.0;
        declaration(out)?;
        let namespaces = [
            ("xmlns:mes", version.message),
            ("xmlns:com", version.common),
            ("xmlns:ss", version.specific),
            ("xmlns:ns1", &namespace),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ];
        start(out, Self::MESSAGE, &namespaces)?;
        header(out, &about.header, &about.schema, version.naming, Some(&namespace), about.at_observation())
    }

    fn open_set(&self, about: &About, set: Option<&Dissemination>, out: &mut Out<'_>) -> io::Result<()> {
        let mut attributes =
            vec![("ss:structureRef", about.schema.dataflow.id.as_str()), ("xsi:type", "ns1:DataSetType")];
        if self.0.scoped {
            attributes.push(("ss:dataScope", "DataStructure"));
        }
        attributes.push(("ss:action", if set.is_some() { "Replace" } else { "Information" }));
        if let Some(set) = set {
            attributes.push(("ss:validFromDate", &set.valid_from));
            attributes.extend(set.valid_to.as_deref().map(|to| ("ss:validToDate", to)));
        }
        start(out, "mes:DataSet", &attributes)
    }

    fn open_series(&self, about: &About, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        let mut series = BytesStart::new(Self::SERIES);
        for (component, column) in about.schema.dimensions.iter().zip(&columns.dimensions) {
            series.push_attribute((component.id.as_str(), column.value(row)));
        }
        out.write_event(Event::Start(series))
    }

    fn observation(&self, about: &About, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        let mut observation = BytesStart::new("Obs");
        if about.layout.flat {
            for (component, column) in about.schema.dimensions.iter().zip(&columns.dimensions) {
                observation.push_attribute((component.id.as_str(), column.value(row)));
            }
        }
        observation.push_attribute((about.schema.time.id.as_str(), columns.time.value(row)));
        if let Some(value) = columns.value(row).filter(|_| about.layout.measure) {
            observation.push_attribute((about.schema.measure.id.as_str(), number_text(value).as_str()));
        }
        for (component, column) in about.schema.attributes.iter().zip(&columns.attributes) {
            if let Some(value) = attribute(column, row) {
                observation.push_attribute((component.id.as_str(), allowed(value).as_ref()));
            }
        }
        out.write_event(Event::Empty(observation))
    }
}
