//! chancery-ledger
