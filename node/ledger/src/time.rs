//! Times as records write them: RFC 3339, UTC, whole seconds.

use chrono::{DateTime, SecondsFormat, Utc};

/// `2026-11-23T19:05:00Z` for unix seconds; the empty string for a year beyond 9999.
pub fn format(at: i64) -> String {
    DateTime::<Utc>::from_timestamp(at, 0).map(|t| t.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}

/// Unix seconds of a time spelled as [`format()`] spells it; none for anything else.
///
/// Offsets, fractions and leap seconds are refused, so that texts order as the times they mean and have one spelling.
pub fn parse(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.timestamp();
    (format(at) == text).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_spelling() {
        assert_eq!(parse("2026-11-23T19:05:00Z"), Some(1_795_460_700));
        assert_eq!(format(1_795_460_700), "2026-11-23T19:05:00Z");
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T19:05:00+00:00",
            "2026-11-23T19:05:00+14:00",
            "2026-11-23T19:05:00.0Z",
            "2026-11-23t19:05:00z",
            "2026-11-23T19:05:60Z",
            "2026-02-30T00:00:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
