//! The shared schema: SDMX information model, shared structures, readers and writers, mapping, validation, query model.
//!
//! Pure: no files, no network, no clock. Observations travel as arrow record batches in the layout that
//! [`dataset::DatasetSchema::arrow_schema`] gives.

pub mod csv;
pub mod data;
pub mod dataset;
pub mod diff;
pub mod error_message;
pub mod json;
pub mod language;
pub mod lint;
pub mod mapping;
pub mod message;
pub mod metadata;
pub mod mirror;
pub mod period;
pub mod query;
pub mod rows;
pub mod shared;
pub mod structure;
pub mod structure_map;
pub mod validate;
pub mod xml;

pub use dataset::{Component, DatasetSchema};
pub use query::DataQuery;
pub use structure::{Reference, Structures};
