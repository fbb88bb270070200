//! SDMX query addresses, structure queries, languages, paths of tiles.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::queries(bytes));
