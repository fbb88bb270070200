//! Data queries: a stream of batches becomes a stream of bytes.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LAST_MODIFIED, LINK};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use arrow::array::RecordBatch;
use chancery_exchange::{Data as FigureData, Node};
use chancery_schema::data::history::{HistoryWriter, VALID_FROM, VALID_TO, Validity, with_validity};
use chancery_schema::data::{CsvOptions, DataWriter, Keys, Labels, writer_for};
use chancery_schema::message::ReleaseLink;
use chancery_schema::query::{AtObservation, QueryError, Selection, rest};
use chancery_schema::{DataQuery, DatasetSchema};
use futures::StreamExt as _;
use sha2::{Digest, Sha256};

use super::params::{Params, address, dataflow, header, http_date, segment};
use super::whole::unchanged;
use crate::encode::xlsx::{MAX_FIGURES, XlsxEncoder};
use crate::encode::{self, ArrowEncoder, ParquetEncoder};
use crate::error::HttpError;
use crate::negotiate::{self, Api, Figures};

/// Most releases named in the header of an answer; its message names all.
const MAX_LINKS: usize = 20;

/// Figures, in SDMX-JSON, SDMX-ML, SDMX-CSV, Parquet, Arrow or XLSX. Filters are further parameters: `c[SEX]=F`, `c[TIME_PERIOD]=ge:2020`.
#[utoipa::path(
    get, path = "/sdmx/3/data/{context}/{agency}/{id}/{version}/{key}", tag = "SDMX REST 2",
    params(
        ("context" = String, Path, description = "`dataflow`, `datastructure` or `*`", example = "dataflow"),
        ("agency" = String, Path, description = "Agency or `*`", example = "RCP"),
        ("id" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("version" = String, Path, description = "Version, `+`, `~` or `*`", example = "1.0.0"),
        ("key" = String, Path, description = "Codes by position: `M.*.MEX.GTM+HND.*.*.*`, or `*`", example = "*"),
        ("startPeriod" = Option<String>, Query, description = "First period"),
        ("endPeriod" = Option<String>, Query, description = "Last period"),
        ("asOf" = Option<String>, Query, description = "What was known then"),
        ("updatedAfter" = Option<String>, Query, description = "Releases that became known after that"),
        ("firstNObservations" = Option<u32>, Query, description = "First observations of each series"),
        ("lastNObservations" = Option<u32>, Query, description = "Last observations of each series"),
        ("dimensionAtObservation" = Option<String>, Query, description = "`TIME_PERIOD`, another dimension, `AllDimensions`"),
        ("attributes" = Option<String>, Query, description = "`all`, `none`, `dsd`, or ids"),
        ("measures" = Option<String>, Query, description = "`all`, `none` or ids"),
        ("offset" = Option<u64>, Query, description = "Observations skipped"),
        ("limit" = Option<u64>, Query, description = "Most observations"),
        ("sort" = Option<String>, Query, description = "Components joined by `+`, each perhaps with `:desc`; `*`, `series_key`"),
        ("includeHistory" = Option<bool>, Query, description = "Every dissemination, with the time it was in force"),
        ("format" = Option<String>, Query, description = "`csvdata`, `jsondata`, `genericdata`, `structurespecificdata`, `parquet`, `arrow`, `xlsx`"),
        ("formatVersion" = Option<String>, Query, description = "Its version"),
        ("labels" = Option<String>, Query, description = "SDMX-CSV: `id`, `name` or `both`"),
        ("keys" = Option<String>, Query, description = "SDMX-CSV: `none`, `series`, `obs` or `both`"),
        ("timeFormat" = Option<String>, Query, description = "SDMX-CSV: `original` or `normalized`"),
    ),
    responses(
        (status = 200, description = "The figures", content_type = "application/vnd.sdmx.data+json;version=2.0.0", body = Object),
        (status = 204, description = "No figures match"),
        (status = 304, description = "What the client holds is still true"),
        (status = 400, description = "An SDMX error message: the query is wrong"),
        (status = 404, description = "An SDMX error message: there is no such dataflow"),
        (status = 406, description = "An SDMX error message: no such format"),
        (status = 413, description = "An SDMX error message: the query asks for too much"),
        (status = 501, description = "An SDMX error message: not offered here"),
    )
)]
pub(crate) async fn data(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let schema = dataflow(&node, &request)?;
    let key = segment(&request, "key", "*")?;
    let query = rest::parse(&schema, &key, &params.0).map_err(wrong)?;
    answer(&node, &request, &params, &schema, &query).await
}

