//! Releases, their checks and their proofs.

use actix_web::http::header;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, Responder, get};
use chancery_exchange::{Node, ReleaseFilter};
use serde::Deserialize;

use crate::error::HttpError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    dataflow: Option<String>,
    member: Option<String>,
    state: Option<String>,
}

#[get("/releases")]
pub(super) async fn list(node: Data<Node>, params: Query<ListParams>) -> Result<impl Responder, HttpError> {
    let ListParams { dataflow, member, state } = params.into_inner();
    let current_only = match state.as_deref() {
        None | Some("all") => false,
        Some("current") => true,
        Some(other) => {
            return Err(HttpError::bad_request(format!("unknown state `{other}`: use `current` or `all`")));
        }
    };
    let releases = node.releases_view(ReleaseFilter { dataflow, member, current_only }).await?;
    Ok(Json(serde_json::json!({ "releases": releases })))
}

#[get("/releases/{id}")]
pub(super) async fn show(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    let release = node.release_view(&id).await?;
    // What was withdrawn is told with its tombstone; the record stays in the log.
    let gone = release.get("state").and_then(|state| state.as_str()) == Some("withdrawn");
    Ok(if gone { HttpResponse::Gone().json(release) } else { HttpResponse::Ok().json(release) })
}

#[get("/releases/{id}/proof")]
pub(super) async fn proof(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    let bundle = node.release_proof(&id).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.proof.json\"", id.as_str())))
        .body(bundle))
}
