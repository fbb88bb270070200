//! Bundles of charters, delegations, revocations and suspensions.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::forums(bytes));
