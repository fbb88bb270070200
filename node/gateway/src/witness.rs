//! This node as a witness: cosigns the heads of the forum's logs by the rules of C2SP tlog-witness, for whoever brings them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data, PayloadConfig, ServiceConfig};
use chancery_exchange::{CosignRefusal, MAX_COSIGN_REQUEST, Node};

use crate::error::{ErrorBody, HttpError};

/// The specification's type of a 409's body: the size cosigned last.
const SIZE: &str = "text/x.tlog.size";

/// Where heads are brought: the only address that is not only read.
pub(crate) const PATH: &str = "/witness/add-checkpoint";

/// Adds the route.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let limit = PayloadConfig::new(MAX_COSIGN_REQUEST);
    config.service(web::resource(PATH).app_data(limit).route(web::post().to(add_checkpoint)));
}

/// Cosigns a head of a log of this forum if it extends the head cosigned last: C2SP tlog-witness.
#[utoipa::path(
    post, path = "/witness/add-checkpoint", tag = "Logs",
    request_body(content = String, content_type = "text/plain", description = "`old` and a size, a consistency proof, an empty line, the signed head"),
    responses(
        (status = 200, description = "The cosignature: a line of a signed note", content_type = "text/plain", body = String),
        (status = 400, description = "Malformed, or `old` is beyond the head", body = ErrorBody),
        (status = 403, description = "No log key of the member has signed the head, or nothing of its log is cosigned", body = ErrorBody),
        (status = 404, description = "The log is not one of this forum", body = ErrorBody),
        (status = 409, description = "Another head was cosigned last: its size", content_type = "text/x.tlog.size", body = String),
        (status = 422, description = "The consistency proof does not hold", body = ErrorBody),
    )
)]
pub(crate) async fn add_checkpoint(node: Data<Node>, body: String) -> Result<HttpResponse, HttpError> {
    let refusal = match node.add_checkpoint(&body).await? {
        Ok(line) => return Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(line + "\n")),
        Err(refusal) => refusal,
    };
    let (status, code) = match refusal {
        CosignRefusal::Conflict(size) | CosignRefusal::Forked(size) => {
            return Ok(HttpResponse::Conflict().insert_header((CONTENT_TYPE, SIZE)).body(format!("{size}\n")));
        }
        CosignRefusal::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
        CosignRefusal::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_log"),
        CosignRefusal::NotSigned(_) => (StatusCode::FORBIDDEN, "not_signed"),
        CosignRefusal::Inconsistent { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "inconsistent"),
    };
    Err(HttpError::new(status, code, refusal.to_string()))
}
