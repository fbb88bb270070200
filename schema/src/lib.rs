//! chancery-schema
