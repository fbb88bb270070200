//! The OpenAPI 3.1 description of the whole HTTP interface, from the handlers themselves, and a page to try it.

use actix_web::web::{Json, ServiceConfig};
use actix_web::{Responder, get};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chancery",
        description = "Migration statistics of a regional consultation process: SDMX services, catalogue, releases and their proofs. \
            Everything here is public; nothing but a request for a cosignature changes anything.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&OperationIds),
    paths(
        crate::api::forum::show_node,
        crate::api::forum::show_forum,
        crate::api::policies::show,
        crate::api::dataflows::list,
        crate::api::dataflows::show,
        crate::api::figures::list,
        crate::api::figures::sums,
        crate::api::metadata::list,
        crate::api::metadata::show,
        crate::api::releases::list,
        crate::api::releases::show,
        crate::api::releases::proof,
        crate::api::releases::disclosure,
        crate::api::releases::disclosure_page,
        crate::artefacts::download,
        crate::log::checkpoint,
        crate::log::pending,
        crate::log::policy,
        crate::log::evidence,
        crate::log::tile,
        crate::log::proof,
        crate::witness::add_checkpoint,
        crate::catalogue::catalogue,
        crate::catalogue::dataset,
        crate::catalogue::document,
        crate::catalogue::citation::release,
        crate::catalogue::citation::query,
        crate::sdmx::structure::structures,
        crate::sdmx::structure::schema,
        crate::sdmx::structure::availability,
        crate::sdmx::data::data,
        crate::sdmx::metadata::by_structure,
        crate::sdmx::metadata::by_metadataflow,
        crate::sdmx::metadata::by_set,
        crate::sdmx::rest1::structures,
        crate::sdmx::rest1::schema,
        crate::sdmx::rest1::availability,
        crate::sdmx::rest1::data,
    )
)]
struct Description;

/// Names each operation by its path: the handlers' names repeat.
struct OperationIds;

impl Modify for OperationIds {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut openapi.paths.paths {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
                operation.operation_id = Some(words.collect::<Vec<_>>().join("_"));
            }
        }
    }
}

/// Adds `/api/openapi.json` and the page at `/api/docs/`.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(description);
    config.service(SwaggerUi::new("/api/docs/{path:.*}").config(utoipa_swagger_ui::Config::from("/api/openapi.json")));
}

#[get("/api/openapi.json")]
async fn description() -> impl Responder {
    Json(Description::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_described_with_its_parameters() {
        let openapi = serde_json::to_value(Description::openapi()).unwrap();
        assert_eq!(openapi["openapi"], "3.1.0");
        for (path, item) in openapi["paths"].as_object().unwrap() {
            let get = if item["get"].is_object() { &item["get"] } else { &item["post"] };
            assert!(get["summary"].is_string() || get["description"].is_string(), "{path}");
            let parameters = get["parameters"].as_array().cloned().unwrap_or_default();
            let named = |name: &str| parameters.iter().any(|p| p["name"] == name && p["in"] == "path");
            for segment in path.split(['{', '}']).skip(1).step_by(2) {
                assert!(named(segment), "{path}: {segment}");
            }
        }
    }
}
