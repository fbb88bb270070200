//! SDMX REST 1.5 under `/sdmx/2.1` (sdmx-twg/sdmx-rest, v2_1/ws/rest): the same service in the older grammar.

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
            config.route(&path, web::head().to(data));
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

/// `GET /availableconstraint/{flow}/{key}/{provider}/{component}`.
async fn availability(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let schema = flow(&node, &request)?;
    let members = providers(&segment(&request, "provider", "all")?);
    available(&node, &request, &params, &schema, &segment(&request, "key", "all")?, members).await
}

/// `GET /schema/{context}/{agency}/{id}/{version}`.
async fn schema(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (agency, id) = (segment(&request, "agency", "all")?, segment(&request, "id", "all")?);
    let found = find_dataflow(&node, &agency, &id, &segment(&request, "version", "latest")?)?;
    schema_of(&node, &request, &found)
}

/// `GET /{kind}/{agency}/{id}/{version}/{item}`.
async fn structures(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
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

/// `GET /data/{flow}/{key}/{provider}`.
async fn data(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let schema = flow(&node, &request)?;
    let mut query = rest::parse(&schema, &segment(&request, "key", "all")?, &params.0).map_err(wrong)?;
    query.providers = providers(&segment(&request, "provider", "all")?);
    answer(&node, &request, &params, schema, &query).await
}

/// The dataflow a path names: `ID`, `AGENCY,ID` or `AGENCY,ID,VERSION`.
fn flow(node: &Node, request: &HttpRequest) -> Result<DatasetSchema, HttpError> {
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