/// What a query error means in HTTP.
pub(super) fn wrong(error: QueryError) -> HttpError {
    match error {
        QueryError::TooLarge(_) => HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error.to_string()),
        QueryError::NotOffered { .. } => HttpError::new(StatusCode::NOT_IMPLEMENTED, "not_offered", error.to_string()),
        QueryError::Parameter { .. } | QueryError::Key { .. } | QueryError::Component { .. } => {
            HttpError::bad_request(error.to_string())
        }
    }
}

/// Answers a data query, in the representation the client prefers.
pub(super) async fn answer(
    node: &Node,
    request: &HttpRequest,
    params: &Params,
    schema: &DatasetSchema,
    query: &DataQuery,
) -> Result<HttpResponse, HttpError> {
    let languages = negotiate::languages(request);
    let schema = &node.schema_in(&schema.dataflow, &languages)?;
    let format = negotiate::figures(request, params.get("format"), params.get("formatVersion"))?;
    let csv = csv_options(request, params)?;
    if format == Figures::Xlsx {
        fits_sheet(node, schema, query).await?;
    }
    let query = &in_order(schema, query, format, params)?;
    let mut figures = node.data(schema, query).await?;
    let links = links(node, request, &figures.releases);
    let mut response = HttpResponse::Ok();
    let spoken = languages.of_message().join(", ");
    let etag = etag(&figures, request, format, &spoken);
    describe(&mut response, &figures, &links);
    response.insert_header((ETAG, etag.as_str())).insert_header(("Content-Language", spoken));
    if unchanged(request.headers(), &etag, figures.updated_at) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    // The first batches tell whether there is anything, and whether it is little, while a status can still be sent.
    let mut before = Vec::new();
    while before.len() < 2 {
        match figures.stream.next().await {
            None => break,
            Some(batch) => before.extend(Some(batch.map_err(failed)?).filter(|batch| batch.num_rows() > 0)),
        }
    }
    if before.is_empty() && !wants_empty(request, params) {
        return nothing(request, schema);
    }
    response.content_type(format.media_type());
    let name = format!("attachment; filename=\"{}.{}\"", schema.dataflow.id, format.extension());
    if params.get("download").is_some() || matches!(format, Figures::Parquet | Figures::Arrow | Figures::Xlsx) {
        response.insert_header(("Content-Disposition", name));
    }
    let writer = Form { node, format, csv, figures: &figures, links }.writer(schema, query)?;
    match <[RecordBatch; 1]>::try_from(before) {
        Ok([only]) => Ok(response.body(encode::whole(&only, writer).map_err(unwritten)?)),
        Err(before) => Ok(response.streaming(encode::stream(before, figures, writer))),
    }
}

/// The query with its order as the format can have it: where series are told apart they must stay whole.
fn in_order(
    schema: &DatasetSchema,
    query: &DataQuery,
    format: Figures,
    params: &Params,
) -> Result<DataQuery, HttpError> {
    let mut query = query.clone();
    let by_series = matches!(format, Figures::Text(format) if !format.is_table());
    if by_series && query.at_observation != AtObservation::All && !query.keep_series_whole(schema) {
        return Err(wrong(QueryError::NotOffered {
            parameter: "sort",
            value: params.get("sort").unwrap_or_default().chars().take(80).collect(),
            instead: "it would tear series apart: ask with `dimensionAtObservation=AllDimensions`, or for `format=csv`",
        }));
    }
    Ok(query)
}

/// What figures are written as, whichever of their components.
struct Form<'a> {
    node: &'a Node,
    format: Figures,
    csv: CsvOptions,
    figures: &'a FigureData,
    links: Vec<ReleaseLink>,
}

impl Form<'_> {
    /// A writer that tells disseminations apart, if the history is asked for.
    fn writer(self, schema: &Arc<DatasetSchema>, query: &DataQuery) -> Result<Box<dyn DataWriter>, HttpError> {
        if !query.include_history {
            return self.plain_writer(schema, query);
        }
        let validity = match self.format {
            Figures::Text(format) if !format.is_table() => Validity::Sets,
            _ => Validity::Columns,
        };
        let (mut query, mut schema) = (query.clone(), Arc::clone(schema));
        if validity == Validity::Columns {
            schema = Arc::new(with_validity(&schema));
            if let Selection::Only(ids) = &mut query.attributes {
                ids.extend([VALID_FROM, VALID_TO].map(str::to_owned));
            }
        }
        let history = self.figures.history.clone();
        Ok(Box::new(HistoryWriter::new(self.plain_writer(&schema, &query)?, history, validity)))
    }

    fn plain_writer(self, schema: &Arc<DatasetSchema>, query: &DataQuery) -> Result<Box<dyn DataWriter>, HttpError> {
        let Self { node, format, csv, figures, links } = self;
        Ok(match format {
            Figures::Text(format) => {
                let mut header = header(node, &format!("DATA_{}", schema.dataflow.id), figures.updated_at);
                header.releases = links;
                writer_for(query, format, schema, header, csv)
            }
            Figures::Parquet => {
                Box::new(ParquetEncoder::new(&query.selected(schema), &figures.releases).map_err(unwritten)?)
            }
            Figures::Xlsx => Box::new(XlsxEncoder::new(schema, query, csv.labels, links).map_err(unwritten)?),
            Figures::Arrow => {
                Box::new(ArrowEncoder::new(&query.selected(schema), &figures.releases).map_err(unwritten)?)
            }
        })
    }
}

