//! A spreadsheet's sheet as rows: which row has the headings, merged cells, and what stands outside the table.

use std::collections::HashMap;
use std::ops::ControlFlow;

use chancery_schema::rows::{MAX_FIELDS, MAX_ROW_BYTES, RowBatch, RowSource, SourceError};
use chancery_schema::validate::{Problem, ProblemKind};

use super::{Found, headings};

/// Most sheets among which one with a table is looked for.
const MAX_SHEETS: usize = 100;
/// Rows that are looked at for the headings.
const SAMPLE_ROWS: usize = 50;

/// A cell with a text.
pub(super) struct Cell<'a> {
    /// From 0.
    pub(super) row: u32,
    /// From 0.
    pub(super) column: u32,
    pub(super) text: &'a str,
    /// Rows and columns that it spans.
    pub(super) span: (u32, u32),
}

/// A sheet's cells, by rows, then columns.
pub(super) trait Cells: Send {
    /// The names of all sheets.
    fn names(&self) -> Vec<String>;

    /// The sheet's name.
    fn sheet(&self) -> &str;

    /// Goes to another sheet, of a name there is.
    fn turn_to(&mut self, sheet: &str) -> Result<(), SourceError>;

    /// Hands on every cell that has a text, until there are no more or `sink` breaks off.
    fn each(&mut self, sink: &mut dyn FnMut(Cell<'_>) -> ControlFlow<()>) -> Result<(), SourceError>;
}

/// Goes to the sheet of the name; if none is given, to the first with a table, and says so where there are several.
fn choose<C: Cells>(cells: &mut C, wanted: Option<&str>, found: &mut Vec<Found>) -> Result<(), SourceError> {
    let names = cells.names();
    let list = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        if !names.iter().any(|name| name == wanted) {
            return Err(SourceError::Format(format!("it has no sheet `{wanted}`; it has {}", list())));
        }
        return cells.turn_to(wanted);
    }
    for (index, name) in names.iter().take(MAX_SHEETS).enumerate() {
        cells.turn_to(name)?;
        if has_table(cells)? {
            if names.len() > 1 {
                let which = if index == 0 { "the first" } else { "the first with a table" };
                found.push(Found::new("sheet", format!("`{name}`, {which} of {}", list())));
            }
            return Ok(());
        }
    }
    Err(SourceError::Format(match names.len() {
        0 => "it names no sheets: the workbook is empty or damaged; open it, save it again and import that".to_owned(),
        1 => format!("its sheet {} has no table: headings of two columns or more, and a row below", list()),
        _ => format!("none of its sheets has a table, headings of two columns or more and a row below: {}", list()),
    }))
}

/// Whether there is a row with several texts, and another one below.
fn has_table(cells: &mut impl Cells) -> Result<bool, SourceError> {
    let (mut row, mut texts, mut wide, mut table) = (None, 0, false, false);
    cells.each(&mut |cell| {
        if row != Some(cell.row) {
            table = wide;
            (row, texts) = (Some(cell.row), 0);
        }
        texts += 1;
        wide |= texts > 1;
        if table { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(table)
}

/// The rows of a sheet below its headings.
pub(super) struct SheetSource<C> {
    cells: C,
    headings: Vec<String>,
    last_heading: u64,
}

impl<C: Cells> SheetSource<C> {
    /// Goes to `sheet`, or to the first with a table, and looks for the headings, if `said` does not say which rows have them.
    pub(super) fn new(
        mut cells: C,
        sheet: Option<&str>,
        said: Option<(u64, u64)>,
        found: &mut Vec<Found>,
    ) -> Result<Self, SourceError> {
        choose(&mut cells, sheet, found)?;
        let wanted = said.map_or(SAMPLE_ROWS, |(_, last)| usize::try_from(last).unwrap_or(usize::MAX));
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        let mut too_wide = None;
        cells.each(&mut |cell| {
            if cell.column as usize >= MAX_FIELDS {
                too_wide = Some(cell.row + 1);
                return ControlFlow::Break(());
            }
            let line = u64::from(cell.row) + 1;
            if rows.last().is_none_or(|(last, _)| *last != line) {
                if rows.len() >= SAMPLE_ROWS.max(wanted.min(1_000)) {
                    return ControlFlow::Break(());
                }
                rows.push((line, Vec::new()));
            }
            // A cell merged over columns is the heading of all of them.
            if let Some((_, row)) = rows.last_mut() {
                let end = (cell.column + cell.span.1.max(1)).min(MAX_FIELDS as u32) as usize;
                row.resize(row.len().max(end), String::new());
                row[cell.column as usize..end].fill(cell.text.trim().to_owned());
            }
            ControlFlow::Continue(())
        })?;
        if let Some(row) = too_wide {
            return Err(SourceError::TooLarge(format!("row {row} has more than {MAX_FIELDS} columns")));
        }
        let (first, last) = said.or_else(|| headings::guess(&rows)).unwrap_or((1, 1));
        if said.is_none() && last > 1 {
            found.push(Found::headings(first, last));
        }
        let texts: Vec<_> =
            rows.into_iter().filter(|(line, _)| (first..=last).contains(line)).map(|(_, row)| row).collect();
        if texts.is_empty() {
            let sheet = cells.sheet();
            return Err(SourceError::Format(format!(
                "sheet `{sheet}` has no row {first}, where the headings should be"
            )));
        }
        Ok(Self { cells, headings: headings::joined(texts, true), last_heading: last })
    }

    /// The sheet that is read.
    pub(super) fn sheet(&self) -> &str {
        self.cells.sheet()
    }
}

impl<C: Cells> RowSource for SheetSource<C> {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let mut rows = Rows { fields: vec![String::new(); self.headings.len()], ..Rows::default() };
        let (mut stopped, mut behind) = (false, None);
        let last = self.last_heading;
        self.cells.each(&mut |cell| {
            let line = u64::from(cell.row) + 1;
            if line < rows.line {
                behind = Some((line, rows.line));
                return ControlFlow::Break(());
            }
            if line <= last {
                return ControlFlow::Continue(());
            }
            if rows.line != line {
                rows.end();
                rows.line = line;
                if rows.batch.hand_on_full(sink).is_break() {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            rows.put(&cell);
            ControlFlow::Continue(())
        })?;
        if let Some((row, before)) = behind {
            let sheet = self.cells.sheet();
            return Err(SourceError::Format(format!(
                "sheet `{sheet}`: row {row} stands behind row {before}: it is damaged; save the spreadsheet again"
            )));
        }
        rows.end();
        if !stopped && !rows.batch.is_empty() {
            let _ = sink(&mut rows.batch);
        }
        Ok(())
    }
}

/// Rows in the making.
#[derive(Default)]
struct Rows {
    batch: RowBatch,
    fields: Vec<String>,
    line: u64,
    filled: bool,
    fault: Option<Problem>,
    /// Column, text and last row of labels that are merged over rows.
    merged: HashMap<usize, (String, u64)>,
}

impl Rows {
    fn put(&mut self, cell: &Cell<'_>) {
        let column = cell.column as usize;
        let text = cell.text.trim();
        let too_long = text.len() > MAX_ROW_BYTES / 4;
        let Some(field) = self.fields.get_mut(column).filter(|_| !too_long) else {
            let expected = if too_long { "a text a cell can hold" } else { "nothing beside the table's columns" };
            self.fault.get_or_insert_with(|| problem(self.line, cell, expected));
            return;
        };
        if !field.is_empty() {
            self.fault.get_or_insert_with(|| problem(self.line, cell, "one text in each cell"));
            return;
        }
        self.filled = true;
        field.push_str(text);
        // A label that is merged over rows is that of all of them. A figure is not: it would be counted more than once.
        if cell.span.0 > 1 && text.parse::<f64>().is_err() {
            self.merged.insert(column, (text.to_owned(), self.line + u64::from(cell.span.0) - 1));
        }
    }

    fn end(&mut self) {
        if let Some(fault) = self.fault.take() {
            self.batch.faults.push(fault);
        } else if self.filled {
            let line = self.line;
            self.merged.retain(|_, (_, last)| *last >= line);
            for (column, (text, _)) in &self.merged {
                if let Some(field) = self.fields.get_mut(*column).filter(|field| field.is_empty()) {
                    field.push_str(text);
                }
            }
            self.fields.iter().for_each(|field| self.batch.field(field));
            self.batch.end_row(line);
        }
        self.fields.iter_mut().for_each(String::clear);
        self.filled = false;
    }
}

fn problem(row: u64, cell: &Cell<'_>, expected: &str) -> Problem {
    Problem {
        row,
        column: format!("column {}", cell.column + 1),
        component: String::new(),
        value: cell.text.chars().take(100).collect(),
        expected: expected.to_owned(),
        nearest: None,
        kind: ProblemKind::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::path::Path;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::super::Progress;
    use super::super::ods::OdsCells;
    use super::super::xlsx::XlsxCells;
    use super::*;

    fn archive(path: &Path, files: &[(&str, &str)]) {
        let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
        for (name, text) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    /// A title, headings of two rows with merged cells, a label merged over two rows, a date, and a figure that is a formula's.
    fn ods(extra: &str) -> tempfile::TempPath {
        let cell = |text: &str| {
            format!("<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>")
        };
        let number = |n: &str| {
            format!(
                "<table:table-cell office:value-type=\"float\" office:value=\"{n}\"><text:p>{n},0</text:p></table:table-cell>"
            )
        };
        let gap = "<table:covered-table-cell/>";
        let content = format!(
            r#"<?xml version="1.0"?><office:document-content><office:body><office:spreadsheet>
            <table:table table:name="Notes"><table:table-row>{notes}</table:table-row></table:table>
            <table:table table:name="Datos"><table:table-row>{title}</table:table-row>
            <table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="5"/></table:table-row>
            <table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>Pa&#237;s</text:p></table:table-cell>{month}
            <table:table-cell table:number-columns-spanned="2"><text:p>2020</text:p></table:table-cell>{gap}</table:table-row>
            <table:table-row>{gap}{gap}{men}{women}</table:table-row>
            <table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>M&amp;X<office:annotation><text:p>no</text:p></office:annotation></text:p></table:table-cell>
            <table:table-cell office:value-type="date" office:date-value="2020-01-31"><text:p>31/01/20</text:p></table:table-cell>{one}{two}</table:table-row>
            <table:table-row>{gap}{feb}{three}<table:table-cell/></table:table-row>{extra}
            </table:table></office:spreadsheet></office:body></office:document-content>"#,
            notes = cell("x"),
            title = cell("Retornos"),
            month = cell("mes"),
            men = cell("Hombres"),
            women = cell("Mujeres"),
            one = number("1"),
            two = number("2.5"),
            three = number("3"),
            feb = cell("2020<text:s text:c=\"2\"/>-02"),
        );
        let path = tempfile::Builder::new().suffix(".ods").tempfile().unwrap().into_temp_path();
        archive(&path, &[("content.xml", &content)]);
        path
    }

    fn xlsx(rows: &str, merges: &str) -> tempfile::TempPath {
        let path = tempfile::Builder::new().suffix(".xlsx").tempfile().unwrap().into_temp_path();
        let sheet = format!(
            "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData>{merges}</worksheet>"
        );
        archive(
            &path,
            &[
                (
                    "[Content_Types].xml",
                    "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
                ),
                (
                    "xl/workbook.xml",
                    "<?xml version=\"1.0\"?><workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"Datos\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
                ),
                (
                    "_rels/.rels",
                    "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>",
                ),
                (
                    "xl/_rels/workbook.xml.rels",
                    "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
                ),
                ("xl/worksheets/sheet1.xml", &sheet),
            ],
        );
        path
    }

    fn rows(source: &mut dyn RowSource) -> (Vec<String>, Vec<String>) {
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        source
            .read(&mut |batch| {
                rows.extend(
                    batch.iter().map(|(line, row)| format!("{line}: {}", row.iter().collect::<Vec<_>>().join("|"))),
                );
                faults.extend(batch.faults.iter().map(|p| format!("{}: {} `{}`", p.row, p.column, p.value)));
                ControlFlow::Continue(())
            })
            .unwrap();
        (rows, faults)
    }

    #[test]
    fn an_opendocument_sheet_is_read_with_its_merged_cells() {
        let path = ods("");
        let mut found = Vec::new();
        let opened = |sheet, found: &mut Vec<Found>| {
            let cells = OdsCells::open(&path, &Progress::default()).unwrap();
            SheetSource::new(cells, Some(sheet), None, found)
        };
        let mut source = opened("Datos", &mut found).unwrap();
        assert_eq!(source.headings(), ["País", "mes", "2020 / Hombres", "2020 / Mujeres"]);
        assert_eq!(found, [Found::headings(4, 5)]);
        assert_eq!(rows(&mut source).0, ["6: M&X|2020-01-31|1|2.5", "7: M&X|2020  -02|3|"]);
        let error = opened("Data", &mut found).err().unwrap();
        assert!(error.to_string().contains("`Notes`, `Datos`"), "{error}");
    }

    #[test]
    fn a_workbooks_sheet_is_read_with_its_merged_cells() {
        let text = |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
        let number = |at: &str, n: &str| format!("<c r=\"{at}\"><v>{n}</v></c>");
        let sheet = [
            format!("<row r=\"2\">{}{}</row>", text("A2", "country"), text("B2", "2020")),
            format!("<row r=\"3\">{}{}</row>", text("B3", "men"), text("C3", "women")),
            format!("<row r=\"4\">{}{}{}</row>", text("A4", "MEX"), number("B4", "1"), number("C4", "2.5")),
            format!("<row r=\"9\">{}<c r=\"C9\" t=\"e\"><v>#N/A</v></c></row>", number("B9", "12345678")),
            format!("<row r=\"10\">{}{}</row>", text("A10", "USA"), text("E10", "stray")),
        ];
        let merges = "<mergeCells count=\"2\"><mergeCell ref=\"B2:C2\"/><mergeCell ref=\"A4:A9\"/></mergeCells>";
        let path = xlsx(&sheet.concat(), merges);
        let mut found = Vec::new();
        let cells = XlsxCells::open(&path, &Progress::default()).unwrap();
        let mut source = SheetSource::new(cells, None, None, &mut found).unwrap();
        assert_eq!(source.headings(), ["country", "2020 / men", "2020 / women"]);
        let (rows, faults) = rows(&mut source);
        assert_eq!(rows, ["4: MEX|1|2.5", "9: MEX|12345678|#N/A"]);
        assert_eq!(faults, ["10: column 5 `stray`"]);
    }

    #[test]
    fn hostile_sheets_are_refused() {
        let repeated = "<table:table-row table:number-rows-repeated=\"4000000000\"><table:table-cell><text:p>1</text:p></table:table-cell></table:table-row>";
        let wide = "<table:table-row><table:table-cell table:number-columns-repeated=\"16384\"><text:p>1</text:p></table:table-cell></table:table-row>";
        let entity = "<table:table-row><table:table-cell><text:p>&lol;</text:p></table:table-cell></table:table-row>";
        for (extra, part) in [(repeated, "rows"), (wide, "columns"), (entity, "entity")] {
            let path = ods(extra);
            let cells = OdsCells::open(&path, &Progress::default()).unwrap();
            let error = SheetSource::new(cells, Some("Datos"), None, &mut Vec::new())
                .and_then(|mut source| source.read(&mut |_| ControlFlow::Continue(())))
                .unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        let mut long = String::new();
        (0..300_000).for_each(|n| write!(long, "{n:010}").unwrap());
        let path = ods(&format!(
            "<table:table-row><table:table-cell><text:p>{long}</text:p></table:table-cell></table:table-row>"
        ));
        let error = OdsCells::open(&path, &Progress::default()).err().unwrap();
        assert!(matches!(error, SourceError::TooLarge(_)), "{error}");
    }

    fn sheets(sheets: &[(&str, &str)]) -> tempfile::TempPath {
        let tables: String = sheets
            .iter()
            .map(|(name, rows)| format!("<table:table table:name=\"{name}\">{rows}</table:table>"))
            .collect();
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let body = "office:document-content><office:body><office:spreadsheet";
        let content = format!(
            "<?xml version=\"1.0\"?><{body}>{tables}</office:spreadsheet></office:body></office:document-content>"
        );
        archive(&path, &[("content.xml", &content)]);
        path
    }

    fn row(cells: &[&str]) -> String {
        let cell = |text: &&str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
        format!("<table:table-row>{}</table:table-row>", cells.iter().map(cell).collect::<String>())
    }

    fn opened(path: &Path, found: &mut Vec<Found>) -> Result<SheetSource<OdsCells>, SourceError> {
        SheetSource::new(OdsCells::open(path, &Progress::default())?, None, None, found)
    }

    #[test]
    fn the_first_sheet_with_a_table_is_taken_and_said() {
        let notes = [row(&["Notes"]), row(&["More of them"])].concat();
        let data = [row(&["from", "n"]), row(&["MEX", "1"])].concat();
        let path = sheets(&[("Empty", ""), ("Notes", &notes), ("Data", &data), ("Other", &data)]);
        let mut found = Vec::new();
        assert_eq!(opened(&path, &mut found).unwrap().headings(), ["from", "n"]);
        assert_eq!(found[0].value, "`Data`, the first with a table of `Empty`, `Notes`, `Data`, `Other`");
        let path = sheets(&[("Empty", ""), ("Notes", &notes)]);
        let error = opened(&path, &mut found).err().unwrap().to_string();
        assert!(error.contains("none of its sheets has a table") && error.contains("`Empty`, `Notes`"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_sheet_is_told_with_sheet_row_and_column() {
        let head = row(&["from", "n"]);
        let broken = |cell: &str| format!("{head}<table:table-row><table:table-cell/>{cell}</table:table-row>");
        for (cell, place) in [
            ("<table:table-cell office:value-type=\"float\"/>", "sheet `A`, row 2, column B"),
            ("<table:table-cell table:number-columns-repeated=\"x\"/>", "sheet `A`, row 2, column B"),
            ("<table:table-cel/>", "sheet `A`, row 2, column B"),
            ("<table:table-cell><text:p>&lol;</text:p></table:table-cell>", "sheet `A`, row 2, column B"),
            ("</table:table-row><table:table-row table:number-rows-repeated=\"x\">", "sheet `A`, row 3"),
            ("<table:table-cell></text:p></table:table-cell>", "sheet `A`, row 2"),
        ] {
            let path = sheets(&[("A", &broken(cell))]);
            let read = opened(&path, &mut Vec::new()).and_then(|mut s| s.read(&mut |_| ControlFlow::Continue(())));
            let error = read.err().unwrap().to_string();
            assert!(error.starts_with(place), "{cell}: {error}");
        }
    }
}
