//! For search engines.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::{Node, ReleaseFilter};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::datasets;
use crate::error::HttpError;
use crate::sdmx::params::address;

/// Most addresses in one sitemap (sitemaps.org).
const MAX_ADDRESSES: usize = 50_000;

/// `GET /sitemap.xml`: the page and every dataset.
pub(super) async fn sitemap(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let base = address(&node, &request);
    let all = datasets(&node, ReleaseFilter::default()).await?;
    let own = all.iter().map(|d| (d.address(&base), d.newest().map(|r| r.received_at.clone())));
    let pages = [(format!("{base}/"), None), (format!("{base}/catalogue"), None)];
    let addresses: Vec<_> = pages.into_iter().chain(own).take(MAX_ADDRESSES).collect();
    let body = write(&addresses)
        .map_err(|e| HttpError::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", e.to_string()))?;
    Ok(HttpResponse::Ok().content_type("application/xml").body(body))
}

fn write(addresses: &[(String, Option<String>)]) -> std::io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new());
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = out.create_element("urlset").with_attribute(("xmlns", "http://www.sitemaps.org/schemas/sitemap/0.9"));
    root.write_inner_content(|w| {
        addresses.iter().try_for_each(|(address, modified)| {
            w.create_element("url").write_inner_content(|w| {
                w.create_element("loc").write_text_content(BytesText::new(address))?;
                if let Some(modified) = modified {
                    w.create_element("lastmod").write_text_content(BytesText::new(modified))?;
                }
                Ok(())
            })?;
            Ok(())
        })
    })?;
    Ok(out.into_inner())
}

/// `GET /robots.txt`.
pub(super) async fn robots(node: Data<Node>, request: HttpRequest) -> HttpResponse {
    let base = address(&node, &request);
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(format!("User-agent: *\nDisallow: /sdmx/\nSitemap: {base}/sitemap.xml\n"))
}
