//! JSON as a token may hold it: no member twice, not too deep.
//!
//! Parsers disagree about which of two equal members counts, so two programs could read two different tokens (RFC 8725, 2.6).
//!
//! A number that `serde_json` would round is refused in claims, or two of them could become one. Its feature `arbitrary_precision`
//! would keep the digits, but for the whole program of the user, whose own types then read numbers otherwise.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep values may lie in one another. PostgreSQL reads deeper ones too, up to an error at each query of the user.
const MAX_DEPTH: u8 = 32;

/// The one member of what `serde_json` calls a number where some crate turns its feature `arbitrary_precision` on.
const NUMBER: &str = "$serde_json::private::Number";

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is no JSON object, an object in it has a member twice, or it is deeper than 32.
    Form,
    /// A number in it has more digits than would be kept.
    Number,
}

/// Reads a JSON object. `None` when it is none, when an object in it has a member twice, or when it is deeper than 32.
///
/// Numbers are rounded where they have more digits than 64 bits hold.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    read(text, &Numbers::default()).ok()
}

/// Reads the JSON object of claims, whose numbers keep their value: one that cannot is refused. Of the times (`exp`, `nbf`,
/// `iat`) digits beyond those of a double are rounded, to the side on which the token is good for less time.
pub(super) fn claims(text: &[u8]) -> Result<Map<String, Value>, Bad> {
    let numbers = Numbers {
        exact: true,
        ..Numbers::default()
    };
    read(text, &numbers)
}

fn read<'a>(text: &'a [u8], numbers: &Numbers<'a>) -> Result<Map<String, Value>, Bad> {
    // Once for the whole: the reader of bytes checks each string by itself.
    let text = std::str::from_utf8(text).map_err(|_| Bad::Form)?;
    numbers.rest.set(text);
    let mut reader = serde_json::Deserializer::from_str(text);
    let strict = Strict {
        depth: MAX_DEPTH,
        rounding: Rounding::Refused,
        numbers,
    };
    let value = strict.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(members)) => Ok(members),
        Err(_) if numbers.inexact.get() => Err(Bad::Number),
        _ => Err(Bad::Form),
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

/// The numbers of a text in their order, as they are written. `serde_json` reads them in the same order, and gives their value alone.
#[derive(Default)]
struct Numbers<'a> {
    /// The text behind the last number.
    rest: Cell<&'a str>,
    /// Whether numbers have to keep their value.
    exact: bool,
    /// Whether one did not.
    inexact: Cell<bool>,
}

impl<'a> Numbers<'a> {
    fn next(&self) -> Option<&'a str> {
        let rest = self.rest.get();
        let bytes = rest.as_bytes();
        let mut position = 0;
        let mut in_string = false;
        let start = loop {
            match (in_string, bytes.get(position)?) {
                (true, b'\\') => position += 1,
                (_, b'"') => in_string = !in_string,
                (false, b'-' | b'0'..=b'9') => break position,
                _ => {}
            }
            position += 1;
        };
        let (_, number) = rest.split_at_checked(start)?;
        let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let length = number.bytes().take_while(|byte| is_part(*byte)).count();
        let (number, rest) = number.split_at_checked(length)?;
        self.rest.set(rest);
        Some(number)
    }

    /// The next number, as a value.
    fn read(&self, rounding: Rounding) -> Option<Number> {
        let text = self.next()?;
        if let Ok(number) = text.parse::<u64>() {
            return Some(number.into());
        }
        if let Ok(number) = text.parse::<i64>() {
            return Some(number.into());
        }
        // The nearest one; `serde_json` is off by one bit at times.
        let nearest: f64 = text.parse().ok()?;
        let kept = Number::from_f64(nearest)?;
        if !self.exact || digits(text) == digits(&format!("{nearest:e}")) {
            return Some(kept);
        }
        match rounding {
            Rounding::Down => Number::from_f64(nearest.next_down()),
            Rounding::Up => Number::from_f64(nearest.next_up()),
            Rounding::Refused => {
                self.inexact.set(true);
                None
            }
        }
    }
}

/// What a number means, in one form: whether it is negative, its digits without zeros at both ends, and the power of ten of the last one.
/// `None` for what is no number, or one of an absurd exponent.
fn digits(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (true, mantissa),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    let significant = all.trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    let zeros = i64::try_from(all.len() - significant.len()).ok()?;
    let power = i64::from(exponent) - i64::try_from(fraction.len()).ok()? + zeros;
    Some((negative, significant.to_owned(), power))
}

/// What becomes of a number with too many digits.
#[derive(Clone, Copy)]
enum Rounding {
    Refused,
    Down,
    Up,
}

