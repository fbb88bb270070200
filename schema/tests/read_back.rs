//! Whatever figures are written, in whatever format: the readers that imports use read the same observations back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use chancery_schema::DatasetSchema;
use chancery_schema::data::history::{Dissemination, HistoryWriter, Validity};
use chancery_schema::data::{DataFormat, WriteOptions, number_text, writer};
use chancery_schema::dataset::RELEASE;
use chancery_schema::json::data_reader::Outline;
use chancery_schema::message::MessageHeader;
use chancery_schema::rows::{Observations, SourceError};
use chancery_schema::xml::data_reader as xml;
use proptest::prelude::*;

/// Component to text; absent ones are left out.
type Row = BTreeMap<String, String>;

#[derive(Default)]
struct Seen(Vec<Row>);

impl Observations for Seen {
    fn structure(&mut self, _: &str) {}

    fn observation(&mut self, fields: &mut dyn Iterator<Item = (&str, &str)>) -> Result<ControlFlow<()>, SourceError> {
        let fields = fields.filter(|(_, text)| !text.is_empty());
        self.0.push(fields.map(|(id, text)| (id.to_owned(), text.to_owned())).collect());
        Ok(ControlFlow::Continue(()))
    }

    fn seen(&self) -> u64 {
        self.0.len() as u64
    }
}

fn schema() -> DatasetSchema {
    let structures = chancery_schema::shared::structures().unwrap();
    structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap()
}

fn header() -> MessageHeader {
    MessageHeader {
        id: "DATA".to_owned(),
        prepared: "2026-11-23T19:05:00Z".parse().unwrap(),
        sender_id: "GTM".to_owned(),
        sender_name: "Guatemala & Co".to_owned(),
        releases: Vec::new(),
    }
}

/// A figure: where from, whose, when, how many, its status, and what is said of it.
type Figure = (&'static str, &'static str, &'static str, Option<f64>, &'static str, Option<String>);

fn figures() -> impl Strategy<Value = Vec<Figure>> {
    let pick = proptest::sample::select::<&'static str>;
    let figure = (
        pick(vec!["MEX", "USA", "HND"]),
        pick(vec!["_T", "F", "M"]),
        pick(vec!["2023-12", "2024-01", "2024-02", "2024-11"]),
        proptest::option::weighted(0.8, proptest::num::f64::NORMAL),
        pick(vec!["A", "E", "Q"]),
        proptest::option::of("[^\\p{C}\\p{Z}]([^\\p{C}\\p{Zl}\\p{Zp}]{0,20}[^\\p{C}\\p{Z}])?"),
    );
    proptest::collection::vec(figure, 1..20).prop_map(|figures| {
        let unique: BTreeMap<_, _> = figures.into_iter().map(|f| ((f.0, f.1, f.2), f)).collect();
        unique.into_values().collect()
    })
}

fn cell(figure: &Figure, id: &str) -> Option<String> {
    let text = match id {
        "FREQ" => "M",
        "REF_AREA" | "DESTINATION" => "GTM",
        "ORIGIN" => figure.0,
        "SEX" => figure.1,
        "TIME_PERIOD" => figure.2,
        "OBS_STATUS" => figure.4,
        "RETURN_TYPE" | "AGE" => "_T",
        "CONF_STATUS" => "F",
        "UNIT_MEASURE" => "PS",
        "SOURCE" => "a, \"b\" & <c>",
        "COMMENT" => return figure.5.clone(),
        RELEASE => "ab12",
        _ => return None,
    };
    Some(text.to_owned())
}

