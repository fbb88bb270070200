//! Figures as a workbook: one sheet of figures, one that says what they are and where they come from. Rows go to a temporary file as
//! they come; the workbook is put together at the end.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;
use chancery_schema::DataQuery;
use chancery_schema::data::{DataWriter, Labels, Texts, WriteError};
use chancery_schema::dataset::{Component, DatasetSchema};
use chancery_schema::message::ReleaseLink;
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

/// Figures that fit a sheet, whose first row has the headings.
pub(crate) const MAX_FIGURES: u64 = (1 << 20) - 1;
/// Longest text of a cell, in characters.
const MAX_TEXT: usize = 32_767;

/// Writes XLSX: the columns of SDMX-CSV.
pub(crate) struct XlsxEncoder {
    schema: DatasetSchema,
    shown: Vec<Component>,
    labels: Labels,
    releases: Vec<ReleaseLink>,
    workbook: Workbook,
    row: u32,
}

impl XlsxEncoder {
    pub(crate) fn new(
        schema: &DatasetSchema,
        query: &DataQuery,
        labels: Labels,
        releases: Vec<ReleaseLink>,
    ) -> Result<Self, WriteError> {
        let selected = query.selected(schema);
        let hidden =
            |id: &str| (id == schema.time.id && query.series_keys_only) || (id == schema.measure.id && !query.measures);
        let columns = schema.dimensions.iter().chain([&schema.time, &schema.measure]).chain(&selected.attributes);
        let shown: Vec<Component> = columns.filter(|c| !hidden(&c.id)).cloned().collect();
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(failed)?;
        sheet.set_name("figures").map_err(failed)?;
        let mut encoder = Self { schema: schema.clone(), shown, labels, releases, workbook, row: 1 };
        encoder.headings().map_err(failed)?;
        Ok(encoder)
    }

    fn headings(&mut self) -> Result<(), XlsxError> {
        let bold = Format::new().set_bold();
        let (mut column, labels) = (0, self.labels);
        let sheet = self.workbook.worksheet_from_index(0)?;
        sheet.set_freeze_panes(1, 0)?;
        for component in &self.shown {
            let texts = match labels {
                Labels::Id => vec![component.id.clone()],
                Labels::Both => vec![format!("{}: {}", component.id, component.name)],
                Labels::Name => vec![component.id.clone(), component.name.clone()],
            };
            for text in texts {
                sheet.write_string_with_format(0, column, cut(&text), &bold)?;
                column += 1;
            }
        }
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        let missing = |id: &str| WriteError::Column(id.to_owned());
        let columns: Vec<_> = self
            .shown
            .iter()
            .map(|c| batch.column_by_name(&c.id).ok_or_else(|| missing(&c.id)))
            .collect::<Result<_, _>>()?;
        let sheet = self.workbook.worksheet_from_index(0).map_err(failed)?;
        for index in 0..batch.num_rows() {
            let mut at = 0;
            for (component, column) in self.shown.iter().zip(&columns) {
                let text = if component.id == self.schema.measure.id {
                    let values = column.as_primitive_opt::<Float64Type>().ok_or_else(|| missing(&component.id))?;
                    let value = (!values.is_null(index)).then(|| values.value(index)).filter(|v| v.is_finite());
                    value.map(|v| sheet.write_number(self.row, at, v).map(|_| ())).transpose().map_err(failed)?;
                    at += if self.labels == Labels::Name { 2 } else { 1 };
                    continue;
                } else {
                    Texts::of(column).ok_or_else(|| missing(&component.id))?
                };
                let text = if text.is_null(index) { "" } else { text.value(index) };
                at = cell(sheet, self.row, at, component, text, self.labels).map_err(failed)?;
            }
            self.row += 1;
        }
        Ok(())
    }

    /// What the figures are, and each release they come from with the address of its signed record.
    fn about(&mut self) -> Result<(), XlsxError> {
        let sheet = self.workbook.add_worksheet();
        sheet.set_name("about")?;
        sheet.set_column_width(0, 14)?;
        sheet.set_column_width(1, 90)?;
        let dataflow = self.schema.dataflow.urn("datastructure.Dataflow");
        for (row, (name, value)) in (0..).zip([("dataflow", &self.schema.name), ("URN", &dataflow)]) {
            sheet.write_string(row, 0, name)?.write_string(row, 1, cut(value))?;
        }
        // The header of the answer names them all, and a sheet has an end.
        for (row, release) in (2..).zip(self.releases.iter().take(10_000)) {
            sheet.write_string(row, 0, "release")?.write_string(row, 1, cut(&release.href))?;
        }
        Ok(())
    }
}

/// Writes a code, its name or both; returns the column after them.
fn cell(
    sheet: &mut Worksheet,
    row: u32,
    at: u16,
    component: &Component,
    text: &str,
    labels: Labels,
) -> Result<u16, XlsxError> {
    let name = component.codes.as_ref().and_then(|codes| codes.name(text));
    match (labels, name) {
        _ if text.is_empty() => {}
        (Labels::Both, Some(name)) => {
            sheet.write_string(row, at, cut(&format!("{text}: {name}")))?;
        }
        (Labels::Name, Some(name)) => {
            sheet.write_string(row, at, cut(text))?.write_string(row, at + 1, cut(name))?;
        }
        _ => {
            sheet.write_string(row, at, cut(text))?;
        }
    }
    Ok(at + if labels == Labels::Name { 2 } else { 1 })
}

/// What of a text fits a cell; control characters have no place in one.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(MAX_TEXT).collect()
}

impl DataWriter for XlsxEncoder {
    fn write(&mut self, batch: &RecordBatch, _out: &mut Vec<u8>) -> Result<(), WriteError> {
        if u64::from(self.row) + batch.num_rows() as u64 > MAX_FIGURES + 1 {
            return Err(WriteError::Write(format!("more than {MAX_FIGURES} figures do not fit a sheet")));
        }
        self.rows(batch)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.about().map_err(failed)?;
        out.append(&mut self.workbook.save_to_buffer().map_err(failed)?);
        Ok(())
    }
}

fn failed(error: XlsxError) -> WriteError {
    WriteError::Write(error.to_string())
}
