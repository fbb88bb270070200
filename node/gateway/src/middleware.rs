//! What holds for every request: an id for the log and for questions, a bound on its length.

use std::rc::Rc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::Extensions;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse, ResponseError as _};
use chancery_exchange::Node;
use tracing::Instrument as _;

use crate::error::HttpError;
use crate::witness;

/// Longest path and query, in bytes: every code of the longest list, written out. Below what the HTTP library takes, which says no word.
const MAX_URI: usize = 60 << 10;
/// Longest id taken over from a client or a proxy.
const MAX_ID: usize = 64;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request its id, and its answer the same; a proxy's id is kept if it is one.
pub(crate) async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = id_of(&request);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), path = %excerpt(request.path()));
    let answer = async {
        if request.uri().to_string().len() > MAX_URI {
            let what = format!("the address is longer than {MAX_URI} bytes: ask with fewer codes, or for all of them");
            return Err(HttpError::new(StatusCode::URI_TOO_LONG, "uri_too_long", what).into());
        }
        next.call(request).await
    };
    let mut response = answer.instrument(span).await?;
    response.headers_mut().insert(REQUEST_ID, id);
    Ok(response)
}

/// Headers of answers that scripts of other sites may read.
const EXPOSED: &str =
    "Content-Language, ETag, Last-Modified, Link, X-Chancery-Releases, X-Chancery-Withdrawn, X-Request-ID";
/// Headers of questions that scripts of other sites may send.
const ASKED: &str = "Accept, Accept-Language, Chancery-Purpose, If-Modified-Since, If-None-Match, Range, X-Request-ID";
const METHODS: &str = "GET, HEAD, OPTIONS";

/// Everything here is read but what a witness is brought: says so to who asks what is allowed, and to who asks for anything else.
pub(crate) async fn reads_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match *request.method() {
        Method::POST if request.path() == witness::PATH => Ok(next.call(request).await?.map_into_boxed_body()),
        Method::GET | Method::HEAD => {
            let mut response = next.call(request).await?.map_into_boxed_body();
            let exposed = HeaderValue::from_static(EXPOSED);
            response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            Ok(response)
        }
        Method::OPTIONS => {
            let answer = HttpResponse::NoContent()
                .insert_header((header::ALLOW, METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
                .finish();
            Ok(request.into_response(answer))
        }
        _ => {
            let what = format!("`{}` is not for this address: everything here is read with GET", request.method());
            let mut answer = HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "read_only", what).error_response();
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
            Ok(request.into_response(answer))
        }
    }
}

/// Lets a `HEAD` be answered as the `GET` it asks about: the server sends no body for it whatever a handler gives.
pub(crate) async fn head_as_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}

/// What the reader says the figures are for.
const PURPOSE: HeaderName = HeaderName::from_static("chancery-purpose");

/// Lets handlers ask the node on behalf of whoever asks, for the purpose the request states. Without accounts, that is anybody.
pub(crate) async fn purpose(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(stated) = request.headers().get(PURPOSE) {
        let stated = stated.to_str().unwrap_or("");
        let node = request.app_data::<Data<Node>>().map(|node| node.for_purpose(stated));
        if let Some(node) = node {
            let mut data = Extensions::new();
            data.insert(Data::new(node.map_err(HttpError::from)?));
            request.add_data_container(Rc::new(data));
        }
    }
    let mut response = next.call(request).await?;
    // A policy may answer by purpose: a cache must not give one reader's answer to another.
    response.headers_mut().append(VARY, HeaderValue::from_static("chancery-purpose"));
    Ok(response)
}

fn id_of(request: &ServiceRequest) -> HeaderValue {
    let allowed = |text: &str| {
        !text.is_empty()
            && text.len() <= MAX_ID
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let given = request.headers().get(REQUEST_ID).filter(|id| id.to_str().is_ok_and(allowed)).cloned();
    given.unwrap_or_else(|| {
        let mut bytes = [0u8; 8];
        // An id that repeats is a nuisance in a log, no danger.
        let _ = getrandom::fill(&mut bytes);
        HeaderValue::from_str(&hex::encode(bytes)).unwrap_or_else(|_| HeaderValue::from_static("-"))
    })
}

fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}
