//! Reads SDMX REST 2 data queries (sdmx-twg/sdmx-rest, doc/data.md): key and parameters, already percent-decoded.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use super::{DataQuery, Key, QueryError, Selection, refuse};
use crate::dataset::DatasetSchema;

/// Most clauses on components of one query.
pub(crate) const MAX_FILTERS: usize = 64;
/// Most values in one filter or key position: every code of the longest code list.
pub(crate) const MAX_VALUES: usize = 2_000;
/// Longest key or parameter, in bytes: that many codes with their separators.
const MAX_TEXT: usize = 64 << 10;
/// Most keys of one query.
const MAX_KEYS: usize = 500;
/// Most parameters of one query: more than there are names, filters included.
const MAX_PARAMETERS: usize = 200;

/// Parameters that choose a representation or a service behaviour, not figures.
const NOT_OURS: [&str; 6] = ["format", "formatVersion", "keys", "labels", "reportingYearStartDay", "timeFormat"];

/// Reads a query. Parameters that are not about which figures are left to the caller.
pub fn parse(schema: &DatasetSchema, key: &str, parameters: &[(String, String)]) -> Result<DataQuery, QueryError> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(QueryError::TooLarge("200 parameters"));
    }
    if key.len() > MAX_TEXT {
        return Err(QueryError::TooLarge("64 KiB in the parameter `key`"));
    }
    if parameters.iter().any(|(name, value)| name.len() + value.len() > MAX_TEXT) {
        return Err(QueryError::TooLarge("64 KiB in a parameter"));
    }
    let mut query = DataQuery::all(schema);
    query.keys = parse_keys(schema, key)?;
    for (name, value) in parameters {
        parameter(schema, &mut query, name, value)?;
    }
    if let Some((_, sort)) = parameters.iter().find(|(name, _)| name == "sort") {
        query.set_sort(schema, sort)?;
    }
    if let (Some(updated_after), Some(as_of)) = (query.updated_after, query.as_of)
        && updated_after > as_of
    {
        let value = parameters.iter().find(|(name, _)| name.starts_with("update"));
        let value = value.map_or("", |(_, value)| value.as_str());
        return Err(refuse("updatedAfter", value, "a time before `asOf`".to_owned()));
    }
    Ok(query)
}

fn parameter(schema: &DatasetSchema, query: &mut DataQuery, name: &str, value: &str) -> Result<(), QueryError> {
    match name {
        "startPeriod" => query.set_start(value)?,
        "endPeriod" => query.set_end(value)?,
        "asOf" => query.as_of = Some(time(name, value, LAST_SECOND)?),
        // `updateAfter` is how one client spells it.
        "updatedAfter" | "updateAfter" => query.updated_after = Some(time(name, value, NaiveTime::MIN)?),
        "firstNObservations" => query.first_n = Some(count(name, value)?),
        "lastNObservations" => query.last_n = Some(count(name, value)?),
        "offset" => query.offset = number(name, value)?,
        "limit" => query.limit = Some(count(name, value)?),
        "dimensionAtObservation" => query.set_at_observation(schema, value)?,
        "attributes" => query.set_attributes(schema, value)?,
        "measures" => query.set_measures(schema, value)?,
        "detail" => detail(query, value)?,
        "includeHistory" => {
            let parsed = value.parse().map_err(|_| refuse(name, value, "`true` or `false`".to_owned()));
            query.include_history = parsed?;
        }
        // Read when all is known that its words mean.
        "sort" => {}
        "c" => {
            // The form of a client that sends all filters as one text: `FREQ:A;SEX:F`.
            for filter in value.split(';') {
                let (component, values) = filter.split_once([':', '=']).unwrap_or((filter, ""));
                filter_on(schema, query, component, values)?;
            }
        }
        _ => match name.strip_prefix("c[").and_then(|rest| rest.strip_suffix(']')) {
            Some(component) => filter_on(schema, query, component, value)?,
            None if NOT_OURS.contains(&name) => {}
            None => {
                let known = "for a parameter of SDMX REST data queries: c[DIM], startPeriod, endPeriod, asOf, updatedAfter, \
                    firstNObservations, lastNObservations, offset, limit, sort, dimensionAtObservation, attributes, measures, \
                    detail, includeHistory, format, labels";
                return Err(refuse(name, value, known.to_owned()));
            }
        },
    }
    Ok(())
}

