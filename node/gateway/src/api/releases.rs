//! Releases, their checks and their proofs.

use actix_web::http::header;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, Responder, get};
use chancery_exchange::views::ReleaseView;
use chancery_exchange::{Node, ReleaseFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{ErrorBody, HttpError};

/// A list of releases.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Releases {
    releases: Vec<ReleaseView>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    dataflow: Option<String>,
    member: Option<String>,
    state: Option<String>,
}

/// Releases with their checks, newest first.
#[utoipa::path(
    get, path = "/api/v1/releases", tag = "Releases",
    params(
        ("dataflow" = Option<String>, Query, description = "Of this dataflow"),
        ("member" = Option<String>, Query, description = "Of this member"),
        ("state" = Option<String>, Query, description = "`current` or `all`"),
    ),
    responses((status = 200, description = "As asked", body = Releases), (status = 400, description = "A parameter is wrong", body = ErrorBody))
)]
#[get("/releases")]
pub(crate) async fn list(node: Data<Node>, params: Query<ListParams>) -> Result<impl Responder, HttpError> {
    let ListParams { dataflow, member, state } = params.into_inner();
    let current_only = match state.as_deref() {
        None | Some("all") => false,
        Some("current") => true,
        Some(other) => {
            return Err(HttpError::bad_request(format!("unknown state `{other}`: use `current` or `all`")));
        }
    };
    let releases = node.releases_view(ReleaseFilter { dataflow, member, current_only }).await?;
    Ok(Json(Releases { releases }))
}

/// A release with its checks and, at its issuer, the disclosure report.
#[utoipa::path(
    get, path = "/api/v1/releases/{id}", tag = "Releases",
    params(("id" = String, Path, description = "Record id, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "As asked", body = ReleaseView),
        (status = 404, description = "There is no such release here", body = ErrorBody),
        (status = 410, description = "It was withdrawn; `tombstone` says when and why", body = ReleaseView),
    )
)]
#[get("/releases/{id}")]
pub(crate) async fn show(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    let release = node.release_view(&id).await?;
    // What was withdrawn is told with its tombstone; the record stays in the log.
    let gone = release.get("state").and_then(|state| state.as_str()) == Some("withdrawn");
    Ok(if gone { HttpResponse::Gone().json(release) } else { HttpResponse::Ok().json(release) })
}

/// The disclosure report of a release, in the bytes whose SHA-256 the release signs.
#[utoipa::path(
    get, path = "/api/v1/releases/{id}/disclosure.json", tag = "Releases",
    params(("id" = String, Path, description = "Record id, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "What disclosure control did, without withheld figures", body = Object),
        (status = 404, description = "There is no such release here, or no report of it", body = ErrorBody),
    )
)]
#[get("/releases/{id}/disclosure.json")]
pub(crate) async fn disclosure(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    Ok(HttpResponse::Ok().content_type("application/json").body(node.disclosure_report(&id).await?))
}

/// The disclosure report of a release as a page for people.
#[utoipa::path(
    get, path = "/api/v1/releases/{id}/disclosure", tag = "Releases",
    params(("id" = String, Path, description = "Record id, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such release here, or no report of it", body = ErrorBody),
    )
)]
#[get("/releases/{id}/disclosure")]
pub(crate) async fn disclosure_page(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(node.disclosure_page(&id).await?))
}

/// Everything that proves a release offline: record, charter, delegations, log proof.
#[utoipa::path(
    get, path = "/api/v1/releases/{id}/proof", tag = "Releases",
    params(("id" = String, Path, description = "Record id, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "A proof bundle, as `chancery verify` reads it", body = Object),
        (status = 404, description = "There is no such release here", body = ErrorBody),
    )
)]
#[get("/releases/{id}/proof")]
pub(crate) async fn proof(node: Data<Node>, id: Path<String>) -> Result<impl Responder, HttpError> {
    let bundle = node.release_proof(&id).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.proof.json\"", id.as_str())))
        .body(bundle))
}
