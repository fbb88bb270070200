//! Data queries: a stream of batches becomes a stream of bytes.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::{Data as FigureData, Node};
use chancery_schema::data::{DataWriter, Labels, writer_for};
use chancery_schema::dataset::RELEASE;
use chancery_schema::query::rest;
use chancery_schema::{DataQuery, DatasetSchema};
use futures::StreamExt as _;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};

use super::params::{Params, dataflow, header, segment};
use crate::error::HttpError;
use crate::negotiate::{self, Figures};

pub(crate) async fn data(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let format = negotiate::figures(&request, params.get("format"))?;
    let languages = negotiate::languages(&request);
    let schema = dataflow(&node, &request)?.in_languages(&languages);
    let key = segment(&request, "key", "*")?;
    let query = rest::parse(&schema, &key, &params.0).map_err(|e| HttpError::bad_request(e.to_string()))?;
    let labels = labels(&params)?;
    let mut figures = node.data(&schema, &query).await?;
    let spoken = languages.of_message().join(", ");
    let etag = etag(&figures, &request, format, &spoken);
    let known = request.headers().get(IF_NONE_MATCH).and_then(|h| h.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|k| k.trim() == etag)) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    // The first batch tells whether there is anything, while a status can still be sent.
    let first = loop {
        match figures.stream.next().await {
            None => break None,
            Some(Ok(batch)) if batch.num_rows() == 0 => {}
            Some(batch) => break Some(batch.map_err(query_failed)?),
        }
    };
    let Some(first) = first else { return empty(&schema) };
    let mut response = HttpResponse::Ok();
    response
        .content_type(format.media_type())
        .insert_header((ETAG, etag))
        .insert_header(("Content-Language", spoken))
        .insert_header(("Vary", "Accept, Accept-Encoding, Accept-Language"))
        .insert_header(("X-Chancery-Releases", figures.releases.len().to_string()));
    if request.method() == actix_web::http::Method::HEAD {
        return Ok(response.finish());
    }
    match format {
        Figures::Text(format) => {
            let header = header(&node, &format!("DATA_{}", schema.dataflow.id), figures.updated_at);
            let writer = writer_for(&query, format, &schema, header, labels);
            Ok(response.streaming(text(figures, first, writer)))
        }
        Figures::Parquet => {
            let name = format!("attachment; filename=\"{}.parquet\"", schema.dataflow.id);
            let body = parquet_file(&schema, &query, figures, first).await?;
            Ok(response.insert_header(("Content-Disposition", name)).body(body))
        }
    }
}

/// The standard's answer to a query that matches no figures.
fn empty(schema: &DatasetSchema) -> Result<HttpResponse, HttpError> {
    Err(HttpError::new(
        StatusCode::NOT_FOUND,
        "no_results",
        format!("no figures of `{}` match the query", schema.dataflow),
    ))
}

fn labels(params: &Params) -> Result<Labels, HttpError> {
    match params.get("labels") {
        None if params.get("format") == Some("csvfilewithlabels") => Ok(Labels::Both),
        None | Some("id") => Ok(Labels::Id),
        Some("both") => Ok(Labels::Both),
        Some("name") => Ok(Labels::Name),
        Some(other) => Err(HttpError::bad_request(format!(
            "unknown labels `{}`: use id, both or name",
            other.chars().take(40).collect::<String>()
        ))),
    }
}

/// Derives from the releases read and what was asked of them.
fn etag(figures: &FigureData, request: &HttpRequest, format: Figures, languages: &str) -> String {
    let mut hasher = Sha256::new();
    let asked = [request.path(), request.query_string(), format.media_type(), languages];
    for part in figures.releases.iter().map(String::as_str).chain(asked) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    format!("W/\"{}\"", hex::encode(&hasher.finalize()[..16]))
}

fn query_failed(failure: impl std::error::Error) -> HttpError {
    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "query_failed", failure.to_string())
}

/// Batches as text. A failure midway cuts the connection: a client must not take half an answer for a whole one.
fn text(
    figures: FigureData,
    first: arrow::array::RecordBatch,
    writer: Box<dyn DataWriter>,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let writer = Arc::new(Mutex::new(writer));
    let last = Arc::clone(&writer);
    let batches = futures::stream::once(async move { Ok(first) }).chain(figures.stream);
    let body = batches.map(move |batch| {
        let batch = batch.map_err(std::io::Error::other)?;
        let mut out = Vec::new();
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write(&batch, &mut out).map_err(std::io::Error::other)?;
        Ok(Bytes::from(out))
    });
    body.chain(futures::stream::once(async move {
        let mut out = Vec::new();
        let mut writer = last.lock().unwrap_or_else(PoisonError::into_inner);
        writer.finish(&mut out).map_err(std::io::Error::other)?;
        Ok(Bytes::from(out))
    }))
}

/// A Parquet file of the answer, with the releases it came from.
async fn parquet_file(
    schema: &DatasetSchema,
    query: &DataQuery,
    mut figures: FigureData,
    first: arrow::array::RecordBatch,
) -> Result<Vec<u8>, HttpError> {
    let failed =
        |e: &dyn std::fmt::Display| HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", e.to_string());
    let metadata = vec![
        KeyValue::new("chancery.dataflow".to_owned(), query.dataflow.urn("datastructure.Dataflow")),
        KeyValue::new("chancery.structure".to_owned(), schema.structure.urn("datastructure.DataStructure")),
        KeyValue::new("chancery.releases".to_owned(), figures.releases.join(",")),
    ];
    let properties = WriterProperties::builder().set_key_value_metadata(Some(metadata)).build();
    let columns: Vec<usize> =
        first.schema().fields().iter().enumerate().filter(|(_, f)| f.name() != RELEASE).map(|(i, _)| i).collect();
    let first = first.project(&columns).map_err(|e| failed(&e))?;
    let mut writer = ArrowWriter::try_new(Vec::new(), first.schema(), Some(properties)).map_err(|e| failed(&e))?;
    writer.write(&first).map_err(|e| failed(&e))?;
    while let Some(batch) = figures.stream.next().await {
        let batch = batch.map_err(query_failed)?.project(&columns).map_err(|e| failed(&e))?;
        writer.write(&batch).map_err(|e| failed(&e))?;
    }
    writer.into_inner().map_err(|e| failed(&e))
}
