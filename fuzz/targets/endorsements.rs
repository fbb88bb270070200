//! CMS signatures, certificates and revocation lists of national PKIs.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chancery_fuzz::endorsements(bytes));
