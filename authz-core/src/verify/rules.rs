//! What an issuer's tokens must be and say, beyond their form and their signature.

use serde_json::{Map, Value};

use super::json;
use super::token::Token;
use crate::error::RejectReason;

/// The types of tokens that are taken where the issuer says nothing: a JWT, and an access token (RFC 9068). Others that the same
/// keys sign, such as logout tokens and `DPoP` proofs, have types of their own (RFC 8725, 3.11).
const USUAL_TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// The claims that only ID tokens have (OpenID Connect Core 1.0, 2 and 3.3.2.11).
const ID_TOKEN_CLAIMS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// What the tokens of one issuer are checked against.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) audience: Audience,
    /// What `azp` must be one of, where this is not empty.
    pub(crate) parties: Vec<String>,
    pub(crate) token_type: TokenType,
    pub(crate) requires_key_id: bool,
    pub(crate) refuses_id_tokens: bool,
    pub(crate) subject_is_uuid: bool,
    /// Claims that must have one of these texts.
    pub(crate) required: Vec<(String, Vec<String>)>,
    /// Claims that must not have this text.
    pub(crate) refused: Vec<(String, String)>,
    /// Claims that must be there.
    pub(crate) present: Vec<String>,
    /// Claims that must not be there.
    pub(crate) absent: Vec<String>,
}

/// Which `typ` a header may have.
#[derive(Debug, Clone)]
pub(crate) enum TokenType {
    /// None, `JWT` or `at+jwt`.
    Usual,
    /// One of these, in lower case.
    OneOf(Vec<String>),
}

/// For whom tokens must be.
#[derive(Debug, Clone)]
pub(crate) enum Audience {
    Any,
    OneOf {
        /// The first of these that a token has says for whom it is.
        claims: Vec<String>,
        values: Vec<String>,
    },
}

/// When a token is good, in seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// Not on or after this time: `exp`.
    pub(crate) end: u64,
    /// Not before this time: the later one of `nbf` and `iat`.
    pub(crate) start: u64,
}

impl Times {
    fn of(claims: &Map<String, Value>) -> Result<Self, RejectReason> {
        let end = claims.get("exp").and_then(|value| seconds(value, f64::floor));
        let end = end.ok_or(RejectReason::Expired)?;
        let mut start = 0;
        for name in ["nbf", "iat"] {
            if let Some(value) = claims.get(name) {
                start = start.max(seconds(value, f64::ceil).ok_or(RejectReason::NotYetValid)?);
            }
        }
        Ok(Self { end, start })
    }

    /// Checks the times, where the clocks may differ by the leeway.
    pub(crate) fn check(self, now: u64, leeway: u64) -> Result<(), RejectReason> {
        // RFC 7519, 4.1.4: not accepted on or after this time.
        if now >= self.end.saturating_add(leeway) {
            return Err(RejectReason::Expired);
        }
        if self.start > now.saturating_add(leeway) {
            return Err(RejectReason::NotYetValid);
        }
        Ok(())
    }
}

impl Rules {
    /// Checks what the header says of the token.
    pub(crate) fn check_header(&self, token: &Token<'_>) -> Result<(), RejectReason> {
        let named = token.token_type.as_deref();
        let fine = match &self.token_type {
            TokenType::Usual => named.is_none_or(|name| USUAL_TYPES.contains(&name)),
            TokenType::OneOf(types) => named.is_some_and(|name| types.iter().any(|own| own == name)),
        };
        if !fine {
            return Err(RejectReason::Type);
        }
        if self.requires_key_id && token.kid.is_none() {
            return Err(RejectReason::UnknownKey);
        }
        Ok(())
    }

    /// Checks the claims of a token whose signature is good.
    pub(crate) fn check_claims(
        &self,
        token: &Token<'_>,
        claims: &Map<String, Value>,
        now: u64,
        leeway: u64,
    ) -> Result<Times, RejectReason> {
        let times = Times::of(claims)?;
        times.check(now, leeway)?;
        let party = claims.get("azp").and_then(Value::as_str);
        let for_party = |parties: &[String]| party.is_some_and(|azp| parties.iter().any(|own| own == azp));
        if !self.audience.admits(claims) || !(self.parties.is_empty() || for_party(&self.parties)) {
            return Err(RejectReason::Audience);
        }
        let sub = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if sub.is_empty() || (self.subject_is_uuid && !is_uuid(sub)) {
            return Err(RejectReason::Subject);
        }
        let is = |name: &str, text: &str| claims.get(name).and_then(Value::as_str) == Some(text);
        let mut required = self.required.iter();
        if !required.all(|(name, texts)| texts.iter().any(|text| is(name, text)))
            || self.refused.iter().any(|(name, text)| is(name, text))
            || !self.present.iter().all(|name| claims.contains_key(name))
            || self.absent.iter().any(|name| claims.contains_key(name))
        {
            return Err(RejectReason::Claim);
        }
        if self.refuses_id_tokens && ID_TOKEN_CLAIMS.iter().any(|name| claims.contains_key(*name)) {
            return Err(RejectReason::Type);
        }
        // PostgreSQL's text and jsonb cannot hold one: every query of this user would fail.
        if token.may_hold_nul() && json::holds_nul(claims) {
            return Err(RejectReason::Nul);
        }
        Ok(times)
    }
}

