//! Observations written in every format that is imported.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use chancery_schema::data::{DataFormat, WriteOptions, writer};
use chancery_schema::message::MessageHeader;
use proptest::prelude::*;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

/// The dataflow whose observations are written.
pub(super) const DATAFLOW: &str = "RCP:RETURNS(1.0.0)";
/// Components that are not written: all are optional.
const LEFT_OUT: [&str; 4] = ["UNIT_MULT", "DECIMALS", "REF_DATE", "DEFINITION"];

/// A table: components, and the rows' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) ids: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn position(&self, id: &str) -> usize {
        self.ids.iter().position(|known| known == id).unwrap()
    }
}

/// A format, with what there is to choose about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Written {
    /// A message; flat, or by series.
    Sdmx(DataFormat, bool),
    /// Delimiter, decimal mark, encoding.
    Text(char, char, &'static str),
    Xlsx,
    Ods,
    Parquet,
    Sqlite,
    /// A table of the server that `CHANCERY_TEST_POSTGRES` names.
    Postgres,
}

impl Written {
    pub(super) fn all() -> Vec<Self> {
        let texts = [
            Self::Text(',', '.', "utf-8"),
            Self::Text('\t', '.', "utf-8"),
            Self::Text(';', ',', "windows-1252"),
            Self::Text('|', '.', "utf-16le"),
            Self::Text(',', '.', "utf-16be"),
        ];
        let messages =
            DataFormat::ALL.into_iter().flat_map(|format| [false, true].map(|flat| Self::Sdmx(format, flat)));
        let files = messages.chain(texts).chain([Self::Xlsx, Self::Ods, Self::Parquet, Self::Sqlite]);
        files.chain(server().map(|_| Self::Postgres)).collect()
    }

    /// Whether a row's place is its line, below one line of headings, rather than its number.
    pub(super) fn has_lines(self) -> bool {
        !matches!(self, Self::Parquet | Self::Sqlite | Self::Postgres) && !self.is_marked_up()
    }

    /// Whether it is XML or JSON.
    pub(super) fn is_marked_up(self) -> bool {
        matches!(self, Self::Sdmx(format, _) if !matches!(format, DataFormat::Csv1 | DataFormat::Csv2))
    }

    /// The mapping of components to the columns of their names.
    pub(super) fn mapping(self, table: &Table, path: &Path) -> String {
        let mut text = format!("dataflow = \"{DATAFLOW}\"\n");
        match self {
            Self::Text(delimiter, decimal, encoding) => {
                let delimiter = if delimiter == '\t' { "\\t".to_owned() } else { delimiter.to_string() };
                let _ = writeln!(
                    text,
                    "[options]\ndelimiter = \"{delimiter}\"\ndecimal = \"{decimal}\"\nencoding = \"{encoding}\""
                );
            }
            Self::Sqlite => {
                let path = path.display();
                let _ =
                    writeln!(text, "[source]\ndatabase = \"{path}\"\nquery = \"SELECT * FROM figures ORDER BY rowid\"");
            }
            Self::Postgres => {
                let query =
                    format!("SELECT {} FROM {} ORDER BY place", quoted(&table.ids).join(", "), postgres_table());
                let _ = writeln!(text, "[source]\ndatabase = \"env:CHANCERY_TEST_POSTGRES\"\nquery = '{query}'");
            }
            _ => {}
        }
        text.push_str("[components]\n");
        for id in &table.ids {
            let _ = writeln!(text, "{id} = {{ column = \"{id}\" }}");
        }
        text
    }

    /// Writes the table.
    pub(super) fn write(self, bench: &Bench, table: &Table, path: &Path) {
        match self {
            Self::Sdmx(format, flat) => std::fs::write(path, message(bench, table, format, flat)).unwrap(),
            Self::Text(delimiter, decimal, encoding) => {
                std::fs::write(path, text(table, delimiter, decimal, encoding)).unwrap();
            }
            Self::Xlsx => xlsx(table, path),
            Self::Ods => ods(table, path),
            Self::Parquet => {
                let batch = batch(table, |id| id == "OBS_VALUE");
                let file = std::fs::File::create(path).unwrap();
                let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
                writer.write(&batch).unwrap();
                writer.close().unwrap();
            }
            Self::Sqlite => sqlite(table, path),
            Self::Postgres => postgres(table),
        }
    }

