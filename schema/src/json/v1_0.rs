//! SDMX-JSON 1.0.

pub mod structure;
