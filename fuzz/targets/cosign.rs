//! Requests for a cosignature (C2SP tlog-witness).

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::cosign(bytes));
