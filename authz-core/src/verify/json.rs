//! JSON as a token may hold it: no member twice, not too deep.
//!
//! Parsers disagree about which of two equal members counts, so two programs could read two different tokens (RFC 8725, 2.6).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep values may lie in one another. PostgreSQL reads deeper ones too, up to an error at each query of the user.
const MAX_DEPTH: u8 = 32;

/// The one member of what `serde_json` calls a number where some crate turns its feature `arbitrary_precision` on.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads a JSON object. `None` when it is none, when an object in it has a member twice, or when it is deeper than 32.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    // Once for the whole: the reader of bytes checks each string by itself.
    let text = std::str::from_utf8(text).ok()?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: MAX_DEPTH }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
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
#[derive(Clone, Copy)]
struct Strict {
    /// How many levels may follow.
    depth: u8,
}

impl Strict {
    fn below<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom("too deep"))
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
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut all = Vec::new();
        while let Some(value) = values.next_element_seed(below)? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name == NUMBER {
                let digits: String = members.next_value()?;
                let number: Number = digits.parse().map_err(A::Error::custom)?;
                return Ok(Value::Number(number));
            }
            if all.insert(name, members.next_value_seed(below)?).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_it_is() {
        let text = r#"{"sub": "a", "o": {"sub": [1, -2, 3.5, true, null, "\u00e4\n"]}, "big": 18446744073709551615}"#;
        let expected: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()), Some(expected));
    }

    #[test]
    fn what_is_no_object_or_could_be_read_in_two_ways_is_not() {
        for text in [
            r#"{"sub": "a", "sub": "b"}"#,
            r#"{"sub": "a", "\u0073ub": "b"}"#,
            r#"{"o": [{"x": 1, "x": 1}]}"#,
            r#"{"sub": "a"} {}"#,
            r#"{"sub": "a"}x"#,
            "\u{feff}{}",
            "[]",
            "1",
            r#"{"exp": 1e400}"#,
            r#"{"exp": 01}"#,
            "",
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(b"{\"sub\": \"\xff\"}").is_none());
    }

    #[test]
    fn values_lie_32_deep_and_no_deeper() {
        let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(31).as_bytes()).is_some());
        assert!(object(nested(32).as_bytes()).is_none());
    }

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        let nul = |text: &str| holds_nul(&object(text.as_bytes()).unwrap());
        assert!(nul(r#"{"a": "x\u0000"}"#));
        assert!(nul(r#"{"a": [{"b": ["\u0000"]}]}"#));
        assert!(nul(r#"{"\u0000": 1}"#));
        assert!(!nul(r#"{"a": "\\u0000", "b": [0, null, false, {}]}"#));
    }
}
