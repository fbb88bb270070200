//! Parquet artefacts and the queries over them; nothing here knows who may ask.

pub mod artefact;
pub mod beside;
pub mod earlier;
pub mod engine;
mod expression;
mod file;
mod merge;
mod predicate;
pub mod rules;
mod scan;
mod series;
mod statistics;

pub use engine::{QueryConfig, QueryEngine, QueryFailure, QueryStream, Source, Summary};
