//! The vectors of Project Wycheproof: tokens and signatures that look good and are not, beside those that are.
//!
//! What the vectors sign is no claims set, mostly not even JSON, so none of them gets through `Authz::verify`. What decides here is the part
//! of it that comes before the claims: the form of the token, the choice of the key, the signature. The counts make sure that no vector goes
//! missing.

use authz::__private::{check_message, check_signature};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof_ng_ecdsa::TestName;
use wycheproof_ng_kdf_jose::json_web;
use wycheproof_ng_rsa_signature::{rsa_pkcs1_verify, rsa_pss_verify};

/// Good tokens of `json_web_signature` that are refused: keys for PS256 and for ES521, which is no algorithm, and tokens that say PS384 and
/// ES512. A key serves one algorithm (RFC 8725, 3.1).
const OF_ANOTHER_ALGORITHM: [u64; 4] = [346, 347, 350, 351];

#[test]
fn tokens_come_out_as_wycheproof_says() {
    let mut tally = Tally::default();
    let (mut secrets, mut excepted) = (0, 0);
    for (file, text) in [
        ("signature", json_web::TestName::JsonWebSignature.json_data()),
        ("key", json_web::TestName::JsonWebKey.json_data()),
        ("crypto", json_web::TestName::JsonWebCrypto.json_data()),
    ] {
        for group in groups(text) {
            let key = group.get("public").unwrap_or(&group["private"]).to_string();
            for test in group["tests"].as_array().unwrap() {
                let token = match &test["jws"] {
                    // An encrypted one.
                    Value::Null => continue,
                    Value::String(token) => token.clone(),
                    object => object.to_string(),
                };
                let result = check_signature(&key, &token);
                let id = test["tcId"].as_u64().unwrap();
                let as_expected = if key.contains(r#""oct""#) {
                    // A shared secret in a key set is none, however well it signs.
                    secrets += 1;
                    result.is_err()
                } else if file == "signature" && OF_ANOTHER_ALGORITHM.contains(&id) {
                    excepted += 1;
                    result.is_err()
                } else {
                    tally.count(test["result"].as_str().unwrap(), result.is_ok())
                };
                assert!(as_expected, "{file}, {test}: {result:?}");
            }
        }
    }
    assert_eq!(
        (tally.accepted, tally.refused, secrets, excepted),
        (35, 362, 75, 4)
    );
}

#[test]
fn ecdsa_signatures_come_out_as_wycheproof_says() {
    let mut tally = Tally::default();
    let curves = ["Secp256r1", "Secp384r1"];
    let ours = |name: &TestName| curves.iter().any(|curve| format!("{name:?}").contains(curve));
    for name in TestName::all().into_iter().filter(ours) {
        for group in groups(name.json_data()) {
            let key = &group["publicKey"];
            for (algorithm, crv, curve, size, hash) in [
                ("ES256", "P-256", "secp256r1", 32, "SHA-256"),
                ("ES384", "P-384", "secp384r1", 48, "SHA-384"),
            ] {
                if key["curve"] != curve {
                    continue;
                }
                let (x, y) = (coordinate(&key["wx"], size), coordinate(&key["wy"], size));
                let jwk = json!({"kty": "EC", "crv": crv, "x": x, "y": y});
                // RFC 7518, 3.4: two numbers of fixed length, not their ASN.1.
                let ours = group["type"] == "EcdsaP1363Verify" && group["sha"] == hash;
                tally.add(&group, algorithm, &jwk, ours);
            }
        }
    }
    assert_eq!((tally.accepted, tally.refused), (724, 3484));
}

