//! Every writer, flat and by series, whole and in parts: what is read back from the message is what was written.
//!
//! The messages are left in the target folder for `tests/read_messages.py`, which checks them with other people's readers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use chancery_schema::data::{CsvOptions, DataFormat, DataWriter, Keys, Labels, WriteOptions, writer, writer_for};
use chancery_schema::message::MessageHeader;
use chancery_schema::query::rest;
use chancery_schema::{DataQuery, DatasetSchema};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// One observation: component id to text; absent cells are left out.
type Row = BTreeMap<String, String>;

/// Origin, sex, period, figure, status, comment.
type Figure = (&'static str, &'static str, &'static str, Option<f64>, &'static str, Option<&'static str>);

/// Parameter, value, and the components that are left.
type Part<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> bool);

/// Two series over two batches: a plain, a suppressed, a missing, a fractional figure, and texts that need escaping.
const FIGURES: [Figure; 6] = [
    ("MEX", "F", "2024-01", Some(17.0), "A", None),
    ("MEX", "F", "2024-02", None, "Q", Some("fewer than <5> & \"more\"")),
    ("MEX", "F", "2024-03", Some(0.0), "A", Some("two\nlines, and a comma")),
    ("MEX", "M", "2024-01", None, "O", None),
    ("MEX", "M", "2024-02", Some(1_234_567.25), "P", Some("ñandú – السكان")),
    ("USA", "M", "2024-01", Some(3.0), "A", None),
];

fn schema() -> DatasetSchema {
    let structures = chancery_schema::shared::structures().unwrap();
    structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap()
}

fn header() -> MessageHeader {
    MessageHeader {
        id: "DATA_RETURNS".to_owned(),
        prepared: "2026-11-23T19:05:00Z".parse().unwrap(),
        sender_id: "GTM".to_owned(),
        sender_name: "Guatemala & Co".to_owned(),
        releases: Vec::new(),
    }
}

fn cell(index: usize, id: &str) -> Option<String> {
    let (origin, sex, time, _, status, comment) = FIGURES[index];
    let text = match id {
        "FREQ" => "M",
        "REF_AREA" | "DESTINATION" => "GTM",
        "ORIGIN" => origin,
        "RETURN_TYPE" | "AGE" => "_T",
        "SEX" => sex,
        "TIME_PERIOD" => time,
        "OBS_STATUS" => status,
        "CONF_STATUS" => {
            if status == "Q" {
                "A"
            } else {
                "F"
            }
        }
        "UNIT_MEASURE" => "PS",
        "COUNTED" => "PERSONS",
        "BASIS" => "CITIZENSHIP",
        "DURATION" => "_Z",
        "SOURCE_KIND" => "ADMINISTRATIVE",
        "SOURCE" => "IGM, \"Deportados\"",
        "COMMENT" => return comment.map(str::to_owned),
        "RELEASE" => "ab12",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Rows `from..to`, with the column that tells the release.
fn batch(schema: &DatasetSchema, from: usize, to: usize) -> RecordBatch {
    let mut fields: Vec<Arc<Field>> = schema.arrow_schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("RELEASE", DataType::Utf8, false)));
    let columns = fields.iter().map(|field| -> ArrayRef {
        if field.name() == "OBS_VALUE" {
            Arc::new((from..to).map(|i| FIGURES[i].3).collect::<Float64Array>())
        } else {
            Arc::new((from..to).map(|i| cell(i, field.name())).collect::<StringArray>())
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The message of all figures, in batches that cut a series in two.
fn message(mut writer: Box<dyn DataWriter>) -> Vec<u8> {
    let schema = schema();
    let mut out = Vec::new();
    for (from, to) in [(0, 2), (2, 2), (2, 5), (5, 6)] {
        writer.write(&batch(&schema, from, to), &mut out).unwrap();
    }
    writer.finish(&mut out).unwrap();
    out
}

fn keep(name: &str, message: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), message).unwrap();
}

/// The figures as rows, with the components `shown` lets through.
fn expected(shown: impl Fn(&str) -> bool) -> Vec<Row> {
    let schema = schema();
    let row = |i: usize| {
        let ids = schema.components().map(|c| c.id.as_str()).filter(|id| shown(id));
        let value = FIGURES[i].3.map(|v| v.to_string());
        ids.filter_map(|id| Some((id.to_owned(), if id == "OBS_VALUE" { value.clone() } else { cell(i, id) }?)))
            .collect()
    };
    (0..FIGURES.len()).map(row).collect()
}

fn read_csv(bytes: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(bytes);
    let rows: Vec<Row> = reader.deserialize().map(Result::unwrap).collect();
    let strip = |mut row: Row| {
        match row.remove("DATAFLOW") {
            Some(dataflow) => assert_eq!(dataflow, "RCP:RETURNS(1.0.0)"),
            None => {
                let structure = ["STRUCTURE", "STRUCTURE_ID", "ACTION"].map(|id| row.remove(id).unwrap());
                assert_eq!(structure, ["dataflow", "RCP:RETURNS(1.0.0)", "I"]);
            }
        }
        row.retain(|_, text| !text.is_empty());
        row
    };
    rows.into_iter().map(strip).collect()
}

fn read_xml(bytes: &[u8]) -> Vec<Row> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).unwrap());
    let (mut series, mut rows) = (Row::new(), Vec::new());
    let texts = |e: &quick_xml::events::BytesStart<'_>| -> Row {
        let pairs = e.attributes().map(|a| {
            let a = a.unwrap();
            let text = quick_xml::escape::unescape(&a.value).unwrap().into_owned();
            (String::from_utf8_lossy(a.key.as_ref().as_bytes()).into_owned(), text)
        });
        pairs.collect()
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Start(e) if e.name().as_ref() == "Series" => series = texts(&e),
            Event::Empty(e) if e.name().as_ref() == "Obs" => {
                let mut row = series.clone();
                row.extend(texts(&e));
                rows.push(row);
            }
            Event::End(e) if e.name().as_ref() == "Series" && rows.is_empty() => rows.push(series.clone()),
            Event::Eof => return rows,
            _ => {}
        }
    }
}

