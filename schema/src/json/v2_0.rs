//! SDMX-JSON 2.0.

pub mod metadata;
pub mod structure;
