//! Reads SDMX REST 2 data queries (sdmx-twg/sdmx-rest, doc/data.md): key and parameters, already percent-decoded.

use chrono::{DateTime, NaiveDate};

use super::{DataQuery, Key, QueryError};
use crate::dataset::DatasetSchema;

/// Most filters of one query.
pub(crate) const MAX_FILTERS: usize = 64;
/// Most values in one filter or key position.
pub(crate) const MAX_VALUES: usize = 2_000;
/// Longest key or parameter, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// Most keys of one query.
const MAX_KEYS: usize = 500;

/// Parameters that choose a representation or a service behaviour, not figures.
const NOT_OURS: [&str; 9] = [
    "format",
    "formatVersion",
    "labels",
    "attributes",
    "measures",
    "includeHistory",
    "reportingYearStartDay",
    "detail",
    "timeFormat",
];

/// Reads a query. Parameters that are not about which figures are left to the caller.
pub fn parse(schema: &DatasetSchema, key: &str, parameters: &[(String, String)]) -> Result<DataQuery, QueryError> {
    if key.len() > MAX_TEXT || parameters.iter().any(|(name, value)| name.len() + value.len() > MAX_TEXT) {
        return Err(QueryError::TooLarge("64 KiB of key or parameter"));
    }
    let mut query = DataQuery::all(schema);
    query.keys = parse_keys(schema, key)?;
    for (name, value) in parameters {
        parameter(schema, &mut query, name, value)?;
    }
    Ok(query)
}

fn parameter(schema: &DatasetSchema, query: &mut DataQuery, name: &str, value: &str) -> Result<(), QueryError> {
    match name {
        "startPeriod" => query.set_start(value)?,
        "endPeriod" => query.set_end(value)?,
        "asOf" => query.as_of = Some(time(name, value)?),
        // `updateAfter` is how one client spells it.
        "updatedAfter" | "updateAfter" => query.updated_after = Some(time(name, value)?),
        "firstNObservations" => query.first_n = Some(number(name, value)?),
        "lastNObservations" => query.last_n = Some(number(name, value)?),
        "offset" => query.offset = number(name, value)?,
        "limit" => query.limit = Some(number(name, value)?),
        "dimensionAtObservation" => query.flat = flat(value)?,
        "c" => {
            // The form of a client that sends all filters as one text: `FREQ:A,SEX:F`.
            for filter in value.split(';') {
                let (component, values) = filter.split_once([':', '=']).unwrap_or((filter, ""));
                query.add_filter(schema, component, values)?;
            }
        }
        _ => match name.strip_prefix("c[").and_then(|rest| rest.strip_suffix(']')) {
            Some(component) => query.add_filter(schema, component, value)?,
            None if NOT_OURS.contains(&name) => {}
            None => {
                let known = "a parameter of SDMX REST data queries: c[DIM], startPeriod, endPeriod, asOf, updatedAfter, \
                    firstNObservations, lastNObservations, offset, limit, dimensionAtObservation, format, labels";
                return Err(refuse(name, value, known));
            }
        },
    }
    Ok(())
}

/// `*`, `A.B.*`, several keys separated by commas, several codes in a position by `+`.
fn parse_keys(schema: &DatasetSchema, text: &str) -> Result<Vec<Key>, QueryError> {
    if matches!(text, "" | "*" | "all") {
        return Ok(Vec::new());
    }
    let expected = schema.dimensions.len();
    let positions = |key: &str| key.split('.').count();
    // A comma separates keys in the standard; inside a position it is what many write for alternatives.
    let whole_keys = text.split(',').all(|key| key == "*" || positions(key) == expected);
    let keys: Vec<&str> = if whole_keys { text.split(',').collect() } else { vec![text] };
    if keys.len() > MAX_KEYS {
        return Err(QueryError::TooLarge("500 keys"));
    }
    if keys.contains(&"*") {
        return Ok(Vec::new());
    }
    keys.into_iter().map(|key| parse_key(schema, key, expected)).collect()
}

