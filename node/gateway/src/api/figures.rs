//! Figures for a chart and its table: a small answer with labels and sources, beside the SDMX service.

use actix_web::web::{Data, Json, Query};
use actix_web::{Responder, get};
use chancery_exchange::views::{FiguresView, Sums};
use chancery_exchange::{FiguresQuery, Node};
use chancery_schema::DataQuery;

use crate::error::{ErrorBody, HttpError};

/// Most observations one answer holds; the page says when an answer was cut.
const MAX_OBSERVATIONS: u64 = 20_000;

/// Figures with labels and sources, for a chart and its table. Any dimension is a parameter too: `ORIGIN=MEX,USA`.
#[utoipa::path(
    get, path = "/api/v1/figures", tag = "Figures",
    params(
        ("dataflow" = String, Query, description = "Dataflow id", example = "RETURNS"),
        ("start" = Option<String>, Query, description = "First period", example = "2020"),
        ("end" = Option<String>, Query, description = "Last period"),
        ("asOf" = Option<String>, Query, description = "What was known then: RFC 3339, or a day"),
        ("limit" = Option<u64>, Query, description = "Most observations; 20,000 if more"),
    ),
    responses((status = 200, description = "As asked", body = FiguresView), (status = 400, description = "A parameter is wrong", body = ErrorBody))
)]
#[get("/figures")]
pub(crate) async fn list(node: Data<Node>, params: Query<Vec<(String, String)>>) -> Result<impl Responder, HttpError> {
    let mut query = FiguresQuery { limit: MAX_OBSERVATIONS, ..FiguresQuery::default() };
    for (name, value) in params.into_inner() {
        match name.as_str() {
            "dataflow" => query.dataflow = value,
            "start" => query.start = Some(value),
            "end" => query.end = Some(value),
            "asOf" => query.as_of = Some(value),
            "limit" => {
                let limit = value.parse::<u64>();
                let limit = limit.map_err(|_| HttpError::bad_request(format!("limit `{value}` is not a number")))?;
                query.limit = limit.min(MAX_OBSERVATIONS);
            }
            _ => query.filters.push((name, value)),
        }
    }
    if query.dataflow.is_empty() {
        return Err(HttpError::bad_request("the parameter `dataflow` is missing: `GET /api/v1/dataflows` lists them"));
    }
    Ok(Json(node.figures_view(query).await?))
}

/// Sums of figures by the codes of some components. Any dimension is a parameter too: `SEX=_T` keeps totals and parts from being added up.
#[utoipa::path(
    get, path = "/api/v1/sums", tag = "Figures",
    params(
        ("dataflow" = String, Query, description = "Dataflow id", example = "RETURNS"),
        ("by" = String, Query, description = "Components, separated by commas", example = "REF_AREA,TIME_PERIOD"),
        ("start" = Option<String>, Query, description = "First period", example = "2020"),
        ("end" = Option<String>, Query, description = "Last period"),
    ),
    responses((status = 200, description = "As asked", body = Sums), (status = 400, description = "A parameter is wrong", body = ErrorBody))
)]
#[get("/sums")]
pub(crate) async fn sums(node: Data<Node>, params: Query<Vec<(String, String)>>) -> Result<impl Responder, HttpError> {
    let value = |name: &str| params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let missing = |name: &str| HttpError::bad_request(format!("the parameter `{name}` is missing"));
    let schema = node.dataset_schema(value("dataflow").ok_or_else(|| missing("dataflow"))?)?;
    let by: Vec<&str> = value("by").ok_or_else(|| missing("by"))?.split(',').collect();
    let mut query = DataQuery::all(&schema);
    for (name, value) in params.iter() {
        let set = match name.as_str() {
            "dataflow" | "by" => Ok(()),
            "start" => query.set_start(value),
            "end" => query.set_end(value),
            component => query.add_filter(&schema, component, value),
        };
        set.map_err(|e| HttpError::bad_request(e.to_string()))?;
    }
    Ok(Json(node.sums(&schema, &query, &by).await?))
}
