//! Who this node is and which forum it has joined.

use actix_web::web::{Data, Json};
use actix_web::{Responder, get};
use chancery_exchange::Node;
use chancery_exchange::views::{ForumView, NodeView};

use crate::error::{ErrorBody, HttpError};

/// This node and the forum it has joined.
#[utoipa::path(get, path = "/api/v1/node", tag = "Forum", responses((status = 200, description = "As asked", body = NodeView)))]
#[get("/node")]
pub(crate) async fn show_node(node: Data<Node>) -> impl Responder {
    Json(node.view())
}

/// The forum: its charter and its members.
#[utoipa::path(get, path = "/api/v1/forum", tag = "Forum", responses((status = 200, description = "As asked", body = ForumView), (status = 404, description = "The node has joined no forum", body = ErrorBody)))]
#[get("/forum")]
pub(crate) async fn show_forum(node: Data<Node>) -> Result<impl Responder, HttpError> {
    Ok(Json(node.forum_view().await?))
}
