//! JSON read strictly, for documents whose meaning is a matter of security.
//!
//! Two readers of one document must not see two things: a name that occurs twice anywhere is refused, where common parsers keep
//! the first or the last. Depth is bounded. A failure carries no text, as the parser's own message would quote the document.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeMap, fmt};

/// Deeper than any token or key set that is meant well.
const MAX_DEPTH: u8 = 16;

/// 2^53: up to here every integral floating-point number is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value. Not `Debug`: it may say something about a person.
#[cfg_attr(test, derive(PartialEq))]
pub(super) enum Json {
    Null,
    /// True or false: no claim that is read here is one.
    Bool,
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads one whole document; `None` for anything else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let value = Nested(MAX_DEPTH).deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(value)
    }

    /// Reads one whole document that is an object.
    pub(super) fn parse_object(text: &[u8]) -> Option<BTreeMap<String, Self>> {
        match Self::parse(text)? {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// An integer, also where it is written as `1.7e9`.
    pub(super) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "integral and within 2^53")]
            Self::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => Some(*number as i64),
            _ => None,
        }
    }
}

/// Reads a value that may hold this many levels of lists and objects.
#[derive(Clone, Copy)]
struct Nested(u8);

impl Nested {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "beyond i64 only the size matters: it is no integer to us")]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Float(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut object = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(text: &str) -> bool {
        Json::parse(text.as_bytes()).is_some()
    }

    #[test]
    fn j_06_duplicate_names_are_refused_at_every_level() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":null}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"y":{"a":1,"a":2}}]}"#,
            r#"[{"a":1,"a":2}]"#,
        ] {
            assert!(!parses(text), "{text}");
        }
        for text in [r#"{"a":1,"A":1}"#, r#"{"a":{"a":{"a":1}}}"#, r#"[{"a":1},{"a":1}]"#] {
            assert!(parses(text), "{text}");
        }
    }

    #[test]
    fn j_18_depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parses(&nested(16)) && !parses(&nested(17)) && !parses(&nested(100_000)));
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(parses(&nested(16)) && !parses(&nested(17)) && !parses(&nested(20_000)));
    }

    #[test]
    fn only_whole_documents_in_utf_8() {
        for text in ["", " ", "{", "{}x", "{} {}", "\u{feff}{}", "{'a':1}", "{\"a\":1,}", "nul", "NaN", "01", "\"\\ud800\""] {
            assert!(!parses(text), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_none());
        assert!(parses(" {\"a\":[1,-2,3.5,true,null,\"\u{1f600}\"]} "));
    }

    #[test]
    fn integers_are_exact_or_nothing() {
        let integer = |text: &str| Json::parse(text.as_bytes()).and_then(|value| value.as_integer());
        for (text, number) in [("0", 0), ("-1", -1), ("1.0", 1), ("1.7e9", 1_700_000_000), ("9223372036854775807", i64::MAX)] {
            assert_eq!(integer(text), Some(number), "{text}");
        }
        for text in ["1.5", "1e300", "-1e300", "9223372036854775808", "1e17", "\"1\"", "true", "null", "{}", "[1]"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
