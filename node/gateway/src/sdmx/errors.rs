//! Errors as SDMX error messages, in the format the client reads.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse};
use chancery_exchange::Node;
use chancery_schema::error_message::ErrorMessage;

use super::params::header as message_header;
use crate::error::HttpError;
use crate::negotiate::Api;

/// Turns what a handler failed with into an SDMX error message.
pub(crate) async fn as_messages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<actix_web::body::BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let Some(message) = response.response().error().and_then(|e| e.as_error::<HttpError>()).map(message) else {
        return Ok(response);
    };
    let status = response.status();
    let request = response.request().clone();
    let Some(node) = request.app_data::<Data<Node>>() else { return Ok(response) };
    let (media, body) = if reads_xml(&request) {
        let body = message.xml(Api::of(&request) == Api::V2).map_err(actix_web::error::ErrorInternalServerError)?;
        ("application/xml", body)
    } else {
        ("application/json", message.json(&message_header(node, "ERROR", None)).into_bytes())
    };
    let answer = HttpResponse::build(status).content_type(media).insert_header((header::VARY, "Accept")).body(body);
    Ok(ServiceResponse::new(request, answer))
}

fn message(error: &HttpError) -> ErrorMessage {
    let code = match error.status {
        StatusCode::NOT_FOUND | StatusCode::GONE => 100,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 110,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => 130,
        StatusCode::BAD_REQUEST => 140,
        StatusCode::NOT_ACCEPTABLE => 150,
        StatusCode::NOT_IMPLEMENTED => 501,
        StatusCode::SERVICE_UNAVAILABLE => 503,
        _ => 500,
    };
    ErrorMessage { code, detail: error.message.clone() }
}

/// Whether the client asked for XML; in REST 1.5 also if it takes anything.
fn reads_xml(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or("*/*");
    let first = accept.split(',').next().unwrap_or_default().to_ascii_lowercase();
    first.contains("xml") || (Api::of(request) == Api::V1 && !first.contains("json"))
}
