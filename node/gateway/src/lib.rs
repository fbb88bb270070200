//! HTTP: the SDMX REST service, the JSON the page reads, artefacts, and the page itself. Handlers extract, call one use case, convert.

mod api;
mod artefacts;
mod catalogue;
mod encode;
mod error;
mod log;
mod middleware;
mod negotiate;
mod openapi;
mod page;
mod sdmx;
mod server;
mod witness;

pub use server::{ServeError, Server};
