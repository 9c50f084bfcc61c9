//! The token of an HTTP request.

use crate::error::{Error, RejectReason};

/// Takes the token out of the values of a request's `Authorization` headers: `Bearer` in any case, one space, the token (RFC 6750, 2.1).
///
/// Give it all values of that name, so that a request with two such headers, which two programs could read in two ways, is
/// refused. Tokens in the URL or in a form are not looked for: URLs end up in logs.
///
/// # Errors
///
/// [`Error::Rejected`]: [`RejectReason::Missing`] where there is no such header, [`RejectReason::Header`] where it is anything else.
///
/// # Example
///
/// ```
/// assert_eq!(authz::bearer_token(["Bearer abc.def.ghi"]).unwrap(), "abc.def.ghi");
/// assert!(authz::bearer_token(["Bearer a", "Bearer b"]).is_err());
/// ```
pub fn bearer_token<'a, V: AsRef<[u8]> + ?Sized + 'a>(
    values: impl IntoIterator<Item = &'a V>,
) -> Result<&'a str, Error> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(RejectReason::Missing)?.as_ref();
    if values.next().is_some() {
        return Err(RejectReason::Header.into());
    }
    let token = value
        .split_at_checked("Bearer ".len())
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
        .map(|(_, token)| token)
        .filter(|token| !token.is_empty() && token.iter().all(|byte| is_token_byte(*byte)));
    let token = token.and_then(|token| std::str::from_utf8(token).ok());
    Ok(token.ok_or(RejectReason::Header)?)
}

/// The characters of a `b64token`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(bearer_token([value]).unwrap(), "a.b.c", "{value}");
        }
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearera.b.c",
            "Bearer  a.b.c",
            "Bearer\ta.b.c",
            " Bearer a.b.c",
            "Bearer a.b.c ",
            "Bearer a.b.c, Bearer d.e.f",
            "Bearer Bearer a.b.c",
            "Basic a.b.c",
            "a.b.c",
            "Bearer ä",
        ] {
            let error = bearer_token([value]).unwrap_err();
            assert!(matches!(error, Error::Rejected(RejectReason::Header)), "{value}");
            assert_eq!(error.www_authenticate(), Some("Bearer error=\"invalid_token\""));
        }
        assert!(bearer_token(["Bearer a", "Bearer a"]).is_err());
        let none = bearer_token::<str>([]).unwrap_err();
        assert_eq!((none.status(), none.www_authenticate()), (401, Some("Bearer")));
    }
}
