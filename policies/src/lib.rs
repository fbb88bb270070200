//! Disclosure control and access decisions. Pure: no files, no clock.

pub mod access;
pub mod disclosure;