fn read_generic(bytes: &[u8]) -> Vec<Row> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).unwrap());
    let (mut series, mut row, mut rows) = (Row::new(), Row::new(), Vec::new());
    let mut in_observation = false;
    loop {
        let event = reader.read_event().unwrap();
        match &event {
            Event::Start(e) if e.name().as_ref() == "gen:Series" => series = Row::new(),
            Event::Start(e) if e.name().as_ref() == "gen:Obs" => {
                in_observation = true;
                row = series.clone();
            }
            Event::End(e) if e.name().as_ref() == "gen:Obs" => {
                in_observation = false;
                rows.push(std::mem::take(&mut row));
            }
            Event::Empty(e) => {
                let text = |name: &str| {
                    let found = e.attributes().map(|a| a.unwrap()).find(|a| a.key.as_ref() == name);
                    found.map(|a| quick_xml::escape::unescape(&a.value).unwrap().into_owned())
                };
                let id = match e.name().as_ref() {
                    "gen:Value" => text("id").unwrap(),
                    "gen:ObsDimension" => "TIME_PERIOD".to_owned(),
                    "gen:ObsValue" => "OBS_VALUE".to_owned(),
                    _ => continue,
                };
                if in_observation { &mut row } else { &mut series }.insert(id, text("value").unwrap());
            }
            Event::Eof => return rows,
            _ => {}
        }
    }
}

fn read_json(bytes: &[u8]) -> Vec<Row> {
    let message: Value = serde_json::from_slice(bytes).unwrap();
    // 1.0 has one structure, which names no measure.
    let first = message["data"].get("structure").is_some();
    let mut structure = if first { &message["data"]["structure"] } else { &message["data"]["structures"][0] }.clone();
    if first {
        structure["measures"] = serde_json::json!({ "observation": [{ "id": "OBS_VALUE" }] });
    }
    let list = |kind: &str, level: &str| structure[kind][level].as_array().cloned().unwrap_or_default();
    let place = |row: &mut Row, components: &[Value], key: &str| {
        for (component, position) in components.iter().zip(key.split(':')) {
            let id = component["values"][position.parse::<usize>().unwrap()]["id"].as_str().unwrap();
            row.insert(component["id"].as_str().unwrap().to_owned(), id.to_owned());
        }
    };
    let observation = |row: &mut Row, cells: &Value| {
        let components: Vec<Value> =
            [list("measures", "observation"), list("attributes", "observation")].into_iter().flatten().collect();
        assert_eq!(cells.as_array().unwrap().len(), components.len());
        for (component, cell) in components.iter().zip(cells.as_array().unwrap()) {
            let text = match (cell, component.get("values")) {
                (Value::Null, _) => continue,
                (Value::Number(n), Some(values)) => {
                    let value = &values[n.as_u64().unwrap() as usize];
                    value.get("id").unwrap_or(&value["name"]).as_str().unwrap().to_owned()
                }
                (Value::Number(n), None) => n.to_string(),
                (text, _) => text.as_str().unwrap().to_owned(),
            };
            row.insert(component["id"].as_str().unwrap().to_owned(), text);
        }
    };
    let mut rows = Vec::new();
    let set = &message["data"]["dataSets"][0];
    for (key, cells) in set["observations"].as_object().into_iter().flatten() {
        let mut row = Row::new();
        place(&mut row, &list("dimensions", "observation"), key);
        observation(&mut row, cells);
        rows.push(row);
    }
    for (key, series) in set["series"].as_object().into_iter().flatten() {
        let mut start = Row::new();
        place(&mut start, &list("dimensions", "series"), key);
        for (time, cells) in series["observations"].as_object().into_iter().flatten() {
            let mut row = start.clone();
            place(&mut row, &list("dimensions", "observation"), time);
            observation(&mut row, cells);
            rows.push(row);
        }
    }
    rows
}

