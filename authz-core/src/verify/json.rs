//! JSON objects as a token may hold them: no member twice.
//!
//! Parsers disagree about which of two equal members counts, so two programs could read two different tokens (RFC 8725, 2.6).

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a JSON object. `None` when it is none, or when an object in it has a member twice.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    // Two passes, because this one alone would take the numbers of serde_json's `arbitrary_precision` for objects.
    serde_json::from_slice::<Unique>(text).ok()?;
    serde_json::from_slice(text).ok()
}

/// Whether some text in the value, a name or a string, holds a NUL character.
pub(super) fn holds_nul(members: &Map<String, Value>) -> bool {
    members
        .iter()
        .any(|(name, value)| name.contains('\0') || value_holds_nul(value))
}

fn value_holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(value_holds_nul),
        Value::Object(members) => holds_nul(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Any JSON value whose objects have each member once.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                // The rest must not be read: this object is refused.
                return Err(A::Error::custom("a member stands twice"));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_and_one_with_a_repeated_member_is_not() {
        assert!(object(br#"{"sub": "a", "o": {"sub": [1, -2, 3.5, true, null]}}"#).is_some());
        for text in [
            r#"{"sub": "a", "sub": "b"}"#,
            r#"{"sub": "a", "\u0073ub": "b"}"#,
            r#"{"o": [{"x": 1, "x": 1}]}"#,
            r#"{"sub": "a"} {}"#,
            "\u{feff}{}",
            "[]",
            "1",
            r#"{"exp": 1e400}"#,
            "",
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(b"{\"sub\": \"\xff\"}").is_none());
    }

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for text in [
            r#"{"a": "\u0000"}"#,
            r#"{"a\u0000": 1}"#,
            r#"{"a": [{"b": "x\u0000"}]}"#,
        ] {
            assert!(holds_nul(&object(text.as_bytes()).unwrap()), "{text}");
        }
        assert!(!holds_nul(&object(br#"{"a": "\\u0000", "b": [0]}"#).unwrap()));
    }
}