impl Audience {
    /// RFC 7519, 4.1.3: a string or an array of strings.
    pub(crate) fn admits(&self, claims: &Map<String, Value>) -> bool {
        let Self::OneOf {
            claims: names,
            values,
        } = self
        else {
            return true;
        };
        let named = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| values.iter().any(|own| own == text))
        };
        match names.iter().find_map(|name| claims.get(name)) {
            Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.iter().any(named),
            Some(value) => named(value),
            None => false,
        }
    }
}

/// A `NumericDate` (RFC 7519, 2), which may have a fraction: whole seconds, rounded to the side on which the token is good for less time.
/// `None` for what is negative or no number.
fn seconds(value: &Value, round: fn(f64) -> f64) -> Option<u64> {
    if let Some(whole) = value.as_u64() {
        return Some(whole);
    }
    let time = value.as_f64().filter(|time| time.is_finite() && *time >= 0.0)?;
    // What is beyond the range becomes its end.
    Some(round(time) as u64)
}

/// A uuid in the usual form, RFC 9562 section 4.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    #[test]
    fn times_are_good_up_to_the_second_and_never_overflow() {
        let check = |start, end| Times { end, start }.check(NOW, 30);
        for (start, end, expected) in [
            (0, NOW - 29, Ok(())),
            (0, NOW - 30, Err(RejectReason::Expired)),
            (0, 0, Err(RejectReason::Expired)),
            (0, u64::MAX, Ok(())),
            (NOW + 30, NOW + 60, Ok(())),
            (NOW + 31, NOW + 60, Err(RejectReason::NotYetValid)),
            (u64::MAX, u64::MAX, Err(RejectReason::NotYetValid)),
        ] {
            assert_eq!(check(start, end), expected, "{start} {end}");
        }
        // A clock that jumps: before 1970 it counts as the end of time, where every token has expired.
        assert_eq!(
            Times { end: NOW, start: 0 }.check(u64::MAX, 30),
            Err(RejectReason::Expired)
        );
        assert_eq!(
            Times {
                end: NOW,
                start: NOW - 60
            }
            .check(0, 30),
            Err(RejectReason::NotYetValid)
        );
    }

    #[test]
    fn times_may_have_a_fraction_or_an_exponent_and_are_rounded_against_the_token() {
        let times = |exp: &str, nbf: &str| {
            let claims = format!(r#"{{"exp": {exp}, "nbf": {nbf}, "iat": {nbf}}}"#);
            Times::of(&json::claims(claims.as_bytes()).unwrap())
        };
        let good = |start, end| Ok(Times { end, start });
        for (exp, nbf, expected) in [
            ("1900000000", "1700000000", good(1_700_000_000, 1_900_000_000)),
            ("1900000000.0", "1700000000.0", good(1_700_000_000, 1_900_000_000)),
            ("1.9E9", "1.7e9", good(1_700_000_000, 1_900_000_000)),
            ("1.9e+9", "17E+8", good(1_700_000_000, 1_900_000_000)),
            (
                "19000000005e-1",
                "17000000005e-1",
                good(1_700_000_001, 1_900_000_000),
            ),
            ("1900000000.5", "1700000000.5", good(1_700_000_001, 1_900_000_000)),
            (
                "1900000000.999999",
                "1700000000.000001",
                good(1_700_000_001, 1_900_000_000),
            ),
            (
                "1900000000.99999999999999",
                "1700000000.00000000000001",
                good(1_700_000_001, 1_900_000_000),
            ),
            ("0.5", "0.0", good(0, 0)),
            ("1e30", "-0.0", good(0, u64::MAX)),
            ("1e30", "1e30", good(u64::MAX, u64::MAX)),
            ("-1", "0", Err(RejectReason::Expired)),
            ("-0.5", "0", Err(RejectReason::Expired)),
            ("\"1900000000\"", "0", Err(RejectReason::Expired)),
            ("[1900000000]", "0", Err(RejectReason::Expired)),
            ("null", "0", Err(RejectReason::Expired)),
            ("true", "0", Err(RejectReason::Expired)),
            ("1900000000", "-0.5", Err(RejectReason::NotYetValid)),
            ("1900000000", "-1", Err(RejectReason::NotYetValid)),
            ("1900000000", "\"1.7e9\"", Err(RejectReason::NotYetValid)),
            ("1900000000", "null", Err(RejectReason::NotYetValid)),
        ] {
            assert_eq!(times(exp, nbf), expected, "{exp} {nbf}");
        }
    }

    #[test]
    fn a_uuid_has_one_form() {
        assert!(is_uuid("01234567-89ab-cdef-0123-456789ABCDEF"));
        for text in [
            "",
            "0123456789abcdef0123456789abcdef",
            "{01234567-89ab-cdef-0123-456789abcdef}",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "01234567-89ab-cdef-0123456-789abcdef",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