fn filter_on(schema: &DatasetSchema, query: &mut DataQuery, component: &str, values: &str) -> Result<(), QueryError> {
    query.add_filter(schema, component, values)?;
    // No values would be no condition, and the client would take all figures for those it asked for.
    if values.trim_matches([',', '+']).is_empty() {
        return Err(refuse(&format!("c[{component}]"), values, "a value".to_owned()));
    }
    Ok(())
}

/// `*`, `A.B.*`, several keys separated by commas, several codes in a position by `+`. Positions left out at the end take
/// any code.
fn parse_keys(schema: &DatasetSchema, text: &str) -> Result<Vec<Key>, QueryError> {
    if matches!(text, "" | "*" | "all") {
        return Ok(Vec::new());
    }
    let expected = schema.dimensions.len();
    let positions = |key: &str| key.split('.').count();
    // A comma separates keys in the standard; inside a position it is what many write for alternatives.
    let whole_keys = text.split(',').all(|key| key == "*" || positions(key) == expected);
    let keys: Vec<&str> = if !whole_keys && positions(text) == expected {
        vec![text]
    } else {
        text.split(',').filter(|key| !key.is_empty()).collect()
    };
    if keys.len() > MAX_KEYS {
        return Err(QueryError::TooLarge("500 keys in the parameter `key`"));
    }
    if keys.contains(&"*") {
        return Ok(Vec::new());
    }
    keys.into_iter().map(|key| parse_key(schema, key, expected)).collect()
}

fn parse_key(schema: &DatasetSchema, key: &str, expected: usize) -> Result<Key, QueryError> {
    let positions: Vec<&str> = key.split('.').collect();
    if positions.len() > expected {
        let dimensions = schema.dimensions.iter().map(|d| d.id.as_str()).collect::<Vec<_>>();
        return Err(QueryError::Key {
            key: key.chars().take(200).collect(),
            found: positions.len(),
            dataflow: schema.dataflow.to_string(),
            expected,
            dimensions: dimensions.join("."),
        });
    }
    let mut key = positions.into_iter().map(codes).collect::<Result<Key, _>>()?;
    key.resize(expected, None);
    Ok(key)
}

/// The codes of one position; none for any.
fn codes(position: &str) -> Result<Option<Vec<String>>, QueryError> {
    let codes: Vec<String> = position.split(['+', ',']).filter(|code| !code.is_empty()).map(str::to_owned).collect();
    if codes.len() > MAX_VALUES {
        return Err(QueryError::TooLarge("2,000 codes in one position of the parameter `key`"));
    }
    Ok((!codes.is_empty() && codes.iter().all(|code| code != "*")).then_some(codes))
}

/// The text of keys, as [`parse`] reads it.
pub fn key_text(keys: &[Key]) -> String {
    let position = |codes: &Option<Vec<String>>| codes.as_ref().map_or_else(|| "*".to_owned(), |codes| codes.join("+"));
    let key = |key: &Key| key.iter().map(position).collect::<Vec<_>>().join(".");
    if keys.is_empty() { "*".to_owned() } else { keys.iter().map(key).collect::<Vec<_>>().join(",") }
}

/// How much is returned, as SDMX REST 1.5 says it.
fn detail(query: &mut DataQuery, value: &str) -> Result<(), QueryError> {
    let (attributes, measures, keys_only) = match value {
        "full" => (true, true, false),
        "dataonly" => (false, true, false),
        "nodata" => (true, false, false),
        "serieskeysonly" => (false, false, true),
        _ => return Err(refuse("detail", value, "`full`, `dataonly`, `nodata` or `serieskeysonly`".to_owned())),
    };
    if !attributes {
        query.attributes = Selection::Only(Vec::new());
    }
    query.measures &= measures;
    query.series_keys_only = keys_only;
    Ok(())
}

