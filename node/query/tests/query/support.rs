//! Observations as plain rows, and artefacts made of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_query::artefact::ArtefactWriter;
use chancery_query::{QueryConfig, QueryEngine, QueryStream, Source};
use chancery_schema::data::Texts;
use chancery_schema::dataset::{DatasetSchema, OBS_VALUE, RELEASE, TIME_PERIOD};
use chancery_schema::shared;
use futures::StreamExt as _;

/// The codes of RETURNS: FREQ, REF_AREA, ORIGIN, DESTINATION, RETURN_TYPE, SEX, AGE.
pub(crate) const DIMENSIONS: usize = 7;

/// One observation: dimensions, then time; the figure; the release it came from, if it was queried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) key: Vec<String>,
    pub(crate) value: Option<f64>,
    pub(crate) release: String,
}

impl Row {
    /// A component's text.
    pub(crate) fn text(&self, schema: &DatasetSchema, id: &str) -> String {
        let index = schema.dimension_index(id).unwrap_or(DIMENSIONS);
        self.key[index].clone()
    }
}

pub(crate) fn schema() -> DatasetSchema {
    let structures = shared::structures().unwrap();
    let dataflow = structures.find_dataflow("RETURNS").unwrap();
    structures.dataset_schema(&dataflow).unwrap()
}

/// Attributes the same for all; suppressed where there is no figure.
pub(crate) fn batch(schema: &DatasetSchema, rows: &[Row]) -> RecordBatch {
    let text = |f: &dyn Fn(&Row) -> String| Arc::new(StringArray::from_iter_values(rows.iter().map(f))) as ArrayRef;
    let mut columns: Vec<ArrayRef> = (0..=DIMENSIONS).map(|i| text(&|row| row.key[i].clone())).collect();
    columns.push(Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.value))));
    for attribute in &schema.attributes {
        let status = attribute.id == "OBS_STATUS";
        let any = attribute.codes.as_ref().and_then(|codes| codes.iter().next()).map_or("text", |(code, _)| code);
        columns.push(text(&|row| match row.value {
            None if status => "Q".to_owned(),
            Some(_) if status => "A".to_owned(),
            _ => any.to_owned(),
        }));
    }
    RecordBatch::try_new(schema.arrow_schema(), columns).unwrap()
}

/// Writes sorted rows as an artefact.
pub(crate) fn artefact(path: &Path, schema: &DatasetSchema, rows: &[Row]) {
    let mut writer = ArtefactWriter::new(File::create(path).unwrap(), schema).unwrap();
    writer.write(&batch(schema, rows)).unwrap();
    writer.finish().unwrap();
}

/// One artefact for each release among the rows.
pub(crate) fn sources(dir: &Path, schema: &DatasetSchema, rows: &[Row]) -> Vec<Source> {
    let mut releases: Vec<String> = rows.iter().map(|row| row.release.clone()).collect();
    releases.sort();
    releases.dedup();
    let write = |release: String| {
        let path: PathBuf = dir.join(format!("{release}.parquet"));
        let of: Vec<Row> = rows.iter().filter(|row| row.release == release).cloned().collect();
        artefact(&path, schema, &of);
        Source { release, artefacts: vec![path] }
    };
    releases.into_iter().map(write).collect()
}

pub(crate) fn engine(dir: &Path, memory_bytes: usize) -> QueryEngine {
    let time_limit = std::time::Duration::from_secs(600);
    QueryEngine::new(&QueryConfig { memory_bytes, threads: 2, spill_dir: dir.to_path_buf(), time_limit }).unwrap()
}

/// The rows of an answer, in its order.
pub(crate) async fn rows(mut stream: QueryStream, schema: &DatasetSchema) -> Vec<Row> {
    let ids: Vec<&str> = schema.dimensions.iter().map(|d| d.id.as_str()).chain([TIME_PERIOD]).collect();
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap();
        let text = |id: &str, row: usize| Texts::of(batch.column_by_name(id).unwrap()).unwrap().value(row).to_owned();
        let values = batch.column_by_name(OBS_VALUE).unwrap().as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            rows.push(Row {
                key: ids.iter().map(|id| text(id, row)).collect(),
                value: values.is_valid(row).then(|| values.value(row)),
                release: text(RELEASE, row),
            });
        }
    }
    // Readers may ask again after the end.
    assert!(stream.next().await.is_none());
    rows
}
