//! Answers of time-stamping authorities (RFC 3161).

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::timestamps(bytes));
