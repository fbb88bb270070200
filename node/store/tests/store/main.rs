//! The store, as its callers see it, on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod database;
mod logs;
mod releases;
mod support;
