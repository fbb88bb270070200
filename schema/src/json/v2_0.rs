//! SDMX-JSON 2.0.

pub mod structure;
