//! SDMX-ML data messages as they are written, whatever their form.

use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;
use quick_xml::Writer;

use super::data::{Out, end, failed};
use crate::data::history::Dissemination;
use crate::data::{Columns, DataWriter, Layout, Series, Step, WriteError};
use crate::dataset::DatasetSchema;
use crate::message::MessageHeader;

/// What a message is of.
pub(crate) struct About {
    pub(crate) schema: Arc<DatasetSchema>,
    pub(crate) header: MessageHeader,
    pub(crate) layout: Layout,
}

impl About {
    /// What tells observations of a series apart.
    pub(crate) fn at_observation(&self) -> &str {
        if self.layout.flat { "AllDimensions" } else { &self.schema.time.id }
    }
}

/// How a form of message writes its parts.
pub(crate) trait Form: Send {
    /// The element of a message.
    const MESSAGE: &'static str;
    /// The element of a series.
    const SERIES: &'static str;

    /// The beginning of a message, with its header.
    fn open_message(&self, about: &About, out: &mut Out<'_>) -> io::Result<()>;

    /// The beginning of a data set, of one dissemination if they are told apart.
    fn open_set(&self, about: &About, set: Option<&Dissemination>, out: &mut Out<'_>) -> io::Result<()>;

    /// The beginning of the series of a row.
    fn open_series(&self, about: &About, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()>;

    /// The observation of a row.
    fn observation(&self, about: &About, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()>;
}

/// Writes SDMX-ML data messages.
pub(crate) struct MessageWriter<F> {
    form: F,
    about: About,
    begun: bool,
    series: Series,
    /// The dissemination that the data set is of, if they are told apart.
    set: Option<Dissemination>,
}

impl<F: Form> MessageWriter<F> {
    pub(crate) fn new(form: F, schema: Arc<DatasetSchema>, header: MessageHeader, layout: Layout) -> Self {
        Self { form, about: About { schema, header, layout }, begun: false, series: Series::default(), set: None }
    }

    fn begin(&mut self, out: &mut Out<'_>) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.form.open_message(&self.about, out)?;
        self.open_set(out)
    }

    fn open_set(&self, out: &mut Out<'_>) -> io::Result<()> {
        self.form.open_set(&self.about, self.set.as_ref(), out)
    }

    fn end_set(&self, out: &mut Out<'_>) -> io::Result<()> {
        if self.series.is_open() {
            end(out, F::SERIES)?;
        }
        end(out, "mes:DataSet")
    }

    fn row(&mut self, out: &mut Out<'_>, columns: &Columns<'_>, row: usize) -> io::Result<()> {
        if !self.about.layout.flat {
            let step = self.series.step(columns, row);
            if step == Step::Next {
                end(out, F::SERIES)?;
            }
            if step != Step::Same {
                self.form.open_series(&self.about, out, columns, row)?;
            }
        }
        if self.about.layout.observations { self.form.observation(&self.about, out, columns, row) } else { Ok(()) }
    }
}

impl<F: Form> DataWriter for MessageWriter<F> {
    fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let schema = Arc::clone(&self.about.schema);
        let columns = Columns::of(batch, &schema)?;
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
        self.end_set(&mut out).map_err(failed)?;
        self.series = Series::default();
        self.open_set(&mut out).map_err(failed)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut out = Writer::new(out);
        self.begin(&mut out).map_err(failed)?;
        self.end_set(&mut out).map_err(failed)?;
        end(&mut out, F::MESSAGE).map_err(failed)
    }
}
