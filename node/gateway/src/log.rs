//! Every held log under `/log/{forum}/{member}/`, as C2SP tlog-tiles serves logs, and each release's C2SP tlog-proof.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpResponse, get};
use chancery_exchange::Node;

use crate::error::{ErrorBody, HttpError};

const TEXT: &str = "text/plain; charset=utf-8";
/// A tile never changes, a partial one neither: its width is in its name.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// A head grows.
const SECONDS: &str = "public, max-age=2";

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(checkpoint).service(pending).service(policy).service(evidence).service(tile).service(proof);
}

/// The log's newest head that enough members have cosigned: a signed note.
#[utoipa::path(
    get, path = "/log/{forum}/{member}/checkpoint", tag = "Logs",
    params(("forum" = String, Path, description = "Forum id"), ("member" = String, Path, description = "Whose log")),
    responses(
        (status = 200, description = "The head, C2SP tlog-checkpoint", content_type = "text/plain", body = String),
        (status = 404, description = "No such log, or no head of it is cosigned by enough yet", body = ErrorBody),
    )
)]
#[get("/log/{forum}/{member}/checkpoint")]
pub(crate) async fn checkpoint(node: Data<Node>, log: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    let note = node.log_checkpoint(&log.0, &log.1).await?;
    Ok(HttpResponse::Ok().content_type(TEXT).insert_header((CACHE_CONTROL, SECONDS)).body(note))
}

/// The log's newest signed head, with as many cosignatures as there are; perhaps too few.
#[utoipa::path(
    get, path = "/log/{forum}/{member}/pending", tag = "Logs",
    params(("forum" = String, Path, description = "Forum id"), ("member" = String, Path, description = "Whose log")),
    responses(
        (status = 200, description = "The head, C2SP tlog-checkpoint", content_type = "text/plain", body = String),
        (status = 404, description = "No such log", body = ErrorBody),
    )
)]
#[get("/log/{forum}/{member}/pending")]
pub(crate) async fn pending(node: Data<Node>, log: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    let note = node.log_pending(&log.0, &log.1).await?;
    Ok(HttpResponse::Ok().content_type(TEXT).insert_header((CACHE_CONTROL, SECONDS)).body(note))
}

/// The keys and the quorum to judge the log's heads by, for tools of others: a C2SP tlog-policy.
#[utoipa::path(
    get, path = "/log/{forum}/{member}/policy", tag = "Logs",
    params(("forum" = String, Path, description = "Forum id"), ("member" = String, Path, description = "Whose log")),
    responses(
        (status = 200, description = "Log keys, witnesses and quorum", content_type = "text/plain", body = String),
        (status = 404, description = "No such log", body = ErrorBody),
    )
)]
#[get("/log/{forum}/{member}/policy")]
pub(crate) async fn policy(node: Data<Node>, log: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    let policy = node.log_policy(&log.0, &log.1).await?;
    Ok(HttpResponse::Ok().content_type(TEXT).insert_header((CACHE_CONTROL, SECONDS)).body(policy))
}

/// Pairs of signed heads by which the log contradicts itself; none of an honest log.
#[utoipa::path(
    get, path = "/log/{forum}/{member}/evidence", tag = "Logs",
    params(("forum" = String, Path, description = "Forum id"), ("member" = String, Path, description = "Whose log")),
    responses(
        (status = 200, description = "Two signed notes each, and the proof that they contradict each other if they are not of one size", body = Vec<Object>),
        (status = 404, description = "No such log", body = ErrorBody),
    )
)]
#[get("/log/{forum}/{member}/evidence")]
pub(crate) async fn evidence(node: Data<Node>, log: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    let found = node.log_evidence(&log.0, &log.1).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, SECONDS)).json(found))
}

/// A tile of hashes, `0/x001/234` or `0/000.p/7`, or a bundle of entries, `entries/000`.
#[utoipa::path(
    get, path = "/log/{forum}/{member}/tile/{tile}", tag = "Logs",
    params(
        ("forum" = String, Path, description = "Forum id"), ("member" = String, Path, description = "Whose log"),
        ("tile" = String, Path, description = "Level or `entries`, index, and `.p/` with the width of a partial tile"),
    ),
    responses(
        (status = 200, description = "The tile, C2SP tlog-tiles", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, description = "No such log, or no such tile of it", body = ErrorBody),
    )
)]
#[get("/log/{forum}/{member}/tile/{tile:.*}")]
pub(crate) async fn tile(node: Data<Node>, place: Path<(String, String, String)>) -> Result<HttpResponse, HttpError> {
    let bytes = node.log_tile(&place.0, &place.1, &place.2).await?;
    Ok(HttpResponse::Ok().content_type("application/octet-stream").insert_header((CACHE_CONTROL, FOREVER)).body(bytes))
}

/// Everything that proves a release offline, in one text: a C2SP tlog-proof with the record in its `extra` line.
#[utoipa::path(
    get, path = "/releases/{id}.tlog-proof", tag = "Releases",
    params(("id" = String, Path, description = "Record id, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "The proof, as `chancery verify` reads it", content_type = "text/plain", body = String),
        (status = 404, description = "There is no such release here", body = ErrorBody),
    )
)]
#[get("/releases/{id}.tlog-proof")]
pub(crate) async fn proof(node: Data<Node>, id: Path<String>) -> Result<HttpResponse, HttpError> {
    let proof = node.release_tlog_proof(&id).await?;
    let name = format!("attachment; filename=\"{}.tlog-proof\"", id.as_str());
    Ok(HttpResponse::Ok()
        .content_type(TEXT)
        .insert_header((CACHE_CONTROL, SECONDS))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(proof))
}
