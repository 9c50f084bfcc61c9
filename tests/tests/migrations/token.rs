//! `cargo authz token`

use authz_cli::command::Outcome;
use serde_json::{Value, json};

use crate::package::{Package, TODOS};

fn made(package: &Package, arguments: &[&str]) -> Value {
    let key = package.root().join("keys/dev.pem");
    let line = [
        &["token", "--format", "json", "--key", key.to_str().unwrap()],
        arguments,
    ]
    .concat();
    let ran = package.run(&line);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_token_is_signed_by_the_key_beside_its_key_set() {
    let package = Package::new(TODOS);
    let made_first = made(&package, &["--sub", "alice", "--aud", "todos"]);
    let jwks = std::fs::read_to_string(made_first["jwks"].as_str().unwrap()).unwrap();
    let token = made_first["token"].as_str().unwrap();
    assert_eq!(authz::__private::check_signature(&jwks, token), Ok(()));
    let claims = &made_first["claims"];
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["iss"]),
        (
            &json!("alice"),
            &json!("todos"),
            &json!("https://development.invalid")
        )
    );
    assert_eq!(
        claims["exp"].as_u64().unwrap(),
        claims["iat"].as_u64().unwrap() + 3600
    );
    // The key stays, and so do tokens of before.
    let again = made(
        &package,
        &[
            "--sub",
            "bob",
            "--aud",
            "todos",
            "--iss",
            "https://me.example",
            "--expires-in",
            "10m",
            "--claim",
            "role=editor",
            "--claim",
            "org={\"id\": 7}",
            "--claim",
            "exp=1",
        ],
    );
    let same = std::fs::read_to_string(again["jwks"].as_str().unwrap()).unwrap();
    assert_eq!(jwks, same);
    let claims = &again["claims"];
    assert_eq!(
        (
            &claims["role"],
            &claims["org"]["id"],
            &claims["exp"],
            &claims["iss"]
        ),
        (
            &json!("editor"),
            &json!(7),
            &json!(1),
            &json!("https://me.example")
        )
    );
    let other = Package::new(TODOS);
    let others = made(&other, &["--sub", "alice", "--aud", "todos"]);
    assert!(authz::__private::check_signature(&jwks, others["token"].as_str().unwrap()).is_err());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let package = Package::new(TODOS);
    made(&package, &["--sub", "alice", "--aud", "todos"]);
    let mode = std::fs::metadata(package.root().join("keys/dev.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_is_no_key_is_an_error_and_stays() {
    let package = Package::new(TODOS);
    package.file("keys/dev.pem", "nothing");
    let key = package.root().join("keys/dev.pem");
    let ran = package.run(&[
        "token",
        "--sub",
        "alice",
        "--aud",
        "todos",
        "--key",
        key.to_str().unwrap(),
    ]);
    assert!(
        ran.result
            .unwrap_err()
            .to_string()
            .contains("expected a private key in PEM")
    );
    assert_eq!(std::fs::read_to_string(key).unwrap(), "nothing");
}
