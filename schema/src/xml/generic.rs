//! SDMX-ML 2.1 generic data messages (SDMX 2.1, section 3A, part IV).

use std::io;

use super::data::{Naming, Out, allowed, empty, end, header, start};
use super::specific::V2_1;
use super::v3_0::declaration;
use super::writer::{About, Form};
use crate::data::history::Dissemination;
use crate::data::{Columns, attribute, number_text};

/// Namespace of generic data sets.
const GENERIC: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic";

/// SDMX-ML 2.1, generic.
pub(crate) struct Generic;

impl Generic {
    fn value(out: &mut Out<'_>, id: &str, value: &str) -> io::Result<()> {
        empty(out, "gen:Value", &[("id", id), ("value", value)])
    }

    fn key(
        about: &About,
        out: &mut Out<'_>,
        element: &str,
        columns: &Columns<'_>,
        row: usize,
        time: bool,
    ) -> io::Result<()> {
        start(out, element, &[])?;
        for (component, column) in about.schema.dimensions.iter().zip(&columns.dimensions) {
            Self::value(out, &component.id, column.value(row))?;
        }
        if time {
            Self::value(out, &about.schema.time.id, columns.time.value(row))?;
        }
        end(out, element)
    }
}

impl Form for Generic {
    const MESSAGE: &'static str = "mes:GenericData";
    const SERIES: &'static str = "gen:Series";

    fn open_message(&self, about: &About, out: &mut Out<'_>) -> io::Result<()> {
        declaration(out)?;
        let namespaces = [("xmlns:mes", V2_1.message), ("xmlns:com", V2_1.common), ("xmlns:gen", GENERIC)];
        start(out, Self::MESSAGE, &namespaces)?;
        header(out, &about.header, &about.schema, Naming::Ref, None, about.at_observation())
    }

    fn open_set(&self, about: &About, set: Option<&Dissemination>, out: &mut Out<'_>) -> io::Result<()> {
        let action = if set.is_some() { "Replace" } else { "Information" };
        let mut attributes = vec![("structureRef", about.schema.dataflow.id.as_str()), ("action", action)];
        if let Some(set) = set {
            attributes.push(("validFromDate", &set.valid_from));
            attributes.extend(set.valid_to.as_deref().map(|to| ("validToDate", to)));
        }
        start(out, "mes:DataSet", &attributes)
    }

    fn open_series(&self, about: &About, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        start(out, Self::SERIES, &[])?;
        Self::key(about, out, "gen:SeriesKey", columns, row, false)
    }

    fn observation(&self, about: &About, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        start(out, "gen:Obs", &[])?;
        if about.layout.flat {
            Self::key(about, out, "gen:ObsKey", columns, row, true)?;
        } else {
            empty(out, "gen:ObsDimension", &[("value", columns.time.value(row))])?;
        }
        if let Some(value) = columns.value(row).filter(|_| about.layout.measure) {
            empty(out, "gen:ObsValue", &[("value", &number_text(value))])?;
        }
        let given = about.schema.attributes.iter().zip(&columns.attributes);
        let mut given = given.filter_map(|(c, column)| Some((c.id.as_str(), attribute(column, row)?))).peekable();
        if given.peek().is_some() {
            start(out, "gen:Attributes", &[])?;
            for (id, text) in given {
                Self::value(out, id, &allowed(text))?;
            }
            end(out, "gen:Attributes")?;
        }
        end(out, "gen:Obs")
    }
}
