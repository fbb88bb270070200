//! Starts and stops the HTTP server.

use std::net::SocketAddr;

use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use chancery_exchange::Node;
use chancery_exchange::config::HttpConfig;

use crate::error::HttpError;
use crate::{api, artefacts, catalogue, log, middleware, openapi, page, sdmx, witness};

/// Longest wait for requests under way when stopping, in seconds.
const STOP_WITHIN_S: u64 = 5;
/// Connections of one worker.
const MAX_CONNECTIONS: usize = 1_024;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on `{listen}`: {source}; is the port in use? choose another with `http.listen` in chancery.toml or `--http`"
)]
pub struct ServeError {
    listen: String,
    #[source]
    source: std::io::Error,
}

/// A running server.
pub struct Server {
    handle: ServerHandle,
    address: SocketAddr,
}

impl Server {
    /// Starts serving `node`. Must be called within a tokio runtime.
    pub fn start(node: Node, config: &HttpConfig) -> Result<Self, ServeError> {
        let refuse = |source| ServeError { listen: config.listen.clone(), source };
        let data = Data::new(node);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::clone(&data))
                .app_data(
                    web::QueryConfig::default().error_handler(|e, _| HttpError::bad_request(e.to_string()).into()),
                )
                .wrap(from_fn(middleware::purpose))
                .wrap(Compress::default())
                .wrap(from_fn(middleware::head_as_get))
                .wrap(from_fn(middleware::reads_only))
                .wrap(from_fn(middleware::identify))
                // Published figures are for every page on the web.
                .wrap(
                    DefaultHeaders::new()
                        .add((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
                        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff")),
                )
                // Paths are tried in turn: most requests are for these.
                .service(web::scope("/sdmx/3").wrap(from_fn(sdmx::errors::as_messages)).configure(sdmx::routes))
                .service(
                    web::scope("/sdmx/2.1").wrap(from_fn(sdmx::errors::as_messages)).configure(sdmx::rest1::routes),
                )
                .configure(openapi::routes)
                .configure(catalogue::routes)
                .configure(log::routes)
                .configure(witness::routes)
                .service(web::scope("/api/v1").configure(api::routes))
                .service(artefacts::download)
                .service(page::index)
                .service(page::asset)
                .service(page::icon)
                .default_service(web::to(not_found))
        })
        .workers(config.workers.max(1))
        .max_connections(MAX_CONNECTIONS)
        .shutdown_timeout(STOP_WITHIN_S)
        .disable_signals()
        .bind(&config.listen)
        .map_err(refuse)?;
        let address = server.addrs().first().copied();
        let address = address.ok_or_else(|| refuse(std::io::Error::other("no address was bound")))?;
        let running = server.run();
        let handle = running.handle();
        tokio::spawn(running);
        Ok(Self { handle, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, letting requests under way end.
    pub async fn stop(&self) {
        self.handle.stop(true).await;
    }
}

async fn not_found(request: actix_web::HttpRequest) -> Result<actix_web::HttpResponse, HttpError> {
    Err(HttpError::not_found(format!(
        "nothing is at `{}`: the page is at /, SDMX at /sdmx/3, JSON at /api/v1",
        request.path().chars().take(200).collect::<String>()
    )))
}
