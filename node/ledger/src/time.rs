//! Times as records write them: RFC 3339, UTC, whole seconds.

use chrono::{DateTime, SecondsFormat, Utc};

/// `2026-11-23T19:05:00Z` for unix seconds; the empty string for a year beyond 9999.
pub fn format(at: i64) -> String {
    DateTime::<Utc>::from_timestamp(at, 0).map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}

/// Unix seconds of an RFC 3339 time; none if it is not one.
pub fn parse(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.timestamp())
}
