//! Reference metadata queries (sdmx-twg/sdmx-rest, doc/metadata.md): by what they are about, by metadataflow, by set.

use std::collections::BTreeMap;

use actix_web::http::header::LINK;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::{HeldMetadata, MetadataFilter, Node};
use chancery_schema::metadata::{MetadataSet, languages_of};
use chancery_schema::query::rest::moment;
use chancery_schema::structure::version::{Version, VersionQuery};
use chancery_schema::{Reference, json, xml};

use super::params::{Params, address, header, segment};
use super::whole::Whole;
use crate::error::HttpError;
use crate::negotiate::{self, MetadataFormat};

/// Most values of one part of a path.
const MAX_VALUES: usize = 200;
/// Most records named in the header of an answer; its message names all.
const MAX_LINKS: usize = 20;

/// Values of one part of a path; any if none.
struct Wanted(Vec<String>);

impl Wanted {
    fn of(request: &HttpRequest, name: &str) -> Result<Self, HttpError> {
        let text = segment(request, name, "*")?;
        let values: Vec<String> = text.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect();
        if values.len() > MAX_VALUES {
            return Err(HttpError::bad_request(format!("more than {MAX_VALUES} values in the path")));
        }
        Ok(Self(if values.iter().any(|v| v == "*" || v == "all") { Vec::new() } else { values }))
    }

    fn takes(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|v| v == text)
    }
}

/// Versions of one part of a path; the latest if it is left out.
struct Versions(Vec<VersionQuery>);

impl Versions {
    fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let text = segment(request, "version", "~")?;
        let each = text.split(',').filter(|v| !v.is_empty()).take(MAX_VALUES);
        let queries = each.map(|v| v.parse().map_err(|e| HttpError::bad_request(format!("{e}"))));
        Ok(Self(queries.collect::<Result<_, _>>()?))
    }

    fn take(&self, version: &str, siblings: &[Version]) -> bool {
        version.parse().is_ok_and(|version| self.0.iter().any(|query| query.matches(&version, siblings)))
    }
}

/// What is reported of dataflows.
#[utoipa::path(
    get, path = "/sdmx/3/metadata/structure/{kind}/{agency}/{id}/{version}", tag = "SDMX REST 2",
    params(
        ("kind" = String, Path, description = "`dataflow` or `*`: only dataflows are reported on here", example = "dataflow"),
        ("agency" = String, Path, description = "Agencies or `*`", example = "RCP"),
        ("id" = String, Path, description = "Ids or `*`", example = "RETURNS"),
        ("version" = String, Path, description = "Versions, `+`, `~` or `*`", example = "*"),
        ("detail" = Option<String>, Query, description = "`full` or `allstubs`"),
        ("asOf" = Option<String>, Query, description = "What was known then"),
        ("format" = Option<String>, Query, description = "`jsonmetadata` or `genericmetadata`"),
        ("formatVersion" = Option<String>, Query, description = "Its version"),
    ),
    responses(
        (status = 200, description = "Metadata sets in force", content_type = "application/vnd.sdmx.metadata+json;version=2.0.0", body = Object),
        (status = 304, description = "What the client holds is still true"),
        (status = 404, description = "An SDMX error message: nothing is reported"),
    )
)]
pub(crate) async fn by_structure(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (kinds, agencies, ids) =
        (Wanted::of(&request, "kind")?, Wanted::of(&request, "agency")?, Wanted::of(&request, "id")?);
    let versions = Versions::of(&request)?;
    let all = node.structures();
    let siblings = |reference: &Reference| -> Vec<Version> {
        let same = all.dataflows.iter().map(|d| &d.maintainable);
        let same = same.filter(|m| m.agency_id == reference.agency && m.id == reference.id);
        same.filter_map(|m| m.version.parse().ok()).collect()
    };
    let about = |held: &HeldMetadata| {
        held.intent().dataflow.parse::<Reference>().is_ok_and(|r| {
            kinds.takes("dataflow")
                && agencies.takes(&r.agency)
                && ids.takes(&r.id)
                && versions.take(&r.version, &siblings(&r))
        })
    };
    let params = Params::of(&request)?;
    let found = in_force(&node, &params, false).await?.into_iter().filter(about).collect();
    answer(&node, &request, &params, found)
}

/// What is reported under a metadataflow, by provider.
#[utoipa::path(
    get, path = "/sdmx/3/metadata/metadataflow/{agency}/{id}/{version}/{provider}", tag = "SDMX REST 2",
    params(
        ("agency" = String, Path, description = "Agencies or `*`", example = "RCP"),
        ("id" = String, Path, description = "Ids or `*`", example = "MDF_MIGRATION"),
        ("version" = String, Path, description = "Versions, `+`, `~` or `*`", example = "*"),
        ("provider" = String, Path, description = "Members or `*`", example = "*"),
        ("detail" = Option<String>, Query, description = "`full` or `allstubs`"),
        ("asOf" = Option<String>, Query, description = "What was known then"),
        ("format" = Option<String>, Query, description = "`jsonmetadata` or `genericmetadata`"),
        ("formatVersion" = Option<String>, Query, description = "Its version"),
    ),
    responses((status = 200, description = "Metadata sets in force", content_type = "application/vnd.sdmx.metadata+json;version=2.0.0", body = Object))
)]
pub(crate) async fn by_metadataflow(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (agencies, ids) = (Wanted::of(&request, "agency")?, Wanted::of(&request, "id")?);
    let (versions, providers) = (Versions::of(&request)?, Wanted::of(&request, "provider")?);
    let all = node.structures();
    let siblings = |reference: &Reference| -> Vec<Version> {
        let same = all.metadataflows.iter().map(|d| &d.maintainable);
        let same = same.filter(|m| m.agency_id == reference.agency && m.id == reference.id);
        same.filter_map(|m| m.version.parse().ok()).collect()
    };
    let under = |held: &HeldMetadata| {
        providers.takes(&held.payload.issuer)
            && held.intent().metadataflow.parse::<Reference>().is_ok_and(|r| {
                agencies.takes(&r.agency) && ids.takes(&r.id) && versions.take(&r.version, &siblings(&r))
            })
    };
    let params = Params::of(&request)?;
    let found = in_force(&node, &params, false).await?.into_iter().filter(under).collect();
    answer(&node, &request, &params, found)
}

