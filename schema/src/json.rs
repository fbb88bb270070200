//! SDMX-JSON.

pub mod data;
pub mod data_reader;
pub mod v1_0;
pub mod v2_0;
pub mod v2_1;