/// Any JSON value whose objects have each member once.
#[derive(Clone, Copy)]
struct Strict<'n, 'a> {
    /// How many levels may follow.
    depth: u8,
    rounding: Rounding,
    numbers: &'n Numbers<'a>,
}

impl Strict<'_, '_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        let below = depth.map(|depth| Self {
            depth,
            rounding: Rounding::Refused,
            ..self
        });
        below.ok_or_else(|| E::custom("too deep"))
    }

    /// The value of a member of this name.
    fn member(self, name: &str) -> Self {
        let is_outermost = self.depth + 1 == MAX_DEPTH;
        let rounding = match name {
            "exp" if is_outermost => Rounding::Down,
            "nbf" | "iat" if is_outermost => Rounding::Up,
            _ => Rounding::Refused,
        };
        Self { rounding, ..self }
    }

    fn number<E: Error>(self) -> Result<Value, E> {
        let number = self.numbers.read(self.rounding);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that cannot be kept"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        self.number()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        self.number()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        self.number()
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
                let text: String = members.next_value()?;
                let rest = self.numbers.rest.get();
                // An object with such a member is no number: the text has none there.
                if self.numbers.next() != Some(&text) {
                    return Err(A::Error::custom("a name that is reserved"));
                }
                self.numbers.rest.set(rest);
                return self.number();
            }
            let value = members.next_value_seed(below.member(&name))?;
            if all.insert(name, value).is_some() {
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
            r#"{"exp": -}"#,
            r#"{"exp": 1-1}"#,
            r#"{"a": {"$serde_json::private::Number": "5"}}"#,
            r#"{"a": {"$serde_json::private::Number": "5"}, "b": 5}"#,
            "",
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(b"{\"sub\": \"\xff\"}").is_none());
    }

    #[test]
    fn claims_keep_the_value_of_their_numbers() {
        for (text, kept) in [
            ("0", "0"),
            ("-0", "0"),
            ("-7", "-7"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9007199254740993", "9007199254740993"),
            ("0.1", "0.1"),
            ("1.50", "1.5"),
            ("-2.5e-3", "-0.0025"),
            ("1.9E9", "1900000000.0"),
            ("1e23", "1e+23"),
            ("100000000000000000000", "100000000000000000000.0"),
            ("1764108500.1234567", "1764108500.1234567"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("5e-324", "5e-324"),
        ] {
            let read = claims(format!(r#"{{"s": "9.9\"8", "a": [{{"n": {text}}}, 1]}}"#).as_bytes()).unwrap();
            let value = &read["a"][0]["n"];
            assert_eq!(digits(&value.to_string()), digits(kept), "{text}");
            assert_eq!(read["a"][1], 1, "{text}");
        }
    }

    #[test]
    fn numbers_that_would_become_one_are_refused_in_claims() {
        for number in [
            "123456789012345678901",
            "123456789012345678902",
            "18446744073709551617",
            "-9223372036854775809",
            "9007199254740993.0",
            "9007199254740993e0",
            "12.34567890123456789",
            "0.1000000000000000055",
            "1e-400",
            "-1e-400",
            "1.0000000000000000000000000000000000000001",
        ] {
            for text in [
                format!(r#"{{"tenant": {number}}}"#),
                format!(r#"{{"o": [{{"exp": {number}}}]}}"#),
                format!(r#"{{"b": 1, "o": [1, "2", {number}, 3]}}"#),
            ] {
                assert_eq!(claims(text.as_bytes()), Err(Bad::Number), "{text}");
                assert!(object(text.as_bytes()).is_some(), "a key set may have it: {text}");
            }
        }
    }

    #[test]
    fn a_time_with_more_digits_than_are_kept_is_rounded_against_the_token() {
        let text =
            r#"{"exp": 1764108500.9999999999, "nbf": 1764108500.00000000001, "iat": 1764108500.123456789}"#;
        let read = claims(text.as_bytes()).unwrap();
        let time = |name: &str| read[name].as_f64().unwrap();
        assert!(time("exp") < 1_764_108_501.0 && time("exp") > 1_764_108_500.9);
        assert!(time("nbf") > 1_764_108_500.0 && time("nbf") < 1_764_108_500.1);
        assert!(time("iat") > 1_764_108_500.123_456 && time("iat") < 1_764_108_500.123_458);
        assert_eq!(claims(br#"{"exp": 1e400}"#), Err(Bad::Form));
    }

    #[test]
    fn values_lie_32_deep_and_no_deeper() {
        let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(31).as_bytes()).is_some());
        assert!(claims(nested(31).as_bytes()).is_ok());
        assert!(object(nested(32).as_bytes()).is_none());
        assert_eq!(claims(nested(32).as_bytes()), Err(Bad::Form));
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
