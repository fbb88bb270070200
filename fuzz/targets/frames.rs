//! Frames and length prefixes on peers' streams.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::frames(bytes));
