//! chancery-gateway
