//! The policies that decide who may see what, for everybody to read.

use actix_web::web::{Data, Json};
use actix_web::{Responder, get};
use chancery_exchange::{Node, PoliciesView};

/// The access policies in force at this node: the schema and the forum's baseline, and its member's own.
#[utoipa::path(get, path = "/api/v1/policies", tag = "Forum", responses((status = 200, description = "Cedar texts", body = PoliciesView)))]
#[get("/policies")]
pub(crate) async fn show(node: Data<Node>) -> impl Responder {
    Json(node.policies_view())
}