    /// Takes the file at `path` through all checks.
    pub(super) fn check(self, bench: &Bench, table: &Table, path: &Path) -> std::result::Result<Given, String> {
        bench.check(&self.mapping(table, path), (!matches!(self, Self::Sqlite | Self::Postgres)).then_some(path))
    }
}

/// The table as columns; those that are `numeric` as numbers, if all their texts are.
fn batch(table: &Table, numeric: impl Fn(&str) -> bool) -> RecordBatch {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (index, id) in table.ids.iter().enumerate() {
        let texts: Vec<Option<&str>> =
            table.rows.iter().map(|row| Some(row[index].as_str()).filter(|text| !text.is_empty())).collect();
        let numbers: Option<Vec<Option<f64>>> =
            texts.iter().map(|text| text.map_or(Some(None), |text| text.parse().ok().map(Some))).collect();
        let numbers = numbers.filter(|_| numeric(id));
        fields.push(Field::new(id, if numbers.is_some() { DataType::Float64 } else { DataType::Utf8 }, true));
        columns.push(match numbers {
            Some(numbers) => Arc::new(Float64Array::from(numbers)),
            None => Arc::new(StringArray::from(texts)),
        });
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn message(bench: &Bench, table: &Table, format: DataFormat, flat: bool) -> Vec<u8> {
    let schema = bench.schema(DATAFLOW);
    let found = batch(table, |id| id == "OBS_VALUE");
    let all = schema.components().map(|component| {
        found
            .column_by_name(&component.id)
            .cloned()
            .unwrap_or_else(|| arrow::array::new_null_array(&DataType::Utf8, table.rows.len()))
    });
    let fields =
        schema.arrow_schema().fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), all.collect()).unwrap();
    let header = MessageHeader {
        id: "TEST".to_owned(),
        prepared: "2026-11-23T19:05:00Z".parse().unwrap(),
        sender_id: "GTM".to_owned(),
        sender_name: "A".to_owned(),
        releases: Vec::new(),
    };
    let mut writer = writer(format, &schema, header, WriteOptions { flat, ..WriteOptions::default() });
    let mut bytes = Vec::new();
    writer.write(&batch, &mut bytes).unwrap();
    writer.finish(&mut bytes).unwrap();
    bytes
}

fn text(table: &Table, delimiter: char, decimal: char, encoding: &str) -> Vec<u8> {
    let value = table.position("OBS_VALUE");
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter as u8).from_writer(Vec::new());
    writer.write_record(&table.ids).unwrap();
    for row in &table.rows {
        let cell = |(index, text): (usize, &String)| {
            if index == value { text.replace('.', &decimal.to_string()) } else { text.clone() }
        };
        writer.write_record(row.iter().enumerate().map(cell)).unwrap();
    }
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    match encoding {
        "utf-8" => text.into_bytes(),
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => encoding_rs::WINDOWS_1252.encode(&text).0.into_owned(),
    }
}

fn xlsx(table: &Table, path: &Path) {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, texts) in [&table.ids].into_iter().chain(&table.rows).enumerate() {
        for (column, text) in texts.iter().enumerate() {
            let (at, column) = (row as u32, column as u16);
            match text.parse::<f64>() {
                Ok(number) if table.ids[usize::from(column)] == "OBS_VALUE" => {
                    sheet.write_number(at, column, number).unwrap()
                }
                _ if text.is_empty() => continue,
                _ => sheet.write_string(at, column, text).unwrap(),
            };
        }
    }
    book.save(path).unwrap();
}

