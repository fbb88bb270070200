//! SDMX REST 1.5 under `/sdmx/2.1` (sdmx-twg/sdmx-rest, v2_1/ws/rest): the same service in the older grammar.

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::Node;
use chancery_schema::DatasetSchema;
use chancery_schema::query::rest;

use super::data::{answer, wrong};
use super::params::{Params, find_dataflow, segment};
use super::structure::{Path, available, find, schema_of};
use crate::error::HttpError;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    for path in ["/data/{flow}", "/data/{flow}/{key}", "/data/{flow}/{key}/{provider}"] {
        for path in [path.to_owned(), format!("{path}/")] {
            config.route(&path, web::get().to(data));
        }
    }
    for path in ["", "/{key}", "/{key}/{provider}", "/{key}/{provider}/{component}"] {
        for path in [format!("/availableconstraint/{{flow}}{path}"), format!("/availableconstraint/{{flow}}{path}/")] {
            config.route(&path, web::get().to(availability));
        }
    }
    for path in ["/schema/{context}/{agency}/{id}", "/schema/{context}/{agency}/{id}/{version}"] {
        for path in [path.to_owned(), format!("{path}/")] {
            config.route(&path, web::get().to(schema));
        }
    }
    for path in ["", "/{agency}", "/{agency}/{id}", "/{agency}/{id}/{version}", "/{agency}/{id}/{version}/{item}"] {
        for path in [format!("/{{kind}}{path}"), format!("/{{kind}}{path}/")] {
            config.route(&path, web::get().to(structures));
        }
    }
}

/// Which codes have figures, and how many: a content constraint.
#[utoipa::path(
    get, path = "/sdmx/2.1/availableconstraint/{flow}/{key}/{provider}/{component}", tag = "SDMX REST 1.5",
    params(
        ("flow" = String, Path, description = "`ID`, `AGENCY,ID` or `AGENCY,ID,VERSION`", example = "RCP,RETURNS,1.0.0"),
        ("key" = String, Path, description = "Codes by position, or `all`", example = "all"),
        ("provider" = String, Path, description = "Members or `all`", example = "all"),
        ("component" = String, Path, description = "Dimensions or `all`", example = "all"),
    ),
    responses((status = 200, description = "The constraint", content_type = "application/vnd.sdmx.structure+xml;version=2.1", body = String))
)]
pub(crate) async fn availability(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let schema = flow(&node, &request)?;
    let members = providers(&segment(&request, "provider", "all")?);
    available(&node, &request, &params, &schema, &segment(&request, "key", "all")?, members).await
}

/// The structures that figures of a dataflow need.
#[utoipa::path(
    get, path = "/sdmx/2.1/schema/{context}/{agency}/{id}/{version}", tag = "SDMX REST 1.5",
    params(
        ("context" = String, Path, description = "`dataflow`", example = "dataflow"),
        ("agency" = String, Path, description = "Agency or `all`", example = "RCP"),
        ("id" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("version" = String, Path, description = "Version or `latest`", example = "latest"),
    ),
    responses((status = 200, description = "The structures", content_type = "application/vnd.sdmx.structure+xml;version=2.1", body = String))
)]
pub(crate) async fn schema(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (agency, id) = (segment(&request, "agency", "all")?, segment(&request, "id", "all")?);
    let found = find_dataflow(&node, &agency, &id, &segment(&request, "version", "latest")?)?;
    schema_of(&node, &request, &found)
}

