//! Dataflows and what is published under them.

use actix_web::web::{Data, Json, Path};
use actix_web::{Responder, get};
use chancery_exchange::Node;

use crate::error::HttpError;

#[get("/dataflows")]
pub(super) async fn list(node: Data<Node>) -> Result<impl Responder, HttpError> {
    Ok(Json(node.dataflows_view().await?))
}

#[get("/dataflows/{id}")]
pub(super) async fn show(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    Ok(Json(node.dataflow_view(&id).await?))
}
