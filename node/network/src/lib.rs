//! chancery-network
