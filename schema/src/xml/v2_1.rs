//! SDMX-ML 2.1.

pub mod structure;
