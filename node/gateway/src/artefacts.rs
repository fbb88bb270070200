//! Artefacts as files: ranges and `Content-Length` are actix's.

use actix_files::NamedFile;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use chancery_exchange::Node;

use crate::error::{ErrorBody, HttpError};
use crate::sdmx::whole::unchanged;

/// A signed file, byte for byte; ranges are answered.
#[utoipa::path(
    get, path = "/artefacts/{name}.parquet", tag = "Releases",
    params(("name" = String, Path, description = "SHA-256 of the file, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "The file", content_type = "application/vnd.apache.parquet", body = Vec<u8>),
        (status = 206, description = "A range of it", content_type = "application/vnd.apache.parquet", body = Vec<u8>),
        (status = 304, description = "What the client holds is still handed out"),
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
    Ok(answer(file, &name, &request))
}

/// The file, or that the asker holds it already. Named by its hash it never changes, but it may be withdrawn or no longer be for everybody: a
/// cache asks each time.
fn answer(file: NamedFile, sha256: &str, request: &HttpRequest) -> HttpResponse {
    let etag = format!("\"{sha256}\"");
    let mut response = if unchanged(request.headers(), &etag, None) {
        HttpResponse::NotModified().finish()
    } else {
        // Its own ETag would be of the file's place and time, which differ from node to node.
        let file = file.use_etag(false).set_content_type(
            "application/vnd.apache.parquet".parse().unwrap_or(actix_web::mime::APPLICATION_OCTET_STREAM),
        );
        file.into_response(request)
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{IF_NONE_MATCH, RANGE};
    use actix_web::test::{TestRequest, call_service, init_service};
    use chancery_exchange::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("chancery-artefacts-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn who_holds_the_file_asks_again_and_is_told_so() {
        let folder = folder("file");
        let path = folder.join("file");
        std::fs::write(&path, b"PAR1 and so on").unwrap();
        let sha256 = "0a".repeat(32);
        let etag = format!("\"{sha256}\"");
        let weak_among_others = format!("\"another\", W/{etag}");
        for (request, expected) in [
            (TestRequest::get(), StatusCode::OK),
            (TestRequest::get().insert_header((IF_NONE_MATCH, etag.as_str())), StatusCode::NOT_MODIFIED),
            (TestRequest::get().insert_header((IF_NONE_MATCH, weak_among_others)), StatusCode::NOT_MODIFIED),
            (TestRequest::get().insert_header((IF_NONE_MATCH, "\"another\"")), StatusCode::OK),
            (TestRequest::get().insert_header((RANGE, "bytes=0-3")), StatusCode::PARTIAL_CONTENT),
        ] {
            let request = request.to_http_request();
            let answer = answer(NamedFile::open(&path).unwrap(), &sha256, &request);
            assert_eq!(answer.status(), expected, "{:?}", request.headers());
            assert_eq!(answer.headers().get(CACHE_CONTROL).unwrap(), "no-cache", "{:?}", request.headers());
            assert_eq!(answer.headers().get(ETAG).unwrap(), etag.as_str(), "{:?}", request.headers());
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// Else a cache would go on with what was withdrawn.
    #[actix_web::test]
    async fn what_is_not_to_be_had_is_never_unchanged() {
        let folder = folder("node");
        let config = NodeConfig {
            member: MemberConfig { id: "GTM".into(), name: "Agency".into(), role: "member-state".into() },
            http: HttpConfig::default(),
            network: NetworkConfig::default(),
            database: DatabaseConfig::default(),
            query: QueryLimits::default(),
        };
        let node = Node::open(&folder, config).await.unwrap();
        let app = init_service(App::new().app_data(Data::new(node)).service(download)).await;
        let sha256 = "0a".repeat(32);
        for known in [format!("\"{sha256}\""), "*".to_owned()] {
            let request = TestRequest::get().uri(&format!("/artefacts/{sha256}.parquet"));
            let answer = call_service(&app, request.insert_header((IF_NONE_MATCH, known)).to_request()).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            assert!(answer.headers().get(ETAG).is_none());
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
