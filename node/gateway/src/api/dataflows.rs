//! Dataflows and what is published under them.

use actix_web::web::{Data, Json, Path};
use actix_web::{Responder, get};
use chancery_exchange::Node;
use chancery_exchange::views::{DataflowDetail, DataflowView};

use crate::error::{ErrorBody, HttpError};

/// Every dataflow of the shared schema, and what is published under it.
#[utoipa::path(get, path = "/api/v1/dataflows", tag = "Figures", responses((status = 200, description = "As asked", body = Vec<DataflowView>)))]
#[get("/dataflows")]
pub(crate) async fn list(node: Data<Node>) -> Result<impl Responder, HttpError> {
    Ok(Json(node.dataflows_view().await?))
}

/// A dataflow, with the codes and corridors that have figures.
#[utoipa::path(get, path = "/api/v1/dataflows/{id}", tag = "Figures", params(("id" = String, Path, description = "`RETURNS`, `RCP:RETURNS` or `RCP:RETURNS(1.0.0)`", example = "RETURNS")), responses((status = 200, description = "As asked", body = DataflowDetail), (status = 404, description = "There is no such dataflow", body = ErrorBody)))]
#[get("/dataflows/{id}")]
pub(crate) async fn show(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    Ok(Json(node.dataflow_view(&id).await?))
}