/// The last second of a day: what was known on a day is what was known when it ended.
const LAST_SECOND: NaiveTime = match NaiveTime::from_hms_opt(23, 59, 59) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// A time in unix seconds; UTC if it names no zone, `of_day` if it names no time of day.
fn time(name: &str, value: &str, of_day: NaiveTime) -> Result<i64, QueryError> {
    // A `+` of a time zone that was not percent-encoded arrives as a space.
    let text = value.replace(' ', "+");
    let zoned = DateTime::parse_from_rfc3339(&text).map(|time| time.timestamp());
    let local = || NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc().timestamp());
    let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(|day| day.and_time(of_day).and_utc().timestamp());
    zoned
        .or_else(|_| local())
        .or_else(|_| day())
        .map_err(|_| refuse(name, value, "a time such as `2026-11-23T19:05:00Z`, or a day".to_owned()))
}

/// A parameter that says as of when: a day means its end.
pub fn moment(name: &str, value: &str) -> Result<i64, QueryError> {
    time(name, value, LAST_SECOND)
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, QueryError> {
    value.parse().map_err(|_| refuse(name, value, "a whole number".to_owned()))
}

/// A whole number from one.
fn count<T: std::str::FromStr + From<u8> + PartialOrd>(name: &str, value: &str) -> Result<T, QueryError> {
    let count = value.parse().ok().filter(|count| *count >= T::from(1));
    count.ok_or_else(|| refuse(name, value, "a whole number from 1".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::{AtObservation, Operator};

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
        let short = parse(&schema, "M.*.MEX,A", &[]).unwrap().keys;
        assert_eq!(key_text(&short), "M.*.MEX.*.*.*.*,A.*.*.*.*.*.*");
        let with_empty_codes = parse(&schema, "+.*.MEX+", &[]).unwrap().keys;
        assert_eq!(with_empty_codes, parse(&schema, "*.*.MEX", &[]).unwrap().keys);
        let long = parse(&schema, "M.*.MEX.*.*.*.*.*", &[]).unwrap_err();
        assert!(matches!(long, QueryError::Key { found: 8, expected: 7, .. }));
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
        assert_eq!(query("dimensionAtObservation", "AllDimensions").unwrap().at_observation, AtObservation::All);
        let by_sex = query("dimensionAtObservation", "SEX").unwrap().selected(&schema);
        let series: Vec<&str> = by_sex.dimensions.iter().map(|d| d.id.as_str()).collect();
        assert_eq!(series, ["FREQ", "REF_AREA", "ORIGIN", "DESTINATION", "RETURN_TYPE", "AGE", "TIME_PERIOD"]);
        assert_eq!(by_sex.time.id, "SEX");
        assert_eq!(query("asOf", "2026-11-23T19:05:00 00:00").unwrap().as_of, Some(1_795_460_700));
        for (name, value) in [
            ("startPeriod", "soon"),
            ("limit", "-1"),
            ("limit", "0"),
            ("firstNObservations", "0"),
            ("c[TIME_PERIOD]", "ge:soon"),
            ("c[OBS_VALUE]", "gt:many"),
            ("c[OBS_VALUE]", "gt:inf"),
            ("c[OBS_VALUE]", "sw:1"),
            ("c[SEX]", ""),
            ("c[SEX]", ",+"),
            ("c", "SEX"),
            ("attributes", "SEXES"),
            ("measures", "TITLE"),
            ("detail", "some"),
            ("includeHistory", "maybe"),
            ("sort", "WEATHER:desc"),
            ("asOf", "now"),
            ("dimensionAtObservation", "SEXES"),
            ("nope", "1"),
        ] {
            let said = query(name, value).unwrap_err().to_string();
            let named = name.trim_start_matches("c[").trim_end_matches(']');
            assert!(said.contains(named) || said.contains(value), "{name}={value}: {said}");
        }
        assert!(query("c[NOPE]", "1").unwrap_err().to_string().contains("FREQ, REF_AREA"));
    }

    /// The alternatives that `values` leaves, each clause in brackets.
    fn clauses(values: &str) -> String {
        let mut query = DataQuery::all(&returns());
        query.add_filter(&returns(), "SEX", values).unwrap();
        let clause = |f: &crate::query::ComponentFilter| {
            let one = |c: &crate::query::Condition| format!("{:?} {}", c.operator, c.value);
            format!("({})", f.any_of.iter().map(one).collect::<Vec<_>>().join(" or "))
        };
        query.filters.iter().map(clause).collect::<Vec<_>>().join(" and ")
    }

    #[test]
    fn plus_binds_tighter_than_comma() {
        for (values, meaning) in [
            ("A", "(Eq A)"),
            ("A,B", "(Eq A or Eq B)"),
            ("ge:A+le:B", "(Ge A) and (Le B)"),
            ("A,B+C", "(Eq A or Eq B) and (Eq A or Eq C)"),
            ("ne:A,B", "(Ne A or Eq B)"),
            ("ne:A+B", "(Ne A) and (Eq B)"),
            ("ge:A+le:B,ge:C+le:D", "(Ge A or Ge C) and (Ge A or Le D) and (Le B or Ge C) and (Le B or Le D)"),
        ] {
            assert_eq!(clauses(values), meaning, "{values}");
        }
        assert_eq!(clauses(""), "");
        let many = vec!["a+b"; 40].join(",");
        assert!(matches!(
            DataQuery::all(&returns()).add_filter(&returns(), "SEX", &many),
            Err(QueryError::TooLarge(_))
        ));
    }

    #[test]
    fn bounds_on_time_are_joined() {
        for (parameters, start, end) in [
            (vec![("startPeriod", "2019"), ("c[TIME_PERIOD]", "ge:2020-Q2")], Some("2020-Q2"), None),
            (vec![("c[TIME_PERIOD]", "ge:2020-Q2"), ("startPeriod", "2019")], Some("2020-Q2"), None),
            (vec![("c[TIME_PERIOD]", "gt:2020+lt:2022-03")], Some("2021-01-01"), Some("2022-02-28")),
            (vec![("c[TIME_PERIOD]", "le:2020"), ("endPeriod", "2020-06")], None, Some("2020-06")),
            (vec![("c[TIME_PERIOD]", "le:2010,ge:2020")], None, None),
        ] {
            let owned: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let query = parse(&returns(), "*", &owned).unwrap();
            assert_eq!((query.start.as_deref(), query.end.as_deref()), (start, end), "{parameters:?}");
        }
    }

    #[test]
    fn parts_of_an_answer_are_selected() {
        let schema = returns();
        let query = |name: &str, value: &str| parse(&schema, "*", &[(name.to_owned(), value.to_owned())]).unwrap();
        let ids = |query: &DataQuery| query.selected(&schema).attributes.into_iter().map(|a| a.id).collect::<Vec<_>>();
        assert_eq!(ids(&query("attributes", "OBS_STATUS,SOURCE")), ["OBS_STATUS", "SOURCE"]);
        assert_eq!(ids(&query("attributes", "dsd")).len(), schema.attributes.len());
        assert!(ids(&query("attributes", "none")).is_empty() && ids(&query("attributes", "msd")).is_empty());
        assert!(!query("measures", "none").measures && query("measures", "OBS_VALUE").measures);
        let keys = query("detail", "serieskeysonly");
        assert!(keys.series_keys_only && !keys.measures && ids(&keys).is_empty());
        assert!(query("detail", "nodata").attributes == Selection::All);
    }

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let query = |parameters: &[(&str, &str)]| {
            let owned: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            parse(&returns(), "*", &owned)
        };
        for (text, seconds) in [
            ("2026-11-23T19:05:00Z", 1_795_460_700),
            ("2026-11-23T19:05:00", 1_795_460_700),
            ("2026-11-23T20:05:00.5+01:00", 1_795_460_700),
            ("2026-11-23", 1_795_392_000),
        ] {
            assert_eq!(query(&[("updateAfter", text)]).unwrap().updated_after, Some(seconds), "{text}");
        }
        assert_eq!(query(&[("asOf", "2026-11-23")]).unwrap().as_of, Some(1_795_392_000 + 86_399));
        let error = query(&[("asOf", "2026-11-22"), ("updatedAfter", "2026-11-23")]).unwrap_err();
        assert!(error.to_string().contains("updatedAfter"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(key in ".{0,60}", name in "(c\\[.{0,12}\\]|[a-zA-Z]{0,20})", value in ".{0,60}") {
            let _ = parse(&returns(), &key, &[(name, value)]);
        }

        #[test]
        fn keys_survive_writing(keys in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of(proptest::collection::vec("[A-Z0-9_@]{1,6}", 1..4)), 7), 0..4)
        ) {
            prop_assume!(keys.iter().all(|key: &Key| key.iter().any(Option::is_some)));
            let text = key_text(&keys);
            prop_assert_eq!(parse(&returns(), &text, &[]).unwrap().keys, keys);
        }
    }
}