fn ods(table: &Table, path: &Path) {
    let mut content = "<?xml version=\"1.0\"?><office:document-content><office:body><office:spreadsheet><table:table table:name=\"A\">".to_owned();
    for texts in [&table.ids].into_iter().chain(&table.rows) {
        content.push_str("<table:table-row>");
        for (id, text) in table.ids.iter().zip(texts) {
            if id == "OBS_VALUE" && text.parse::<f64>().is_ok() {
                let _ = write!(
                    content,
                    "<table:table-cell office:value-type=\"float\" office:value=\"{text}\"><text:p>{text}</text:p></table:table-cell>"
                );
                continue;
            }
            content.push_str("<table:table-cell office:value-type=\"string\">");
            // Every line is a paragraph of its own.
            for line in text.split('\n') {
                let _ = write!(content, "<text:p>{}</text:p>", spaced(&quick_xml::escape::escape(line)));
            }
            content.push_str("</table:table-cell>");
        }
        content.push_str("</table:table-row>");
    }
    content.push_str("</table:table></office:spreadsheet></office:body></office:document-content>");
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    zip.start_file("content.xml", SimpleFileOptions::default()).unwrap();
    zip.write_all(content.as_bytes()).unwrap();
    zip.finish().unwrap();
}

/// Spaces that would be lost, as OpenDocument has them.
fn spaced(text: &str) -> String {
    text.replace("  ", "<text:s text:c=\"2\"/>")
}

fn sqlite(table: &Table, path: &Path) {
    let _ = std::fs::remove_file(path);
    let connection = rusqlite::Connection::open(path).unwrap();
    let columns = table.ids.iter().map(|id| format!("\"{id}\" {}", if id == "OBS_VALUE" { "REAL" } else { "TEXT" }));
    connection.execute(&format!("CREATE TABLE figures ({})", columns.collect::<Vec<_>>().join(", ")), []).unwrap();
    let places = vec!["?"; table.ids.len()].join(", ");
    let mut insert = connection.prepare(&format!("INSERT INTO figures VALUES ({places})")).unwrap();
    for row in &table.rows {
        let cell = |(id, text): (&String, &String)| match text.parse() {
            Ok(number) if id == "OBS_VALUE" => rusqlite::types::Value::Real(number),
            _ if text.is_empty() => rusqlite::types::Value::Null,
            _ => rusqlite::types::Value::Text(text.clone()),
        };
        let cells = table.ids.iter().zip(row).map(cell);
        insert.execute(rusqlite::params_from_iter(cells)).unwrap();
    }
}

/// The server to test with, if there is one.
fn server() -> Option<String> {
    let server = std::env::var("CHANCERY_TEST_POSTGRES").ok();
    if server.is_none() {
        println!("skipped with a PostgreSQL query: CHANCERY_TEST_POSTGRES is not set");
    }
    server
}

/// A table that no other process, or test of this one, has.
fn postgres_table() -> String {
    let thread: String = format!("{:?}", std::thread::current().id()).chars().filter(char::is_ascii_digit).collect();
    format!("import_{}_{thread}", std::process::id())
}

fn quoted(ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| format!("\"{id}\"")).collect()
}

fn postgres(table: &Table) {
    let name = postgres_table();
    let mut client = postgres::Client::connect(&server().unwrap(), postgres::NoTls).unwrap();
    let kind = |id: &String| {
        if id == "OBS_VALUE" { "\"OBS_VALUE\" double precision".to_owned() } else { format!("\"{id}\" text") }
    };
    let columns: Vec<String> = table.ids.iter().map(kind).collect();
    let made = format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (place serial, {})", columns.join(", "));
    client.batch_execute(&made).unwrap();
    let places: Vec<String> = (1..=table.ids.len()).map(|place| format!("NULLIF(${place}::text, '')")).collect();
    let value = table.position("OBS_VALUE");
    for row in &table.rows {
        // A text where the figure belongs is one that the server would refuse.
        let mut places = places.clone();
        places[value].push_str("::double precision");
        let insert = format!("INSERT INTO {name} ({}) VALUES ({})", quoted(&table.ids).join(", "), places.join(", "));
        let texts: Vec<&(dyn postgres::types::ToSql + Sync)> = row.iter().map(|text| text as _).collect();
        client.execute(&insert, &texts).unwrap();
    }
}

/// What an observation is of: origin, sex, period.
type Key = (&'static str, &'static str, String);

