//! Answers that are made whole before they are sent, with what lets a client keep and check them.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_LANGUAGE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use sha2::{Digest as _, Sha256};

use super::params::http_date;

/// An answer made whole.
pub(crate) struct Whole {
    pub(crate) media_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// Languages it holds, if any.
    pub(crate) languages: Option<String>,
    /// When it last changed, unix seconds.
    pub(crate) updated_at: Option<i64>,
}

impl Whole {
    /// The response; without a body if the client holds it already.
    pub(crate) fn answer(self, request: &HttpRequest, mut response: HttpResponseBuilder) -> HttpResponse {
        let Self { media_type, body, languages, updated_at } = self;
        // Weak: the same answer may be sent packed in other ways.
        let digest = Sha256::new().chain_update(media_type).chain_update([0]).chain_update(&body).finalize();
        let etag = format!("W/\"{}\"", hex::encode(&digest[..16]));
        response
            .insert_header((VARY, "Accept, Accept-Encoding, Accept-Language"))
            .insert_header(("Cache-Control", "no-cache"))
            .insert_header((ETAG, etag.as_str()));
        if let Some(at) = updated_at {
            response.insert_header((LAST_MODIFIED, http_date(at)));
        }
        if let Some(languages) = languages {
            response.insert_header((CONTENT_LANGUAGE, languages));
        }
        if unchanged(request.headers(), &etag, updated_at) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        response.content_type(media_type).body(body)
    }
}

/// Whether the client holds this answer already (RFC 9110, section 13).
pub(crate) fn unchanged(headers: &HeaderMap, etag: &str, updated_at: Option<i64>) -> bool {
    let text = |name| headers.get(name).and_then(|h| h.to_str().ok());
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    match (text(IF_NONE_MATCH), text(IF_MODIFIED_SINCE), updated_at) {
        (Some(known), _, _) => known.split(',').any(|known| known.trim() == "*" || weak(known) == weak(etag)),
        (None, Some(since), Some(at)) => {
            chrono::DateTime::parse_from_rfc2822(since).is_ok_and(|since| at <= since.timestamp())
        }
        _ => false,
    }
}
