//! Proof bundles, as JSON and as C2SP tlog-proof.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::proofs(bytes));
