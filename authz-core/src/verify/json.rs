//! JSON objects as a token may hold them: no member twice.
//!
//! Parsers disagree about which of two equal members counts, so two programs could read two different tokens (RFC 8725, 2.6).

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How deep values may lie in one another. PostgreSQL reads deeper ones too, up to an error at each query of the user.
const MAX_DEPTH: u8 = 32;

/// Reads a JSON object. `None` when it is none, when an object in it has a member twice, or when it is deeper than 32.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    // Two passes, because this one alone would take the numbers of serde_json's `arbitrary_precision` for objects.
    let mut reader = serde_json::Deserializer::from_slice(text);
    Unique { depth: MAX_DEPTH }.deserialize(&mut reader).ok()?;
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
#[derive(Clone, Copy)]
struct Unique {
    /// How many levels may follow.
    depth: u8,
}

impl Unique {
    fn below<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while values.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let below = self.below()?;
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            names.push(name);
            members.next_value_seed(below)?;
        }
        names.sort_unstable();
        if names
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one == other))
        {
            return Err(A::Error::custom("a member stands twice"));
        }
        Ok(())
    }
}

/// A name of a member, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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