fn read(format: DataFormat, bytes: &[u8]) -> Vec<Row> {
    match format {
        DataFormat::Csv1 | DataFormat::Csv2 => read_csv(bytes),
        DataFormat::Json1 | DataFormat::Json2 => read_json(bytes),
        DataFormat::Specific21 | DataFormat::Specific30 => read_xml(bytes),
        DataFormat::Generic => read_generic(bytes),
    }
}

const FORMATS: [(DataFormat, &str); 7] = [
    (DataFormat::Csv1, "1.csv"),
    (DataFormat::Csv2, "csv"),
    (DataFormat::Json1, "1.json"),
    (DataFormat::Json2, "json"),
    (DataFormat::Generic, "generic.xml"),
    (DataFormat::Specific21, "2_1.xml"),
    (DataFormat::Specific30, "xml"),
];

#[test]
fn what_is_written_is_read_back() {
    for (format, ending) in FORMATS {
        for (flat, name) in [(false, "series"), (true, "flat")] {
            let options = WriteOptions { flat, ..WriteOptions::default() };
            let bytes = message(writer(format, &schema(), header(), options));
            keep(&format!("{name}.{ending}"), &bytes);
            let mut rows = read(format, &bytes);
            rows.sort();
            let mut wanted = expected(|_| true);
            wanted.sort();
            assert_eq!(rows, wanted, "{name}.{ending}");
        }
    }
}

#[test]
fn only_the_parts_asked_for_are_written() {
    let schema = Arc::new(schema());
    let dimension = |id: &str| schema.dimension_index(id).is_some() || id == "TIME_PERIOD";
    let parts: [Part<'_>; 4] = [
        ("attributes", "OBS_STATUS", &|id| dimension(id) || id == "OBS_VALUE" || id == "OBS_STATUS"),
        ("attributes", "none", &|id| dimension(id) || id == "OBS_VALUE"),
        ("measures", "none", &|id| id != "OBS_VALUE"),
        ("detail", "dataonly", &|id| dimension(id) || id == "OBS_VALUE"),
    ];
    for (name, value, shown) in parts {
        for (format, ending) in FORMATS {
            for at in ["TIME_PERIOD", "AllDimensions"] {
                let parameters =
                    [(name, value), ("dimensionAtObservation", at)].map(|(n, v)| (n.to_owned(), v.to_owned()));
                let query = rest::parse(&schema, "*", &parameters).unwrap();
                let bytes = message(writer_for(&query, format, &schema, header(), CsvOptions::default()));
                keep(&format!("{name}_{value}_{at}.{ending}"), &bytes);
                let mut rows = read(format, &bytes);
                rows.sort();
                let mut wanted = expected(shown);
                wanted.sort();
                assert_eq!(rows, wanted, "{name}={value} {at} {ending}");
            }
        }
    }
}

#[test]
fn series_keys_stand_once() {
    let parameters = [("detail".to_owned(), "serieskeysonly".to_owned())];
    let query = rest::parse(&schema(), "*", &parameters).unwrap();
    let message = |format| message(writer_for(&query, format, &Arc::new(schema()), header(), CsvOptions::default()));
    let (csv, json, xml) = (message(DataFormat::Csv2), message(DataFormat::Json2), message(DataFormat::Specific30));
    let rows = read_csv(&csv);
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.len() == 7), "{rows:?}");
    let json_value: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json_value["data"]["dataSets"][0]["series"].as_object().unwrap().len(), 3);
    let text = String::from_utf8(xml.clone()).unwrap();
    assert_eq!(
        (text.matches("<Series ").count(), text.matches("</Series>").count(), text.contains("<Obs")),
        (3, 3, false)
    );
    for (name, bytes) in [("keys.csv", csv), ("keys.json", json), ("keys.xml", xml)] {
        keep(name, &bytes);
    }
}