fn key() -> impl Strategy<Value = Key> {
    let origins = prop::sample::select(vec!["MEX", "HND", "NAM", "_U", "XKX"]);
    let month = prop::option::of(1u32..=12);
    (origins, prop::sample::select(vec!["F", "M", "_T"]), 1990u32..2030, month).prop_map(
        |(origin, sex, year, month)| {
            (origin, sex, month.map_or(year.to_string(), |month| format!("{year}-{month:02}")))
        },
    )
}

fn figure() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(0.0)),
        4 => (0u64..10_000_000_000).prop_map(|n| Some(n as f64)),
        3 => (0u64..1_000_000_000_000).prop_map(|n| Some(n as f64 / 10_000.0)),
        1 => prop::num::f64::POSITIVE.prop_map(|n| Some(if n.is_finite() { n } else { 1.0 })),
    ]
}

/// A text that people write: any letters, marks and signs, several lines, what delimits fields and tags elsewhere.
pub(super) fn words() -> BoxedStrategy<String> {
    let piece = prop_oneof![
        4 => "\\PC{0,12}".boxed(),
        2 => prop::sample::select(vec![",", ";", "\"", "'", "|", "<5", "&amp;", "</Obs>", "\\", "]]>", "{", "NA", "ñ", "€"])
            .prop_map(str::to_owned)
            .boxed(),
        1 => prop::sample::select(vec!["\n", "\t", "  "]).prop_map(str::to_owned).boxed(),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat().trim().to_owned()).boxed()
}

/// Any observations; `words` are their comments and sources.
pub(super) fn tables(
    ids: Vec<String>,
    words: BoxedStrategy<String>,
    rows: std::ops::Range<usize>,
) -> BoxedStrategy<Table> {
    let status = (prop::sample::select(vec!["A", "B", "E", "P"]), prop::sample::select(vec!["O", "Q", "M", "L"]));
    let rest = (figure(), status, words.clone(), words, prop::sample::select(vec!["PERSONS", "EVENTS"]));
    let tables = prop::collection::btree_map(key(), rest, rows).prop_map(move |figures| {
        let cell = |id: &str, key: &Key, rest: &(Option<f64>, (&str, &str), String, String, &str)| {
            let (value, (with, without), comment, source, counted) = rest;
            let text = match id {
                "FREQ" if key.2.len() > 4 => "M",
                "FREQ" => "A",
                "REF_AREA" | "DESTINATION" => "GTM",
                "ORIGIN" => key.0,
                "SEX" => key.1,
                "TIME_PERIOD" => &key.2,
                "OBS_VALUE" => return value.map_or_else(String::new, |value| value.to_string()),
                "OBS_STATUS" => {
                    if value.is_some() {
                        with
                    } else {
                        without
                    }
                }
                "CONF_STATUS" => "F",
                "UNIT_MEASURE" => {
                    if *counted == "EVENTS" {
                        "EV"
                    } else {
                        "PS"
                    }
                }
                "COUNTED" => counted,
                "BASIS" => "CITIZENSHIP",
                "DURATION" => "_Z",
                "SOURCE_KIND" => "REGISTER",
                "SOURCE" => {
                    if source.is_empty() {
                        "IGM"
                    } else {
                        source
                    }
                }
                "COMMENT" => comment,
                _ => "_T",
            };
            text.to_owned()
        };
        let mut rows: Vec<Vec<String>> =
            figures.iter().map(|(key, rest)| ids.iter().map(|id| cell(id, key, rest)).collect()).collect();
        // As a stage has them: by the texts of their dimensions, then time.
        rows.sort();
        Table { ids: ids.clone(), rows }
    });
    tables.boxed()
}

/// The components that are written.
pub(super) fn ids(bench: &Bench) -> Vec<String> {
    let schema = bench.schema(DATAFLOW);
    schema.components().map(|c| c.id.clone()).filter(|id| !LEFT_OUT.contains(&id.as_str())).collect()
}

/// The rows that were given, with the table's components.
pub(super) fn of_table(bench: &Bench, table: &Table, given: &Given) -> Vec<Vec<String>> {
    let schema = bench.schema(DATAFLOW);
    let places: Vec<usize> =
        table.ids.iter().map(|id| schema.components().position(|c| c.id == *id).unwrap()).collect();
    given.rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect()
}
