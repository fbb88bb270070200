//! SDMX-ML.

pub mod v3_0;