#[test]
fn labels_stand_beside_codes() {
    let text = |labels| {
        let query = DataQuery::all(&schema());
        let options = CsvOptions { labels, ..CsvOptions::default() };
        let bytes = message(writer_for(&query, DataFormat::Csv2, &Arc::new(schema()), header(), options));
        keep(if labels == Labels::Both { "labels_both.csv" } else { "labels_name.csv" }, &bytes);
        String::from_utf8(bytes).unwrap()
    };
    let both = text(Labels::Both);
    assert!(
        both.contains("ORIGIN: ") && both.contains("MEX: Mexico") && both.contains("dataflow,RCP:RETURNS(1.0.0): "),
        "{both}"
    );
    let name = text(Labels::Name);
    assert!(
        name.starts_with("STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,FREQ,") && name.contains(",MEX,Mexico,"),
        "{name}"
    );
}

#[test]
fn keys_and_days_stand_in_columns_of_their_own() {
    let text = |keys, format| {
        let options = CsvOptions { keys, normalized_time: true, ..CsvOptions::default() };
        String::from_utf8(message(writer_for(
            &DataQuery::all(&schema()),
            format,
            &Arc::new(schema()),
            header(),
            options,
        )))
        .unwrap()
    };
    let both = text(Keys::Both, DataFormat::Csv2);
    assert!(both.starts_with("STRUCTURE,STRUCTURE_ID,ACTION,SERIES_KEY,OBS_KEY,FREQ,"), "{both}");
    assert!(both.contains(",M.GTM.MEX.GTM._T.F._T,M.GTM.MEX.GTM._T.F._T.2024-01,M,"), "{both}");
    assert!(both.contains(",2024-01-01,17,"), "{both}");
    let series = text(Keys::Series, DataFormat::Csv2);
    assert!(series.contains(",SERIES_KEY,FREQ,") && !series.contains("OBS_KEY"), "{series}");
    assert!(text(Keys::Both, DataFormat::Csv1).starts_with("DATAFLOW,FREQ,"));
}

#[test]
fn a_message_without_figures_is_whole() {
    for (format, ending) in FORMATS {
        for flat in [false, true] {
            let mut out = Vec::new();
            let mut writer = writer(format, &schema(), header(), WriteOptions { flat, ..WriteOptions::default() });
            writer.finish(&mut out).unwrap();
            keep(&format!("empty_{flat}.{ending}"), &out);
            assert!(read(format, &out).is_empty());
            assert!(!out.is_empty());
        }
    }
}

#[test]
fn hostile_figures_spoil_no_message() {
    let schema = schema();
    let whole = batch(&schema, 0, 1);
    let fields = whole.schema();
    let columns = fields.fields().iter().zip(whole.columns()).map(|(field, column)| -> ArrayRef {
        match field.name().as_str() {
            "OBS_VALUE" => Arc::new(Float64Array::from(vec![f64::NAN])),
            "COMMENT" => Arc::new(StringArray::from(vec!["\u{0}\u{1b}\u{ffff}]]><x a='\u{b}'>"])),
            _ => Arc::clone(column),
        }
    });
    let columns = columns.collect();
    let hostile = RecordBatch::try_new(whole.schema(), columns).unwrap();
    for (format, ending) in FORMATS {
        let mut out = Vec::new();
        let mut writer = writer(format, &schema, header(), WriteOptions::default());
        writer.write(&hostile, &mut out).unwrap();
        writer.finish(&mut out).unwrap();
        keep(&format!("hostile.{ending}"), &out);
        let rows = read(format, &out);
        assert!(rows.len() == 1 && !rows[0].contains_key("OBS_VALUE"), "{ending}: {rows:?}");
    }
}

#[test]
fn a_column_of_another_type_is_named() {
    let schema = schema();
    let whole = batch(&schema, 0, 1);
    let without = whole.project(&(1..whole.num_columns()).collect::<Vec<_>>()).unwrap();
    for (format, _) in FORMATS {
        let error =
            writer(format, &schema, header(), WriteOptions::default()).write(&without, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("`FREQ`"), "{error}");
    }
}
