use serde_json::json;

use super::*;
use crate::tests::support::{TestKey, name, part, v2, with, without};

fn keys(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn is_no_use(document: &Value) -> bool {
    Keys::read(document.to_string().as_bytes()).is_err()
}

#[test]
fn each_algorithm_verifies_with_its_kind_of_key() {
    use jsonwebtoken::Algorithm as Named;
    for (key, algorithm) in [
        (TestKey::rsa(), Algorithm::RS256),
        (TestKey::rsa().signing_with(Named::RS384), Algorithm::RS384),
        (TestKey::rsa().signing_with(Named::RS512), Algorithm::RS512),
        (TestKey::rsa().signing_with(Named::PS256), Algorithm::PS256),
        (TestKey::rsa().signing_with(Named::PS384), Algorithm::PS384),
        (TestKey::rsa().signing_with(Named::PS512), Algorithm::PS512),
        (TestKey::p256(), Algorithm::ES256),
        (TestKey::p384(), Algorithm::ES384),
        (TestKey::ed25519(), Algorithm::EdDSA),
    ] {
        let token = key.sign(&v2());
        let set = keys(&[key.public()]);
        assert_eq!(
            set.verify(&token, Some(key.id), algorithm),
            Ok(()),
            "{algorithm:?}"
        );
        assert_eq!(
            algorithm_named(name(key.algorithm).as_str().unwrap()),
            Some(algorithm)
        );
        let tampered = format!("{}.{}", token.rsplit_once('.').unwrap().0, part(&json!({})));
        assert_eq!(
            set.verify(&tampered, Some(key.id), algorithm),
            Err(TokenFault::InvalidSignature)
        );
    }
}

#[test]
fn a_signature_is_good_for_no_other_algorithm_or_key() {
    let key = TestKey::rsa();
    let token = key.sign(&v2());
    let set = keys(&[
        key.public(),
        TestKey::other_rsa().public(),
        TestKey::p256().public(),
    ]);
    assert_eq!(
        set.verify(&token, Some("rsa"), Algorithm::PS256),
        Err(TokenFault::InvalidSignature)
    );
    assert_eq!(
        set.verify(&token, Some("rsa"), Algorithm::RS512),
        Err(TokenFault::InvalidSignature)
    );
    assert_eq!(
        set.verify(&token, Some("other-rsa"), Algorithm::RS256),
        Err(TokenFault::InvalidSignature)
    );
    assert_eq!(
        set.verify(&token, Some("rsa"), Algorithm::ES256),
        Err(TokenFault::UnknownKey)
    );
    assert_eq!(
        set.verify(&token, Some("p256"), Algorithm::RS256),
        Err(TokenFault::UnknownKey)
    );
    assert_eq!(
        set.verify(&token, Some("RSA"), Algorithm::RS256),
        Err(TokenFault::UnknownKey)
    );
}

#[test]
fn a_key_that_says_its_algorithm_is_good_for_no_other() {
    let key = TestKey::rsa().signing_with(jsonwebtoken::Algorithm::PS256);
    let token = key.sign(&v2());
    for (tied, verdict) in [
        ("PS256", Ok(())),
        ("RS256", Err(TokenFault::UnknownKey)),
        ("new", Err(TokenFault::UnknownKey)),
    ] {
        let set = keys(&[with(key.public(), "alg", json!(tied))]);
        assert_eq!(
            set.verify(&token, Some("rsa"), Algorithm::PS256),
            verdict,
            "{tied}"
        );
    }
}

#[test]
fn what_is_no_key_for_signatures_is_passed_over() {
    let key = TestKey::rsa().public();
    for other in [
        with(key.clone(), "use", json!("enc")),
        with(key.clone(), "use", json!("tls")),
        with(key.clone(), "key_ops", json!(["encrypt"])),
        with(key.clone(), "kty", json!("oct")),
        with(key.clone(), "kid", json!(7)),
        without(key.clone(), "n"),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "rsa", "alg": "HS256"}),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "x", "kid": "rsa"}),
        with(TestKey::p256().public(), "crv", json!("secp256k1")),
        with(TestKey::p256().public(), "crv", json!("P-521")),
        json!("a key"),
        Value::Null,
    ] {
        assert!(is_no_use(&json!({ "keys": [other] })), "{other}");
        let set = keys(&[other, key.clone()]);
        assert_eq!(set.0.len(), 1);
    }
    for same in [
        without(key.clone(), "use"),
        with(key.clone(), "key_ops", json!(["verify"])),
    ] {
        assert!(!is_no_use(&json!({ "keys": [same] })));
    }
}

#[test]
fn a_document_that_is_no_set_is_no_use() {
    for document in [
        json!({}),
        json!([]),
        json!({"keys": {}}),
        json!({"keys": []}),
        json!("keys"),
        Value::Null,
    ] {
        assert!(is_no_use(&document), "{document}");
    }
    assert!(Keys::read(b"<html>").is_err());
}

#[test]
fn only_the_first_keys_of_an_endless_set_are_read() {
    let many: Vec<Value> = (0..1_000).map(|_| TestKey::rsa().public()).collect();
    assert_eq!(keys(&many).0.len(), MAX_KEYS);
}

#[test]
fn a_token_without_key_id_is_checked_where_only_one_key_fits() {
    let key = TestKey::rsa();
    let token = key.sign(&v2());
    let set = keys(&[key.public(), TestKey::p256().public()]);
    assert_eq!(set.verify(&token, None, Algorithm::RS256), Ok(()));
    let set = keys(&[key.public(), TestKey::other_rsa().public()]);
    assert_eq!(
        set.verify(&token, None, Algorithm::RS256),
        Err(TokenFault::KeyNotNamed)
    );
    let set = keys(&[TestKey::p256().public()]);
    assert_eq!(
        set.verify(&token, None, Algorithm::RS256),
        Err(TokenFault::UnknownKey)
    );
}

#[test]
fn each_key_of_an_id_is_tried() {
    let (first, second) = (TestKey::other_rsa().named("rsa"), TestKey::rsa());
    let set = keys(&[
        TestKey::p256().named("rsa").public(),
        first.public(),
        second.public(),
    ]);
    for key in [&first, &second] {
        assert_eq!(
            set.verify(&key.sign(&v2()), Some("rsa"), Algorithm::RS256),
            Ok(())
        );
    }
}

#[test]
fn the_names_of_other_algorithms_name_nothing() {
    for name in [
        "none", "None", "HS256", "HS384", "HS512", "rs256", "ES256K", "ES512", "RSA-OAEP", "", "RS256 ",
    ] {
        assert_eq!(algorithm_named(name), None, "{name}");
    }
}
