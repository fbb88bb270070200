//! SDMX REST 2 under `/sdmx/3`: structure, schema, data, availability and reference metadata queries.

pub(crate) mod data;
pub(crate) mod errors;
pub(crate) mod metadata;
pub(crate) mod params;
pub(crate) mod rest1;
pub(crate) mod structure;
pub(crate) mod whole;

use actix_web::web::{self, ServiceConfig};

/// Adds the routes. Trailing parts of a path may be left out, as the standard allows.
pub(crate) fn routes(config: &mut ServiceConfig) {
    // Paths are tried in turn: data first, and of those the whole one.
    for path in [
        "/data/{context}/{agency}/{id}/{version}/{key}",
        "/data/{context}/{agency}/{id}/{version}/{key}/",
        "/data/{context}/{agency}/{id}/{version}",
        "/data/{context}/{agency}/{id}/{version}/",
        "/data/{context}/{agency}/{id}",
        "/data/{context}/{agency}/{id}/",
    ] {
        config.route(path, web::get().to(data::data));
    }
    for path in [
        "/structure/{kind}",
        "/structure/{kind}/",
        "/structure/{kind}/{agency}",
        "/structure/{kind}/{agency}/",
        "/structure/{kind}/{agency}/{id}",
        "/structure/{kind}/{agency}/{id}/",
        "/structure/{kind}/{agency}/{id}/{version}",
        "/structure/{kind}/{agency}/{id}/{version}/",
        "/structure/{kind}/{agency}/{id}/{version}/{item}",
        "/structure/{kind}/{agency}/{id}/{version}/{item}/",
    ] {
        config.route(path, web::get().to(structure::structures));
    }
    for path in [
        "/schema/{context}/{agency}/{id}",
        "/schema/{context}/{agency}/{id}/{version}",
        "/schema/{context}/{agency}/{id}/{version}/",
    ] {
        config.route(path, web::get().to(structure::schema));
    }
    for path in ["", "/{agency}", "/{agency}/{id}", "/{agency}/{id}/{version}"] {
        for path in [format!("/metadata/structure/{{kind}}{path}"), format!("/metadata/structure/{{kind}}{path}/")] {
            config.route(&path, web::get().to(metadata::by_structure));
        }
    }
    for path in ["/{agency}", "/{agency}/{id}", "/{agency}/{id}/{version}", "/{agency}/{id}/{version}/{provider}"] {
        for path in [format!("/metadata/metadataflow{path}"), format!("/metadata/metadataflow{path}/")] {
            config.route(&path, web::get().to(metadata::by_metadataflow));
        }
    }
    for path in ["/{provider}", "/{provider}/{id}", "/{provider}/{id}/{version}"] {
        for path in [format!("/metadata/metadataset{path}"), format!("/metadata/metadataset{path}/")] {
            config.route(&path, web::get().to(metadata::by_set));
        }
    }
    for path in [
        "/availability/{context}/{agency}/{id}",
        "/availability/{context}/{agency}/{id}/{version}",
        "/availability/{context}/{agency}/{id}/{version}/",
        "/availability/{context}/{agency}/{id}/{version}/{key}",
        "/availability/{context}/{agency}/{id}/{version}/{key}/{component}",
    ] {
        config.route(path, web::get().to(structure::availability));
    }
}