/// A sheet has an end; what does not fit it is refused while a status can still be sent.
async fn fits_sheet(node: &Node, schema: &DatasetSchema, query: &DataQuery) -> Result<(), HttpError> {
    let figures = node.count(schema, query).await?;
    if figures <= MAX_FIGURES {
        return Ok(());
    }
    let what = format!(
        "{figures} figures do not fit a sheet, which has {MAX_FIGURES} rows: ask for less, or for `format=csv` or `format=parquet`"
    );
    Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what))
}

/// The releases read, each with the address of its signed record.
fn links(node: &Node, request: &HttpRequest, releases: &[String]) -> Vec<ReleaseLink> {
    let base = address(node, request);
    releases.iter().map(|id| ReleaseLink { id: id.clone(), href: format!("{base}/api/v1/releases/{id}") }).collect()
}

/// Headers that hold for the answer whether or not it is sent.
fn describe(response: &mut HttpResponseBuilder, figures: &FigureData, links: &[ReleaseLink]) {
    response
        .insert_header(("Vary", "Accept, Accept-Encoding, Accept-Language"))
        .insert_header(("Cache-Control", "no-cache"))
        .insert_header(("X-Chancery-Releases", figures.releases.len().to_string()));
    if let Some(at) = figures.updated_at {
        response.insert_header((LAST_MODIFIED, http_date(at)));
    }
    if !figures.withdrawn.is_empty() {
        let ids = figures.withdrawn.iter().take(MAX_LINKS).map(String::as_str).collect::<Vec<_>>().join(", ");
        response.insert_header(("X-Chancery-Withdrawn", ids));
    }
    for link in links.iter().take(MAX_LINKS) {
        response.append_header((LINK, format!("<{}>; rel=\"via\"; type=\"application/json\"", link.href)));
    }
}

/// Whether a client that takes anything gets an empty message rather than none at all, at which one stops.
fn wants_empty(request: &HttpRequest, params: &Params) -> bool {
    let accept = request.headers().get(actix_web::http::header::ACCEPT).and_then(|h| h.to_str().ok());
    Api::of(request) == Api::V2 && params.get("format").is_none() && accept.is_some_and(|a| a.trim() == "*/*")
}

/// The standard's answer to a query that matches no figures: 204 in REST 2, 404 in REST 1.5.
fn nothing(request: &HttpRequest, schema: &DatasetSchema) -> Result<HttpResponse, HttpError> {
    match Api::of(request) {
        Api::V2 => Ok(HttpResponse::NoContent().finish()),
        Api::V1 => Err(HttpError::new(
            StatusCode::NOT_FOUND,
            "no_results",
            format!("no figures of `{}` match the query", schema.dataflow),
        )),
    }
}

/// As parameters say, else as the media type asked for does.
fn csv_options(request: &HttpRequest, params: &Params) -> Result<CsvOptions, HttpError> {
    let accepted = negotiate::csv_parameters(request);
    let get = |name: &str| params.get(name).or_else(|| accepted.get(&name.to_ascii_lowercase()).map(String::as_str));
    let refuse = |name: &str, value: &str, known: &str| {
        let value = value.chars().take(40).collect::<String>();
        Err(HttpError::bad_request(format!("unknown `{name}` `{value}`: use {known}")))
    };
    let labels = match get("labels") {
        None if matches!(params.get("format"), Some("csvfilewithlabels" | "csvdatawithlabels")) => Labels::Both,
        None | Some("id") => Labels::Id,
        Some("both") => Labels::Both,
        Some("name") => Labels::Name,
        Some(other) => return refuse("labels", other, "id, both or name"),
    };
    let keys = match get("keys") {
        None | Some("none") => Keys::None,
        Some("series") => Keys::Series,
        Some("obs") => Keys::Observation,
        Some("both") => Keys::Both,
        Some(other) => return refuse("keys", other, "none, series, obs or both"),
    };
    let normalized_time = match get("timeFormat") {
        None | Some("original") => false,
        Some("normalized") => true,
        Some(other) => return refuse("timeFormat", other, "original or normalized"),
    };
    Ok(CsvOptions { labels, keys, normalized_time })
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

fn failed(failure: impl std::error::Error) -> HttpError {
    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", failure.to_string())
}

fn unwritten(error: impl std::fmt::Display) -> HttpError {
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
}
