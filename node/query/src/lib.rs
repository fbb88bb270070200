//! Parquet artefacts and the queries over them. DataFusion plans and runs; nothing here knows who may ask.

pub mod artefact;
pub mod engine;
mod plan;

pub use engine::{QueryConfig, QueryEngine, QueryFailure, QueryStream, Source};
