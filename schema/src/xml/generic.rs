//! SDMX-ML 2.1 generic data messages (SDMX 2.1, section 3A, part IV).

use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;
use quick_xml::Writer;

use super::data::{Naming, Out, allowed, empty, end, end_set, failed, header, start};
use super::specific::V2_1;
use super::v3_0::declaration;
use crate::data::history::Dissemination;
use crate::data::{Columns, DataWriter, Layout, Series, Step, WriteError, attribute, number_text};
use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// Namespace of generic data sets.
const GENERIC: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic";

/// Writes SDMX-ML 2.1, generic.
pub struct GenericWriter {
    schema: Arc<DatasetSchema>,
    header: MessageHeader,
    layout: Layout,
    begun: bool,
    series: Series,
    /// The dissemination that the data set is of, if they are told apart.
    set: Option<Dissemination>,
}

impl GenericWriter {
    pub(crate) fn new(schema: Arc<DatasetSchema>, header: MessageHeader, layout: Layout) -> Self {
        Self { schema, header, layout, begun: false, series: Series::default(), set: None }
    }

    fn begin(&mut self, out: &mut Out<'_>) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        declaration(out)?;
        start(
            out,
            "mes:GenericData",
            &[("xmlns:mes", V2_1.message), ("xmlns:com", V2_1.common), ("xmlns:gen", GENERIC)],
        )?;
        let at_observation = if self.layout.flat { "AllDimensions" } else { &self.schema.time.id };
        header(out, &self.header, &self.schema, Naming::Ref, None, at_observation)?;
        self.open_set(out)
    }

    fn open_set(&self, out: &mut Out<'_>) -> io::Result<()> {
        let action = if self.set.is_some() { "Replace" } else { "Information" };
        let mut attributes = vec![("structureRef", self.schema.dataflow.id.as_str()), ("action", action)];
        if let Some(set) = &self.set {
            attributes.push(("validFromDate", &set.valid_from));
            attributes.extend(set.valid_to.as_deref().map(|to| ("validToDate", to)));
        }
        start(out, "mes:DataSet", &attributes)
    }

    fn value(out: &mut Out<'_>, id: &str, value: &str) -> io::Result<()> {
        empty(out, "gen:Value", &[("id", id), ("value", value)])
    }

    fn key(&self, out: &mut Out<'_>, element: &str, columns: &Columns<'_>, row: usize, time: bool) -> io::Result<()> {
        start(out, element, &[])?;
        for (component, column) in self.schema.dimensions.iter().zip(&columns.dimensions) {
            Self::value(out, &component.id, column.value(row))?;
        }
        if time {
            Self::value(out, &self.schema.time.id, columns.time.value(row))?;
        }
        end(out, element)
    }

    fn observation(&self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        start(out, "gen:Obs", &[])?;
        if self.layout.flat {
            self.key(out, "gen:ObsKey", columns, row, true)?;
        } else {
            empty(out, "gen:ObsDimension", &[("value", columns.time.value(row))])?;
        }
        if let Some(value) = columns.value(row).filter(|_| self.layout.measure) {
            empty(out, "gen:ObsValue", &[("value", &number_text(value))])?;
        }
        let given = self.schema.attributes.iter().zip(&columns.attributes);
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

    fn row(&mut self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        if !self.layout.flat {
            let step = self.series.step(columns, row);
            if step == Step::Next {
                end(out, "gen:Series")?;
            }
            if step != Step::Same {
                start(out, "gen:Series", &[])?;
                self.key(out, "gen:SeriesKey", columns, row, false)?;
            }
        }
        if self.layout.observations { self.observation(out, columns, row) } else { Ok(()) }
    }
}

impl DataWriter for GenericWriter {
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
        end_set(&mut out, self.series.is_open().then_some("gen:Series")).map_err(failed)?;
        self.series = Series::default();
        self.open_set(&mut out).map_err(failed)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        end_set(&mut out, self.series.is_open().then_some("gen:Series")).map_err(failed)?;
        end(&mut out, "mes:GenericData").map_err(failed)
    }
}
