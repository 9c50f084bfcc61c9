//! What an issuer's tokens must be and say, beyond their form and their signature.

use serde_json::{Map, Value};

use super::json;
use super::token::Token;
use crate::error::Reason;

/// The types of tokens that are taken where the issuer says nothing: a JWT, and an access token (RFC 9068). Others that the same
/// keys sign, such as logout tokens and `DPoP` proofs, have types of their own (RFC 8725, 3.11).
const USUAL_TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// The claims that only ID tokens have (OpenID Connect Core 1.0, 2 and 3.3.2.11).
const ID_TOKEN_CLAIMS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// What the tokens of one issuer are checked against.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) audience: Audience,
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
    fn of(claims: &Map<String, Value>) -> Result<Self, Reason> {
        let end = claims.get("exp").and_then(Value::as_u64).ok_or(Reason::Expired)?;
        let mut start = 0;
        for name in ["nbf", "iat"] {
            if let Some(value) = claims.get(name) {
                start = start.max(value.as_u64().ok_or(Reason::NotYetValid)?);
            }
        }
        Ok(Self { end, start })
    }

    /// Checks the times, where the clocks may differ by the leeway.
    pub(crate) fn check(self, now: u64, leeway: u64) -> Result<(), Reason> {
        // RFC 7519, 4.1.4: not accepted on or after this time.
        if now >= self.end.saturating_add(leeway) {
            return Err(Reason::Expired);
        }
        if self.start > now.saturating_add(leeway) {
            return Err(Reason::NotYetValid);
        }
        Ok(())
    }
}

impl Rules {
    /// Checks what the header says of the token.
    pub(super) fn check_header(&self, token: &Token<'_>) -> Result<(), Reason> {
        let named = token.token_type.as_deref();
        let fine = match &self.token_type {
            TokenType::Usual => named.is_none_or(|name| USUAL_TYPES.contains(&name)),
            TokenType::OneOf(types) => named.is_some_and(|name| types.iter().any(|own| own == name)),
        };
        if !fine {
            return Err(Reason::Type);
        }
        if self.requires_key_id && token.kid.is_none() {
            return Err(Reason::UnknownKey);
        }
        Ok(())
    }

    /// Checks the claims of a token whose signature is good.
    pub(super) fn check_claims(
        &self,
        token: &Token<'_>,
        claims: &Map<String, Value>,
        now: u64,
        leeway: u64,
    ) -> Result<Times, Reason> {
        let times = Times::of(claims)?;
        times.check(now, leeway)?;
        if !self.audience.admits(claims) {
            return Err(Reason::Audience);
        }
        let sub = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if sub.is_empty() || (self.subject_is_uuid && !is_uuid(sub)) {
            return Err(Reason::Subject);
        }
        let is = |name: &str, text: &str| claims.get(name).and_then(Value::as_str) == Some(text);
        let mut required = self.required.iter();
        if !required.all(|(name, texts)| texts.iter().any(|text| is(name, text)))
            || self.refused.iter().any(|(name, text)| is(name, text))
            || !self.present.iter().all(|name| claims.contains_key(name))
            || self.absent.iter().any(|name| claims.contains_key(name))
        {
            return Err(Reason::Claim);
        }
        if self.refuses_id_tokens && ID_TOKEN_CLAIMS.iter().any(|name| claims.contains_key(*name)) {
            return Err(Reason::Type);
        }
        // PostgreSQL's text and jsonb cannot hold one: every query of this user would fail.
        if token.may_hold_nul() && json::holds_nul(claims) {
            return Err(Reason::Nul);
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
            (0, NOW - 30, Err(Reason::Expired)),
            (0, 0, Err(Reason::Expired)),
            (0, u64::MAX, Ok(())),
            (NOW + 30, NOW + 60, Ok(())),
            (NOW + 31, NOW + 60, Err(Reason::NotYetValid)),
            (u64::MAX, u64::MAX, Err(Reason::NotYetValid)),
        ] {
            assert_eq!(check(start, end), expected, "{start} {end}");
        }
        // A clock that jumps: before 1970 it counts as the end of time, where every token has expired.
        assert_eq!(
            Times { end: NOW, start: 0 }.check(u64::MAX, 30),
            Err(Reason::Expired)
        );
        assert_eq!(
            Times {
                end: NOW,
                start: NOW - 60
            }
            .check(0, 30),
            Err(Reason::NotYetValid)
        );
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
