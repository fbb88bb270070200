//! The JSON the page reads, under `/api/v1`. Each handler extracts, calls one use case, converts.

pub(crate) mod dataflows;
pub(crate) mod figures;
pub(crate) mod forum;
pub(crate) mod metadata;
pub(crate) mod policies;
pub(crate) mod releases;

use actix_web::web::ServiceConfig;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(forum::show_node)
        .service(forum::show_forum)
        .service(policies::show)
        .service(dataflows::list)
        .service(dataflows::show)
        .service(releases::list)
        .service(releases::show)
        .service(releases::proof)
        .service(releases::disclosure)
        .service(releases::disclosure_page)
        .service(metadata::list)
        .service(metadata::show)
        .service(figures::list)
        .service(figures::sums);
}
