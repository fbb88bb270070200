//! SDMX-ML.

pub(crate) mod data;
pub mod data_reader;
pub(crate) mod generic;
pub mod reading;
pub(crate) mod specific;
pub mod structure;
pub(crate) mod tree;
pub mod v2_1;
pub mod v3_0;
pub(crate) mod writer;
pub mod xsd;
