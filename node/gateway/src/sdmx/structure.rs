//! Structure, schema and availability queries.

use std::collections::HashSet;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::Node;
use chancery_schema::structure::rest;
use chancery_schema::structure::select::{ArtefactKind, Detail, References, StructureQuery, select};
use chancery_schema::{Structures, json, xml};

use super::params::{Params, dataflow, header, segment};
use crate::error::HttpError;
use crate::negotiate::{self, StructureFormat};

/// Structures are part of the program: their messages carry the day they were fixed.
const PREPARED: i64 = 1_793_491_200;

pub(crate) async fn structures(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let format = negotiate::structure(&request, params.get("format"))?;
    let query = rest::parse(
        &segment(&request, "kind", "*")?,
        &segment(&request, "agency", "*")?,
        &segment(&request, "id", "*")?,
        &segment(&request, "version", "+")?,
        params.get("references"),
        params.get("detail"),
    );
    let query = query.map_err(|e| HttpError::bad_request(e.to_string()))?;
    let found = query.map(|q| select(node.structures(), &q)).unwrap_or_default();
    if found.is_empty() {
        return Err(HttpError::not_found(format!(
            "no structures match `{}`",
            request.path().chars().take(200).collect::<String>()
        )));
    }
    answer(&node, &request, found, format)
}

/// The structures that figures of a dataflow need, code lists reduced to the codes its constraints allow.
pub(crate) async fn schema(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let format = negotiate::structure(&request, params.get("format"))?;
    let found = with_everything(&node, &request, Detail::ReferencePartial)?;
    answer(&node, &request, found, format)
}

/// Which codes have figures.
pub(crate) async fn availability(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let format = negotiate::structure(&request, params.get("format"))?;
    let mut found = with_everything(&node, &request, Detail::Full)?;
    let schema = dataflow(&node, &request)?;
    let detail = node.dataflow_view(&schema.dataflow.to_string()).await?;
    // Code lists hold the codes with figures; one that two dimensions share holds those of either.
    for list in &mut found.codelists {
        let reference = list.maintainable.reference();
        let dimensions =
            schema.dimensions.iter().filter(|d| d.codes.as_ref().is_some_and(|c| c.reference == reference));
        let used: Vec<&str> =
            dimensions.filter_map(|d| detail.codes.get(&d.id)).flatten().map(|c| c.id.as_str()).collect();
        if !used.is_empty() {
            let used: HashSet<&str> = used.into_iter().collect();
            list.codes.retain(|code| used.contains(code.id.as_str()));
            list.is_partial = Some(true);
        }
    }
    answer(&node, &request, found, format)
}

fn with_everything(node: &Node, request: &HttpRequest, detail: Detail) -> Result<Structures, HttpError> {
    let schema = dataflow(node, request)?;
    let query = StructureQuery {
        kinds: vec![ArtefactKind::Dataflow],
        agencies: vec![schema.dataflow.agency.clone()],
        ids: vec![schema.dataflow.id.clone()],
        versions: vec![schema.dataflow.version],
        references: References::Descendants,
        detail,
    };
    Ok(select(node.structures(), &query))
}

fn answer(
    node: &Node,
    request: &HttpRequest,
    mut found: Structures,
    format: StructureFormat,
) -> Result<HttpResponse, HttpError> {
    let languages = negotiate::languages(request);
    languages.apply(&mut found);
    let header = header(node, "STRUCTURES", Some(PREPARED));
    let body = match format {
        StructureFormat::Json => json::v2_0::structure::write(&found, &header).map_err(|e| e.to_string()),
        StructureFormat::Xml => xml::v3_0::structure::write(&found, &header).map_err(|e| e.to_string()),
    };
    let internal = |e| HttpError::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", e);
    Ok(HttpResponse::Ok()
        .insert_header(("Content-Language", languages.of_message().join(", ")))
        .insert_header(("Vary", "Accept, Accept-Encoding, Accept-Language"))
        .content_type(format.media_type())
        .body(body.map_err(internal)?))
}