fn batch(schema: &DatasetSchema, figures: &[Figure]) -> RecordBatch {
    let mut fields: Vec<Arc<Field>> = schema.arrow_schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(RELEASE, DataType::Utf8, false)));
    let columns = fields.iter().map(|field| -> ArrayRef {
        if field.name() == "OBS_VALUE" {
            Arc::new(figures.iter().map(|f| f.3).collect::<Float64Array>())
        } else {
            Arc::new(figures.iter().map(|f| cell(f, field.name())).collect::<StringArray>())
        }
    });
    let columns = columns.collect();
    let fields = fields.into_iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn expected(schema: &DatasetSchema, figures: &[Figure]) -> Vec<Row> {
    let row = |figure: &Figure| {
        let ids = schema.components().map(|c| c.id.as_str());
        let text = |id: &str| if id == "OBS_VALUE" { figure.3.map(number_text) } else { cell(figure, id) };
        ids.filter_map(|id| Some((id.to_owned(), text(id)?))).collect()
    };
    let mut rows: Vec<Row> = figures.iter().map(row).collect();
    rows.sort();
    rows
}

/// The observations of a message, as imports read them; figures in their shortest form.
fn read(format: DataFormat, message: &[u8]) -> Vec<Row> {
    let mut seen = Seen::default();
    match format {
        DataFormat::Csv1 | DataFormat::Csv2 => {
            let mut reader = csv::Reader::from_reader(message);
            let heads = reader.headers().unwrap().clone();
            for record in reader.records() {
                let record = record.unwrap();
                let known = |head: &&str| !["DATAFLOW", "STRUCTURE", "STRUCTURE_ID", "ACTION"].contains(head);
                let cells = heads.iter().zip(&record).filter(|(head, text)| known(head) && !text.is_empty());
                seen.0.push(cells.map(|(head, text)| (head.to_owned(), text.to_owned())).collect());
            }
        }
        DataFormat::Json1 | DataFormat::Json2 => {
            Outline::read(message).unwrap().observations(message, &mut seen).unwrap();
        }
        _ => xml::read(message, &mut seen).unwrap(),
    }
    for row in &mut seen.0 {
        if let Some(value) = row.get_mut("OBS_VALUE") {
            *value = number_text(value.parse().unwrap());
        }
    }
    seen.0.sort();
    seen.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_format_reads_back_to_the_same_observations(figures in figures(), flat in any::<bool>(), cut in 0usize..20) {
        let schema = schema();
        let cut = cut.min(figures.len());
        for format in DataFormat::ALL {
            let mut writer = writer(format, &schema, header(), WriteOptions { flat, ..WriteOptions::default() });
            let mut message = Vec::new();
            for part in [&figures[..cut], &figures[cut..]] {
                writer.write(&batch(&schema, part), &mut message).unwrap();
            }
            writer.finish(&mut message).unwrap();
            prop_assert_eq!(read(format, &message), expected(&schema, &figures), "{:?}", format);
        }
    }

    #[test]
    fn disseminations_read_back_as_they_were(figures in figures(), flat in any::<bool>()) {
        let schema = schema();
        let releases: Vec<Dissemination> = ["ab12", "cd34"]
            .map(|release| Dissemination {
                release: release.to_owned(),
                valid_from: "2026-11-01T00:00:00Z".to_owned(),
                valid_to: (release == "ab12").then(|| "2026-11-02T00:00:00Z".to_owned()),
            })
            .to_vec();
        let first = batch(&schema, &figures);
        let at = first.schema().index_of(RELEASE).unwrap();
        let mut columns = first.columns().to_vec();
        columns[at] = Arc::new(StringArray::from(vec!["cd34"; figures.len()]));
        let second = RecordBatch::try_new(first.schema(), columns).unwrap();
        let twice = expected(&schema, &[figures.clone(), figures.clone()].concat());
        for format in DataFormat::ALL.into_iter().filter(|format| !format.is_table()) {
            let inner = writer(format, &schema, header(), WriteOptions { flat, ..WriteOptions::default() });
            let mut writer = HistoryWriter::new(inner, releases.clone(), Validity::Sets);
            let mut message = Vec::new();
            for batch in [&first, &second] {
                chancery_schema::data::DataWriter::write(&mut writer, batch, &mut message).unwrap();
            }
            chancery_schema::data::DataWriter::finish(&mut writer, &mut message).unwrap();
            prop_assert_eq!(read(format, &message), twice.clone(), "{:?}", format);
        }
    }
}
