//! SDMX-JSON.

pub mod data;
pub mod v2_0;
