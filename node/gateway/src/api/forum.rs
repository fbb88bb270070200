//! Who this node is and which forum it has joined.

use actix_web::web::{Data, Json};
use actix_web::{Responder, get};
use chancery_exchange::Node;

use crate::error::HttpError;

#[get("/node")]
pub(super) async fn show_node(node: Data<Node>) -> impl Responder {
    Json(node.view())
}

#[get("/forum")]
pub(super) async fn show_forum(node: Data<Node>) -> Result<impl Responder, HttpError> {
    Ok(Json(node.forum_view().await?))
}
