//! Claims as a struct of the application.

use std::cell::Cell;

use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::Value;

use crate::error::debug_is_message;
use crate::verify::VerifiedClaims;

/// A struct of claims. Implemented by `#[derive(Claims)]`.
///
/// # Example
///
/// ```
/// use authz::Claims;
///
/// #[derive(serde::Deserialize, authz::Claims)]
/// struct Session {
///     org: Option<String>,
///     #[serde(rename = "https://example.com/roles", default)]
///     roles: Vec<String>,
/// }
///
/// assert_eq!(Session::NAMES, ["org", "https://example.com/roles"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no struct of claims",
    label = "`#[derive(authz::Claims)]` is missing",
    note = "the derive stands beside `serde::Deserialize`"
)]
pub trait Claims {
    /// The names of the claims that the struct reads, in the order of its fields. No other claim is given to it.
    const NAMES: &'static [&'static str];
}

debug_is_message!(ClaimError);

/// Why the claims of a token are not those that a struct expects. It names the claim, and never its value.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The token does not have a claim that the struct cannot be without.
    #[error("the token has no claim `{0}`")]
    Missing(&'static str),
    /// The claim is of another type.
    #[error("the claim `{0}` is not of the type that is expected")]
    Type(&'static str),
}

impl VerifiedClaims {
    /// The claims as a struct that says which there are, with the types that policies know them by in SQL.
    ///
    /// Where a field is an `Option`, a claim may be missing or null. One of another type is an error here, also in an `Option`,
    /// while in SQL it is NULL.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] for the first claim that is not what the struct expects.
    ///
    /// # Example
    ///
    /// ```
    /// #[derive(serde::Deserialize, authz::Claims)]
    /// struct Session {
    ///     level: Option<i32>,
    /// }
    ///
    /// fn may_enter(claims: &authz::VerifiedClaims) -> bool {
    ///     claims.typed::<Session>().is_ok_and(|session| session.level >= Some(3))
    /// }
    /// ```
    pub fn typed<T: Claims + DeserializeOwned>(&self) -> Result<T, ClaimError> {
        read(T::NAMES, |name| self.get(name))
    }
}

fn read<'a, T: DeserializeOwned>(
    names: &'static [&'static str],
    get: impl Fn(&str) -> Option<&'a Value>,
) -> Result<T, ClaimError> {
    // serde asks for one claim after the other, and stops at the first that it cannot take.
    let current = Cell::new(None);
    let claims = names.iter().filter_map(|name| Some((*name, get(name)?)));
    let claims = claims.inspect(|(name, _)| current.set(Some(*name)));
    let end = std::iter::from_fn(|| {
        current.set(None);
        None
    });
    let result: Result<T, serde_json::Error> = T::deserialize(MapDeserializer::new(claims.chain(end)));
    result.map_err(|error| match current.get() {
        Some(name) => ClaimError::Type(name),
        // serde has seen all of them, and names the field that it misses.
        None => {
            let message = error.to_string();
            let missing = |name: &&&str| message == format!("missing field `{name}`");
            let absent = || names.iter().find(|name| get(name).is_none());
            let name = names.iter().find(missing).or_else(absent);
            ClaimError::Missing(name.copied().unwrap_or_default())
        }
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Session {
        org_id: Option<String>,
        level: i32,
        #[serde(default)]
        roles: Vec<String>,
        #[serde(skip)]
        seen: u8,
        nested: Option<(u8, u8)>,
    }

    /// As the derive writes it, which names this crate from the outside.
    impl Claims for Session {
        const NAMES: &'static [&'static str] = &["orgId", "level", "roles", "nested"];
    }

    fn session(claims: &Value) -> Result<Session, ClaimError> {
        read(Session::NAMES, |name| claims.get(name))
    }

    #[test]
    fn the_struct_gets_the_claims_that_it_names_and_no_others() {
        let claims = json!({"sub": "a", "level": 3, "orgId": "b", "nested": [1, 2], "seen": 7});
        let expected = Session {
            org_id: Some("b".to_owned()),
            level: 3,
            roles: Vec::new(),
            seen: 0,
            nested: Some((1, 2)),
        };
        assert_eq!(session(&claims), Ok(expected));
    }

    #[test]
    fn an_error_names_the_claim_and_not_its_value() {
        let error = session(&json!({"level": "secret"})).unwrap_err();
        assert_eq!(error, ClaimError::Type("level"));
        assert_eq!(
            error.to_string(),
            "the claim `level` is not of the type that is expected"
        );
        for (claims, error) in [
            (json!({"level": 1, "orgId": 7}), ClaimError::Type("orgId")),
            (json!({"level": 1, "roles": null}), ClaimError::Type("roles")),
            (json!({"level": 1, "roles": ["a", 1]}), ClaimError::Type("roles")),
            (json!({"level": 1, "nested": [1]}), ClaimError::Type("nested")),
            (json!({}), ClaimError::Missing("level")),
        ] {
            assert_eq!(session(&claims), Err(error), "{claims}");
        }
    }
}
