//! Parquet artefacts and the queries over them; nothing here knows who may ask.

pub mod artefact;
pub mod beside;
mod chronological;
pub mod earlier;
pub mod engine;
mod expression;
mod file;
mod merge;
mod narrow;
mod predicate;
mod ranges;
pub mod rules;
mod runs;
mod scan;
mod series;
mod statistics;
mod sum;
mod summary;
mod tasks;

pub use engine::{QueryConfig, QueryEngine, QueryFailure, QueryStream, SORTED_ROWS, Source, Sum, Summary};
