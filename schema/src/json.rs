//! SDMX-JSON.

pub mod data;
pub mod v1_0;
pub mod v2_0;