#[test]
fn rsa_signatures_come_out_as_wycheproof_says() {
    let mut tally = Tally::default();
    let pkcs1 = rsa_pkcs1_verify::TestName::all()
        .into_iter()
        .map(|name| name.json_data());
    let pss = rsa_pss_verify::TestName::all()
        .into_iter()
        .map(|name| name.json_data());
    for group in pkcs1.chain(pss).flat_map(groups) {
        let key = &group["publicKey"];
        let (n, e) = (number(&key["modulus"]), number(&key["publicExponent"]));
        for (algorithm, hash, length) in [
            ("RS256", "SHA-256", None),
            ("RS384", "SHA-384", None),
            ("RS512", "SHA-512", None),
            ("PS256", "SHA-256", Some(32)),
            ("PS384", "SHA-384", Some(48)),
            ("PS512", "SHA-512", Some(64)),
        ] {
            let jwk = json!({"kty": "RSA", "alg": algorithm, "n": n, "e": e});
            // RFC 7518, 3.5: MGF1 with the same hash, and a salt as long as the hash.
            let ours = group["sha"] == hash
                && group["mgfSha"].as_str() == length.map(|_| hash)
                && group["sLen"].as_u64() == length;
            tally.add(&group, algorithm, &jwk, ours);
        }
    }
    assert_eq!((tally.accepted, tally.refused), (1464, 21341));
}

#[test]
fn eddsa_signatures_come_out_as_wycheproof_says() {
    let mut tally = Tally::default();
    for name in wycheproof_ng_eddsa::TestName::all() {
        for group in groups(name.json_data()) {
            let key = &group["publicKey"];
            // Curve 448 is none of ours.
            let ours = key["curve"] == "edwards25519";
            let crv = if ours { "Ed25519" } else { "Ed448" };
            let x = BASE64_URL_SAFE_NO_PAD.encode(bytes(&key["pk"]));
            let jwk = json!({"kty": "OKP", "crv": crv, "x": x});
            tally.add(&group, "EdDSA", &jwk, ours);
            tally.add(&group, "Ed25519", &jwk, ours);
        }
    }
    assert_eq!((tally.accepted, tally.refused), (352, 286));
}

#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    /// Checks the signatures of a group by an algorithm. When the group is of another (`ours` is false), those that are good by that other one
    /// must be refused, and nothing is known of the rest, which may be good by this one.
    fn add(&mut self, group: &Value, algorithm: &str, jwk: &Value, ours: bool) {
        let mut keys = vec![jwk.to_string()];
        // The key as the vectors' authors write it, unless they have it for another algorithm.
        for name in ["publicKeyJwk", "keyJwk"] {
            let theirs = group.get(name).filter(|_| ours);
            keys.extend(theirs.map(Value::to_string));
        }
        for test in group["tests"].as_array().unwrap() {
            let expected = match &test["result"] {
                result if ours => result.as_str().unwrap(),
                Value::String(result) if result == "valid" => "invalid",
                _ => continue,
            };
            let (message, signature) = (bytes(&test["msg"]), bytes(&test["sig"]));
            for key in &keys {
                let result = check_message(key, algorithm, &message, &signature);
                let as_expected = self.count(expected, result.is_ok());
                assert!(as_expected, "{algorithm} by {key}, {test}: {result:?}");
            }
        }
    }

    /// Whether it came out as expected. `acceptable` is what may be refused, forms that older programs make; we accept none of them.
    fn count(&mut self, expected: &str, accepted: bool) -> bool {
        if accepted {
            self.accepted += 1;
        } else {
            self.refused += 1;
        }
        accepted == (expected == "valid")
    }
}

fn groups(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    let groups = file["testGroups"].take();
    serde_json::from_value(groups).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// RFC 7518, 6.3.1.1: as few bytes as the number needs.
fn number(hex: &Value) -> String {
    let digits: Vec<u8> = bytes(hex).into_iter().skip_while(|digit| *digit == 0).collect();
    BASE64_URL_SAFE_NO_PAD.encode(digits)
}

/// RFC 7518, 6.2.1.2: as many bytes as the curve has.
fn coordinate(hex: &Value, size: usize) -> String {
    let digits: Vec<u8> = bytes(hex).into_iter().skip_while(|digit| *digit == 0).collect();
    let zeros = vec![0; size - digits.len()];
    BASE64_URL_SAFE_NO_PAD.encode([zeros, digits].concat())
}
