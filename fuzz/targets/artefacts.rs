//! Parquet files of peers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::artefacts(bytes));
