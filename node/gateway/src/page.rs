//! The page, from inside the binary.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder, get};
use rust_embed::RustEmbed;

use crate::error::HttpError;

#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
#[allow_missing = true]
struct PageFiles;

/// Only what the page's own files and this node need: no third-party origin, no inline script. WebAssembly is the
/// Parquet reader with which the page compares figures with the signed files.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; frame-ancestors 'self'; form-action 'self'";

const NOT_BUILT: &str = "this binary was built without its page: run `make dashboard`, then build again; \
    the SDMX service is at /sdmx/3 and the JSON at /api/v1";

#[get("/")]
pub(crate) async fn index() -> Result<impl Responder, HttpError> {
    file("index.html").map_err(|_| HttpError::not_found(NOT_BUILT))
}

#[get("/assets/{path:.*}")]
pub(crate) async fn asset(path: Path<String>) -> Result<impl Responder, HttpError> {
    file(&format!("assets/{path}"))
}

#[get("/favicon.{ext}")]
pub(crate) async fn icon(ext: Path<String>) -> Result<impl Responder, HttpError> {
    file(&format!("favicon.{ext}"))
}

fn file(path: &str) -> Result<HttpResponse, HttpError> {
    let file = PageFiles::get(path).ok_or_else(|| HttpError::not_found(format!("no page file `{path}`")))?;
    // Built assets carry their hash in the name; the entry page does not.
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .content_type(file.metadata.mimetype())
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(file.data.into_owned()))
}