/// Structures, in SDMX-ML 2.1 or SDMX-JSON 1.0.
#[utoipa::path(
    get, path = "/sdmx/2.1/{kind}/{agency}/{id}/{version}", tag = "SDMX REST 1.5",
    params(
        ("kind" = String, Path, description = "`dataflow`, `datastructure`, `codelist`, `structure` …", example = "dataflow"),
        ("agency" = String, Path, description = "Agencies or `all`", example = "all"),
        ("id" = String, Path, description = "Ids or `all`", example = "all"),
        ("version" = String, Path, description = "Version, `latest` or `all`", example = "latest"),
        ("references" = Option<String>, Query, description = "As in REST 2"),
        ("detail" = Option<String>, Query, description = "As in REST 2"),
    ),
    responses((status = 200, description = "The structures", content_type = "application/vnd.sdmx.structure+xml;version=2.1", body = String))
)]
pub(crate) async fn structures(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    // Alternatives are joined by a plus sign here, by a comma in REST 2.
    let part = |name: &str, default: &str| segment(&request, name, default).map(|text| text.replace('+', ","));
    let kind = match segment(&request, "kind", "structure")?.as_str() {
        "structure" => "*".to_owned(),
        "contentconstraint" | "allowedconstraint" | "actualconstraint" => "dataconstraint".to_owned(),
        kind @ ("hierarchicalcodelist" | "structureset" | "attachmentconstraint") => {
            return Err(HttpError::not_found(format!("this schema has no artefacts of the type `{kind}` of SDMX 2.1")));
        }
        other => other.to_owned(),
    };
    let versions = |word: &str| match word {
        "latest" => "+".to_owned(),
        "all" => "*".to_owned(),
        version => version.to_owned(),
    };
    let version = part("version", "latest")?.split(',').map(versions).collect::<Vec<_>>().join(",");
    let (agency, id, item) = (part("agency", "all")?, part("id", "all")?, part("item", "all")?);
    find(&node, &request, &Path { kind, agency, id, version, item }).await
}

/// Figures. Parameters are those of REST 1.5; those of REST 2 hold as well.
#[utoipa::path(
    get, path = "/sdmx/2.1/data/{flow}/{key}/{provider}", tag = "SDMX REST 1.5",
    params(
        ("flow" = String, Path, description = "`ID`, `AGENCY,ID` or `AGENCY,ID,VERSION`", example = "RCP,RETURNS,1.0.0"),
        ("key" = String, Path, description = "Codes by position: `M..MEX.GTM+HND...`, or `all`", example = "all"),
        ("provider" = String, Path, description = "Members or `all`", example = "all"),
        ("startPeriod" = Option<String>, Query, description = "First period"),
        ("endPeriod" = Option<String>, Query, description = "Last period"),
        ("detail" = Option<String>, Query, description = "`full`, `dataonly`, `nodata` or `serieskeysonly`"),
        ("format" = Option<String>, Query, description = "As in REST 2"),
    ),
    responses(
        (status = 200, description = "The figures", content_type = "application/vnd.sdmx.genericdata+xml;version=2.1", body = String),
        (status = 404, description = "An SDMX error message: no such dataflow, or no figures match"),
    )
)]
pub(crate) async fn data(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let schema = flow(&node, &request)?;
    let mut query = rest::parse(&schema, &segment(&request, "key", "all")?, &params.0).map_err(wrong)?;
    query.providers = providers(&segment(&request, "provider", "all")?);
    answer(&node, &request, &params, &schema, &query).await
}

/// The dataflow a path names: `ID`, `AGENCY,ID` or `AGENCY,ID,VERSION`.
fn flow(node: &Node, request: &HttpRequest) -> Result<Arc<DatasetSchema>, HttpError> {
    let text = segment(request, "flow", "")?;
    let parts: Vec<&str> = text.split(',').collect();
    match parts[..] {
        [id] => find_dataflow(node, "*", id, "latest"),
        [agency, id] => find_dataflow(node, agency, id, "latest"),
        [agency, id, version] => find_dataflow(node, agency, id, version),
        _ => Err(HttpError::bad_request("a dataflow is named `ID`, `AGENCY,ID` or `AGENCY,ID,VERSION`")),
    }
}

/// Members, from `all`, `MEX`, `RCP,MEX` or several joined by `+`.
fn providers(text: &str) -> Vec<String> {
    let member = |provider: &str| provider.rsplit(',').next().unwrap_or_default().to_owned();
    let members: Vec<String> = text.split('+').map(member).filter(|m| !m.is_empty()).collect();
    if members.iter().any(|m| m == "all" || m == "*") { Vec::new() } else { members }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_members() {
        assert!(providers("all").is_empty());
        assert_eq!(providers("RCP,MEX+GTM"), ["MEX", "GTM"]);
    }
}
