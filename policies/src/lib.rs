//! chancery-policies
