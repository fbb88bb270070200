//! chancery-conformance
