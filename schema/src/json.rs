//! SDMX-JSON.

pub mod v2_0;
