//! Artefacts as files: ranges, ETag and `Content-Length` are actix's.

use actix_files::NamedFile;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use chancery_exchange::Node;

use crate::error::{ErrorBody, HttpError};

/// A signed file, byte for byte; ranges are answered.
#[utoipa::path(
    get, path = "/artefacts/{name}.parquet", tag = "Releases",
    params(("name" = String, Path, description = "SHA-256 of the file, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "The file", content_type = "application/vnd.apache.parquet", body = Vec<u8>),
        (status = 206, description = "A range of it", content_type = "application/vnd.apache.parquet", body = Vec<u8>),
        (status = 404, description = "There is no such artefact here", body = ErrorBody),
        (status = 410, description = "Its release was withdrawn", body = ErrorBody),
    )
)]
#[get("/artefacts/{name}.parquet")]
pub(crate) async fn download(
    node: Data<Node>,
    name: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let path = node.artefact_path(&name).await?;
    let file =
        NamedFile::open_async(&path).await.map_err(|_| HttpError::not_found("there is no such artefact here"))?;
    let file = file.use_etag(false).set_content_type(
        "application/vnd.apache.parquet".parse().unwrap_or(actix_web::mime::APPLICATION_OCTET_STREAM),
    );
    let mut response = file.into_response(&request);
    // Named by its hash, it never changes.
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{name}\"")) {
        headers.insert(ETAG, etag);
    }
    Ok(response)
}
