//! Signatures, encodings and keys that a careless verifier takes for good ones, each beside a good one. Those of ECDSA that are
//! good for everything stand with the attacks.

use authz::{Authz, ConnectError, Error, Issuer, IssuerError, RejectReason};
use authz_tests::database::Database;
use authz_tests::keys::{ALGORITHMS, AUDIENCE, ISSUER, SigningKey, claims};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web;

/// The order of Ed25519, little-endian as signatures hold numbers: 2^252 + 27742317777372353535851937790883648493.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

async fn connect(database: &Database, jwks: &str) -> Result<Authz, ConnectError> {
    Authz::builder()
        .issuer(Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(jwks))
        .role(database.user())
        .anonymous_role(database.anonymous())
        .connect_with(database.login_options())
        .await
}

async fn reason(authz: &Authz, token: &str) -> Option<RejectReason> {
    match authz.verify(token).await {
        Ok(_) => None,
        Err(Error::Rejected(reason)) => Some(reason),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_signature_of_each_algorithm_has_one_form() {
    let database = Database::create().await;
    for alg in ALGORITHMS {
        let key = SigningKey::new(alg, "k");
        let authz = connect(&database, &key.jwks()).await.unwrap();
        let good = key.sign(&claims("alice"));
        assert_eq!(reason(&authz, &good).await, None);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (left, right) = bytes.split_at(bytes.len() / 2);
        let mut bad = vec![
            Vec::new(),
            vec![0; bytes.len()],
            vec![0xff; bytes.len()],
            [&*bytes, &[0]].concat(),
            [&[0], &*bytes].concat(),
            bytes[1..].to_vec(),
            bytes[..bytes.len() - 1].to_vec(),
            left.to_vec(),
            [right, left].concat(),
            [&*bytes, &bytes].concat(),
            // Two numbers, each longer by a byte.
            [&[0], left, &[0], right].concat(),
        ];
        if alg == "EdDSA" {
            // RFC 8032, 5.1.7: the second number must be below the order, or a signature has several forms.
            bad.push([left, &sum(right, &ED25519_ORDER)].concat());
        }
        for signature in bad {
            let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(&signature));
            assert_eq!(
                reason(&authz, &token).await,
                Some(RejectReason::Signature),
                "{alg} {signature:02x?}"
            );
        }
    }
}

#[tokio::test]
async fn each_part_of_a_token_has_one_spelling() {
    let (database, key) = (Database::create().await, SigningKey::ed25519("k"));
    let authz = connect(&database, &key.jwks()).await.unwrap();
    // Texts whose encodings hold both characters in which the alphabets differ, and end in bits that belong to no byte.
    let padded = |mut value: Value| {
        value["text"] = json!("~~~~~???????");
        let text = value.to_string();
        let blanks = (4 - text.len() % 3) % 3;
        text + &" ".repeat(blanks)
    };
    let good = key.sign_text(&padded(key.header()), &padded(claims("alice")));
    assert_eq!(reason(&authz, &good).await, None);
    let parts: Vec<&str> = good.split('.').collect();
    for (position, part) in parts.iter().enumerate() {
        for other in misspelt(part) {
            let mut parts = parts.clone();
            parts[position] = &other;
            let token = parts.join(".");
            // Not `Signature`, which a lenient decoder would say.
            assert_eq!(
                reason(&authz, &token).await,
                Some(RejectReason::Malformed),
                "{token}"
            );
        }
    }
}

/// Other spellings that lenient decoders take for the same bytes.
fn misspelt(part: &str) -> Vec<String> {
    let (left, right) = part.split_at(part.len() / 2);
    let mut all: Vec<String> = ["?", " ", "\n", "\r\n", "\t", "=", "\0", "%", "é"]
        .iter()
        .flat_map(|text| {
            [
                format!("{left}{text}{right}"),
                format!("{part}{text}"),
                format!("{text}{part}"),
            ]
        })
        .collect();
    all.push(format!("{part}=="));
    // Of the last character's six bits, four belong to no byte: the next character has one of them set.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = part.split_at(part.len() - 1);
    let next = alphabet.find(last).unwrap() + 1;
    all.push(format!("{rest}{}", &alphabet[next..=next]));
    // A signature need not have one of these two.
    let replaced = [
        part.replace('-', "+"),
        part.replace('_', "/"),
        part.replace('-', "%2D"),
    ];
    all.extend(replaced.into_iter().filter(|other| other != part));
    all
}

#[tokio::test]
async fn keys_that_wycheproof_has_refused_are_no_keys() {
    let database = Database::create().await;
    let (mut taken, mut refused) = (0, 0);
    for text in [
        json_web::TestName::JsonWebKey.json_data(),
        json_web::TestName::JsonWebSignature.json_data(),
    ] {
        let file: Value = serde_json::from_str(text).unwrap();
        for group in file["testGroups"].as_array().unwrap() {
            let key = group.get("public").unwrap_or(&group["private"]).to_string();
            // No group mixes bad keys and bad signatures: with a good key there is a good signature.
            let tests = group["tests"].as_array().unwrap();
            let good = tests.iter().any(|test| test["result"] == "valid");
            // A shared secret is no public key. ES521 is no algorithm; the vectors mean ES512.
            let ours = !["\"oct\"", "ES521"].iter().any(|other| key.contains(other));
            let result = connect(&database, &key).await;
            assert_eq!(result.is_ok(), good && ours, "{}", group["comment"]);
            match result {
                Ok(_) => taken += 1,
                Err(ConnectError::Issuer {
                    problem: IssuerError::BadKey | IssuerError::SecretKey,
                    ..
                }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!((taken, refused), (14, 34));
}

/// The sum of two numbers of the same length, little-endian.
fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let digits = one.iter().zip(other).map(|(one, other)| {
        let sum = u16::from(*one) + u16::from(*other) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    digits.collect()
}
