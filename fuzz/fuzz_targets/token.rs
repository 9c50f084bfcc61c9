//! Reads anything as a token, and as the parts of one. Nothing may panic, and what is taken must be taken for what it says: written
//! again from its parts it is the same text.

#![no_main]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;

const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        check(text);
    }
    // The same bytes as header and payload, so that the JSON behind the base64 is reached.
    let (header, payload) = input.split_at(input.len() / 3);
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    check(&format!("{}.{}.AAAA", part(header), part(payload)));
    // A header that is good, before any payload.
    check(&format!("{}.{}.AAAA", part(br#"{"alg":"EdDSA"}"#), part(input)));
    // Any bytes as a key set, and as an Authorization header.
    if let Ok(text) = std::str::from_utf8(input) {
        _ = authz::__private::check_signature(text, "e30.e30.");
    }
    if let Ok(token) = authz::bearer_token([input]) {
        assert!(!token.is_empty() && !token.contains(' '));
    }
});

fn check(token: &str) {
    if authz::__private::parse(token).is_err() {
        return;
    }
    // Nobody has the private key.
    assert!(authz::__private::check_signature(JWKS, token).is_err());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        panic!("a token of {} parts was taken", parts.len());
    };
    assert!(token.len() <= 8192);
    for part in [header, payload, signature] {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("canonical base64url");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(bytes), **part);
    }
}
