//! Checkpoints and their cosignatures.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::heads(bytes));
