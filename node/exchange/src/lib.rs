//! chancery-exchange
