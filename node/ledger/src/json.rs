//! Strict JSON for records: what two readers could understand differently is refused.
//!
//! Duplicate keys, floating-point numbers, integers beyond 2^53 and depth over 32 are errors; the text must be in the
//! JSON Canonicalization Scheme's form (RFC 8785), so that the bytes signed are the only spelling of their meaning.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::audience::excerpt;

/// Largest record, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Largest integer every JSON reader keeps exactly.
const MAX_INTEGER: u64 = 1 << 53;

/// Why a text is not strict JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Longer than [`MAX_BYTES`].
    #[error("{0} bytes of JSON, more than {MAX_BYTES}")]
    TooLong(usize),
    /// Not JSON, or JSON of a refused kind.
    #[error("{0}")]
    Refused(#[from] serde_json::Error),
    /// Valid, but not in canonical form.
    #[error("the JSON is not in canonical form (RFC 8785)")]
    NotCanonical,
}

/// Reads strict, canonical JSON.
pub fn parse_canonical(bytes: &[u8]) -> Result<Value, JsonError> {
    let value = parse(bytes)?;
    if to_canonical(&value)? == bytes { Ok(value) } else { Err(JsonError::NotCanonical) }
}

/// Reads strict JSON in any spelling.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLong(bytes.len()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Writes `value` in canonical form.
pub fn to_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, JsonError> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}

struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict JSON without floating-point numbers")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_INTEGER { Err(E::custom("integer beyond 2^53")) } else { Ok(value.into()) }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_INTEGER { Err(E::custom("integer beyond 2^53")) } else { Ok(value.into()) }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Err(E::custom(format!("floating-point number `{value}`: decimals are written as strings")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.deeper()?)?;
            if object.insert(key.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!("duplicate key `{}`", excerpt(&key))));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ambiguous_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a": 1}"#,
            r#"{"a":1} "#,
            r#"{"a":"\u0041"}"#,
            deep.as_str(),
            "",
        ] {
            assert!(parse_canonical(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse_canonical(br#"{"a":1,"b":["x",null,true]}"#).is_ok());
        assert!(matches!(parse(&vec![b' '; MAX_BYTES + 1]), Err(JsonError::TooLong(_))));
    }

    #[test]
    fn the_bounds_are_exact() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let cases = [
            (nested(MAX_DEPTH), true),
            (nested(MAX_DEPTH + 1), false),
            (MAX_INTEGER.to_string(), true),
            ((MAX_INTEGER + 1).to_string(), false),
            (format!("-{MAX_INTEGER}"), true),
            (format!("-{}", MAX_INTEGER + 1), false),
            (u64::MAX.to_string(), false),
            ("1".repeat(400), false),
            ("-0".to_owned(), false),
            ("01".to_owned(), false),
            ("\u{feff}1".to_owned(), false),
            ("1 1".to_owned(), false),
            (r#""\ud800""#.to_owned(), false),
            (r#"{"a":{"b":1,"b":1}}"#.to_owned(), false),
            (r#"{"a":1,"\u0061":1}"#.to_owned(), false),
        ];
        for (text, accepted) in cases {
            assert_eq!(parse(text.as_bytes()).is_ok(), accepted, "{text}");
        }
        assert!(parse(&[b'"', 0xff, b'"']).is_err(), "not UTF-8");
    }

    fn strict_values() -> impl Strategy<Value = Value> {
        let limit = MAX_INTEGER as i64;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-limit..=limit).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_text_reads_as_what_was_written(value in strict_values()) {
            let text = to_canonical(&value).unwrap();
            prop_assert_eq!(parse_canonical(&text).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse_canonical(&bytes) {
                prop_assert_eq!(to_canonical(&value).unwrap(), bytes);
            }
        }
    }
}
