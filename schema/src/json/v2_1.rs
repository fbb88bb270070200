//! SDMX-JSON 2.1.

pub mod structure;