fn parse_key(schema: &DatasetSchema, key: &str, expected: usize) -> Result<Key, QueryError> {
    let positions: Vec<&str> = key.split('.').collect();
    if positions.len() != expected {
        let dimensions = schema.dimensions.iter().map(|d| d.id.as_str()).collect::<Vec<_>>().join(".");
        let dataflow = schema.dataflow.to_string();
        return Err(QueryError::Key {
            key: key.chars().take(200).collect(),
            found: positions.len(),
            dataflow,
            expected,
            dimensions,
        });
    }
    positions
        .into_iter()
        .map(|position| {
            let codes: Vec<String> = position.split(['+', ',']).map(str::to_owned).collect();
            if codes.len() > MAX_VALUES {
                return Err(QueryError::TooLarge("2,000 codes in one position of a key"));
            }
            Ok(if position.is_empty() || codes.iter().any(|c| c == "*") { None } else { Some(codes) })
        })
        .collect()
}

fn flat(value: &str) -> Result<bool, QueryError> {
    match value {
        "TIME_PERIOD" | "dsd" => Ok(false),
        "AllDimensions" => Ok(true),
        other => Err(refuse("dimensionAtObservation", other, "`TIME_PERIOD` or `AllDimensions`")),
    }
}

fn time(name: &str, value: &str) -> Result<i64, QueryError> {
    // A `+` of a time zone that was not percent-encoded arrives as a space.
    let text = value.replace(' ', "+");
    let day =
        || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(23, 59, 59).map(|t| t.and_utc().timestamp());
    DateTime::parse_from_rfc3339(&text)
        .map(|t| t.timestamp())
        .ok()
        .or_else(day)
        .ok_or_else(|| refuse(name, value, "a time such as `2026-11-23T19:05:00Z`, or a day"))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, QueryError> {
    value.parse().map_err(|_| refuse(name, value, "a whole number"))
}

fn refuse(name: &str, value: &str, expected: &str) -> QueryError {
    QueryError::Parameter {
        parameter: name.chars().take(80).collect(),
        value: value.chars().take(80).collect(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Operator;

    fn returns() -> DatasetSchema {
        let structures = crate::shared::structures().unwrap();
        structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap()
    }

    fn codes(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|c| (*c).to_owned()).collect())
    }

    #[test]
    fn keys_are_read_in_every_spelling() {
        let schema = returns();
        for all in ["*", "", "all"] {
            assert!(parse(&schema, all, &[]).unwrap().keys.is_empty());
        }
        let one: Key = vec![codes(&["M"]), None, codes(&["MEX"]), codes(&["GTM", "HND"]), None, None, None];
        for text in ["M.*.MEX.GTM+HND.*.*.*", "M..MEX.GTM,HND...", "M.*.MEX.GTM,HND.*.*.*"] {
            assert_eq!(parse(&schema, text, &[]).unwrap().keys, std::slice::from_ref(&one), "{text}");
        }
        assert_eq!(parse(&schema, "M.*.MEX.GTM.*.*.*,A.*.MEX.GTM.*.*.*", &[]).unwrap().keys.len(), 2);
        assert!(matches!(parse(&schema, "M.MEX", &[]), Err(QueryError::Key { found: 2, expected: 7, .. })));
    }

    #[test]
    fn parameters_are_read_or_named() {
        let schema = returns();
        let query = |name: &str, value: &str| parse(&schema, "*", &[(name.to_owned(), value.to_owned())]);
        assert_eq!(query("c[TIME_PERIOD]", "ge:2020+le:2021").unwrap().end.as_deref(), Some("2021"));
        let sex = query("c[SEX]", "M,F").unwrap();
        assert_eq!(sex.filters[0].any_of.len(), 2);
        assert_eq!(query("c", "FREQ:A").unwrap().filters[0].any_of[0].value, "A");
        assert_eq!(query("c[OBS_VALUE]", "gt:5").unwrap().filters[0].any_of[0].operator, Operator::Gt);
        assert!(query("dimensionAtObservation", "AllDimensions").unwrap().flat);
        assert_eq!(query("asOf", "2026-11-23T19:05:00 00:00").unwrap().as_of, Some(1_795_460_700));
        for (name, value) in [
            ("startPeriod", "soon"),
            ("limit", "-1"),
            ("c[NOPE]", "1"),
            ("asOf", "now"),
            ("dimensionAtObservation", "SEX"),
            ("nope", "1"),
        ] {
            assert!(query(name, value).is_err(), "{name}={value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(key in ".{0,60}", name in "(c\\[.{0,12}\\]|[a-zA-Z]{0,20})", value in ".{0,60}") {
            let _ = parse(&returns(), &key, &[(name, value)]);
        }
    }
}
