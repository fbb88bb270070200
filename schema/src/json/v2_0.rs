//! SDMX-JSON 2.0.

pub mod data;
pub mod structure;
