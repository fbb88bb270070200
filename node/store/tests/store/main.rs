//! The store, as its callers see it, on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod database;
mod logs;
mod privacy;
mod releases;
mod support;
