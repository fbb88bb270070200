//! Path segments and parameters, decoded by SDMX's rules: a `+` is a plus, not a space.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use chancery_exchange::Node;
use chancery_schema::language::Languages;
use chancery_schema::message::MessageHeader;
use chancery_schema::structure::select::compare_versions;
use chancery_schema::{DatasetSchema, Reference};
use percent_encoding::percent_decode_str;

use crate::error::HttpError;

/// Most parameters of one request.
const MAX_PARAMETERS: usize = 200;

/// The decoded query string.
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl Params {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8().map(|t| t.into_owned());
        let pairs = request.query_string().split('&').filter(|p| !p.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        let pairs: Result<Vec<_>, std::str::Utf8Error> = pairs.collect();
        let pairs = pairs.map_err(|_| HttpError::bad_request("the parameters are not UTF-8"))?;
        if pairs.len() > MAX_PARAMETERS {
            return Err(HttpError::bad_request(format!("more than {MAX_PARAMETERS} parameters")));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A segment of the path, decoded, or `default` if it was left out.
pub(crate) fn segment(request: &HttpRequest, name: &str, default: &str) -> Result<String, HttpError> {
    match request.match_info().get(name) {
        None | Some("") => Ok(default.to_owned()),
        Some(text) => {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(|t| t.into_owned()).map_err(|_| HttpError::bad_request("the path is not UTF-8"))
        }
    }
}

/// The one dataflow a path names: `{context}/{agency}/{id}/{version}`.
pub(crate) fn dataflow(node: &Node, request: &HttpRequest) -> Result<Arc<DatasetSchema>, HttpError> {
    let context = segment(request, "context", "*")?;
    if context == "provisionagreement" {
        return Err(HttpError::not_found("there are no provision agreements here: ask for a dataflow"));
    }
    if !matches!(context.as_str(), "dataflow" | "datastructure" | "*") {
        return Err(HttpError::bad_request(format!(
            "unknown context `{}`: use dataflow or datastructure",
            context.chars().take(40).collect::<String>()
        )));
    }
    let (agency, id, version) =
        (segment(request, "agency", "*")?, segment(request, "id", "*")?, segment(request, "version", "+")?);
    find_dataflow(node, &agency, &id, &version)
}

/// The newest dataflow of the agency, id and version; an agency `*` or `all` is any.
pub(crate) fn find_dataflow(
    node: &Node,
    agency: &str,
    id: &str,
    version: &str,
) -> Result<Arc<DatasetSchema>, HttpError> {
    if [agency, id, version].iter().any(|part| part.contains(',')) || matches!(id, "*" | "all" | "") {
        let what = "figures of several dataflows in one answer are not offered here: ask for one dataflow at a time";
        return Err(HttpError::new(StatusCode::NOT_IMPLEMENTED, "not_offered", what));
    }
    let any_version = matches!(version, "*" | "+" | "~" | "latest" | "all");
    let dataflows = node.structures().dataflows.iter().map(|d| &d.maintainable);
    let found: Option<Reference> = dataflows
        .filter(|d| d.id == id)
        .map(|d| d.reference())
        .filter(|r| agency == "*" || agency == "all" || agency == r.agency)
        .filter(|r| {
            any_version
                || version == r.version
                || compare_versions(version.trim_end_matches(['+', '~']), &r.version).is_eq()
                || format!("{version}.0") == r.version
        })
        .max_by(|a, b| compare_versions(&a.version, &b.version));
    let shown: String = format!("{agency}:{id}({version})").chars().take(120).collect();
    let found = found.ok_or_else(|| HttpError::not_found(format!("there is no dataflow `{shown}`")))?;
    Ok(node.schema_in(&found, &Languages::default())?)
}

/// The address users see, without a slash at its end.
pub(crate) fn address(node: &Node, request: &HttpRequest) -> String {
    match &node.config().http.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let info = request.connection_info();
            format!("{}://{}", info.scheme(), info.host())
        }
    }
}

/// A time as HTTP writes it.
pub(crate) fn http_date(at: i64) -> String {
    let time = chrono::DateTime::from_timestamp(at, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A message's header; the same answer gets the same one.
pub(crate) fn header(node: &Node, id: &str, prepared: Option<i64>) -> MessageHeader {
    let prepared = prepared.and_then(|at| chrono::DateTime::from_timestamp(at, 0)).unwrap_or_else(chrono::Utc::now);
    let member = &node.config().member;
    MessageHeader {
        id: id.to_owned(),
        prepared,
        sender_id: member.id.clone(),
        sender_name: member.name.clone(),
        releases: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plus_is_a_plus() {
        let request = TestRequest::with_uri("/x?c%5BSEX%5D=F+M&format=csv").to_http_request();
        let params = Params::of(&request).unwrap();
        assert_eq!((params.get("c[SEX]"), params.get("format")), (Some("F+M"), Some("csv")));
        assert!(Params::of(&TestRequest::with_uri("/x?a=%ff").to_http_request()).is_err());
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "[!$-;=?-Z_a-z~]{0,120}") {
            let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
            if let Ok(params) = Params::of(&request) {
                prop_assert!(params.0.len() <= MAX_PARAMETERS);
            }
        }
    }
}
