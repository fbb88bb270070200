//! SDMX-ML.

pub(crate) mod data;
pub mod data_reader;
pub mod generic;
pub mod reading;
pub mod specific;
pub mod structure;
pub(crate) mod tree;
pub mod v2_1;
pub mod v3_0;
pub mod xsd;