/// Metadata sets by their identity: provider, dataflow's id, version.
#[utoipa::path(
    get, path = "/sdmx/3/metadata/metadataset/{provider}/{id}/{version}", tag = "SDMX REST 2",
    params(
        ("provider" = String, Path, description = "Members or `*`", example = "*"),
        ("id" = String, Path, description = "Ids or `*`", example = "*"),
        ("version" = String, Path, description = "Versions, `+`, `~` or `*`", example = "*"),
        ("detail" = Option<String>, Query, description = "`full` or `allstubs`"),
        ("asOf" = Option<String>, Query, description = "What was known then"),
        ("format" = Option<String>, Query, description = "`jsonmetadata` or `genericmetadata`"),
        ("formatVersion" = Option<String>, Query, description = "Its version"),
    ),
    responses((status = 200, description = "Metadata sets", content_type = "application/vnd.sdmx.metadata+json;version=2.0.0", body = Object))
)]
pub(crate) async fn by_set(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (providers, ids, versions) =
        (Wanted::of(&request, "provider")?, Wanted::of(&request, "id")?, Versions::of(&request)?);
    let params = Params::of(&request)?;
    let mut held = in_force(&node, &params, true).await?;
    held.retain(|h| providers.takes(&h.payload.issuer) && ids.takes(h.dataflow_id()));
    let mut siblings: BTreeMap<(String, String), Vec<Version>> = BTreeMap::new();
    for one in &held {
        let key = (one.payload.issuer.clone(), one.dataflow_id().to_owned());
        siblings.entry(key).or_default().extend(one.version().parse::<Version>().ok());
    }
    held.retain(|h| {
        let key = (h.payload.issuer.clone(), h.dataflow_id().to_owned());
        siblings.get(&key).is_some_and(|siblings| versions.take(&h.version(), siblings))
    });
    answer(&node, &request, &params, held)
}

async fn in_force(node: &Node, params: &Params, all: bool) -> Result<Vec<HeldMetadata>, HttpError> {
    let as_of = params.get("asOf").map(|text| moment("asOf", text)).transpose();
    let as_of = as_of.map_err(|e| HttpError::bad_request(e.to_string()))?;
    Ok(node.metadata(MetadataFilter { all, as_of, ..MetadataFilter::default() }).await?)
}

fn answer(
    node: &Node,
    request: &HttpRequest,
    params: &Params,
    found: Vec<HeldMetadata>,
) -> Result<HttpResponse, HttpError> {
    let format = negotiate::metadata(request, params.get("format"), params.get("formatVersion"))?;
    let stub = match params.get("detail") {
        None | Some("full") => false,
        Some("allstubs") => true,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            return Err(HttpError::bad_request(format!("unknown `detail` `{shown}`: use full or allstubs")));
        }
    };
    if found.is_empty() {
        let path: String = request.path().chars().take(200).collect();
        return Err(HttpError::not_found(format!("no reference metadata match `{path}`")));
    }
    let base = address(node, request);
    let sets =
        found.iter().map(|held| node.metadata_set(held, &base, stub)).collect::<Result<Vec<MetadataSet>, _>>()?;
    let updated_at = found.iter().map(|held| held.received_at).max();
    let header = header(node, "METADATA", updated_at);
    let body = match format {
        MetadataFormat::Json2 => json::v2_0::metadata::write(&sets, &header, false).map_err(|e| e.to_string()),
        MetadataFormat::Json21 => json::v2_0::metadata::write(&sets, &header, true).map_err(|e| e.to_string()),
        MetadataFormat::Xml30 => xml::v3_0::metadata::write(&sets, &header).map_err(|e| e.to_string()),
    };
    let body = body.map_err(|e| HttpError::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", e))?;
    let mut spoken: Vec<&str> = sets.iter().flat_map(|set| languages_of(&set.attributes)).collect();
    spoken.sort_unstable();
    spoken.dedup();
    let mut response = HttpResponse::Ok();
    for set in sets.iter().take(MAX_LINKS) {
        response.append_header((LINK, format!("<{}>; rel=\"via\"; type=\"application/json\"", set.href)));
    }
    let languages = (!spoken.is_empty()).then(|| spoken.join(", "));
    Ok(Whole { media_type: format.media_type(), body, languages, updated_at }.answer(request, response))
}
