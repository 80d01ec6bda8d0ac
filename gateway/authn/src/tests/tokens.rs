//! Which tokens are accepted.

use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use jsonwebtoken::Algorithm;
use onedoor_model::{
    ids::UserId,
    registry::{self, Issuer},
};
use onedoor_wire::{
    bearer::BearerFault,
    jwt::{JwtFault, Part},
};
use serde_json::{Value, json};

use super::{
    support::{ADMIN, TestKey, USER, after, app_only, now, part, v1, v2, with, without},
    world::{World, bearer},
};
use crate::{AuthnFault, KeyTimes, Plane, REASONS, TokenFault};

/// A header as the usual key would be named by.
fn header(algorithm: &str) -> Value {
    json!({ "typ": "JWT", "alg": algorithm, "kid": "rsa" })
}

#[tokio::test]
async fn tokens_of_both_versions_and_of_apps_are_accepted() {
    let world = World::new().await;
    for (claims, user) in [(v2(), Some(USER)), (v1(), Some(USER)), (app_only(), None)] {
        let principal = world.authenticate_claims(&claims).await.unwrap();
        assert_eq!(principal.user.as_ref().map(UserId::as_str), user);
    }
    assert_eq!(world.provider.requests(), 1);
}

#[tokio::test]
async fn a_token_is_good_on_one_plane_only() {
    let world = World::new().await;
    let data = TestKey::rsa().sign(&v2());
    let admin = TestKey::rsa().sign(&with(v2(), "aud", json!(ADMIN)));
    for _ in 0..2 {
        assert!(world.authenticate_on(Plane::Data, &data, now()).await.is_ok());
        assert!(world.authenticate_on(Plane::Admin, &admin, now()).await.is_ok());
        for (plane, token) in [(Plane::Admin, &data), (Plane::Data, &admin)] {
            let fault = world.authenticate_on(plane, token, now()).await.unwrap_err();
            assert_eq!(fault, AuthnFault::Token(TokenFault::WrongAudience));
        }
    }
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let mut world = World::new().await;
    world.trust(Issuer {
        algorithms: [
            registry::Algorithm::RS256,
            registry::Algorithm::PS256,
            registry::Algorithm::ES256,
        ]
        .into(),
        ..world.issuer()
    });
    let key = TestKey::rsa();
    let good = key.sign(&v2());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let hmac = |secret: &[u8]| {
        let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
        header.kid = Some("rsa".to_owned());
        jsonwebtoken::encode(&header, &v2(), &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap()
    };
    let public = key.public();
    let modulus = public["n"].as_str().unwrap();
    let unsigned = format!("{}.{}", part(&header("none")), part(&v2()));
    for (token, fault) in [
        (format!("{head}.{}.{signature}", part(&v2())), TokenFault::InvalidSignature),
        (TestKey::other_rsa().named("rsa").sign(&v2()), TokenFault::InvalidSignature),
        (key.sign_under(&header("PS256"), &v2()), TokenFault::InvalidSignature),
        (key.clone().signing_with(Algorithm::PS256).sign_under(&header("RS256"), &v2()), TokenFault::InvalidSignature),
        (key.sign_under(&header("ES256"), &v2()), TokenFault::UnknownKey),
        (key.sign_under(&header("RS512"), &v2()), TokenFault::AlgorithmNotAccepted),
        (TestKey::p256().named("rsa").sign(&v2()), TokenFault::UnknownKey),
        (TestKey::ed25519().named("rsa").sign(&v2()), TokenFault::AlgorithmNotAccepted),
        (format!("{unsigned}.{signature}"), TokenFault::AlgorithmNotAccepted),
        (format!("{unsigned}."), TokenFault::Malformed(JwtFault::Empty(Part::Signature))),
        (unsigned.clone(), TokenFault::Malformed(JwtFault::Parts)),
        (hmac(modulus.as_bytes()), TokenFault::AlgorithmNotAccepted),
        (hmac(public.to_string().as_bytes()), TokenFault::AlgorithmNotAccepted),
        (hmac(b""), TokenFault::AlgorithmNotAccepted),
        (key.clone().named("unknown").sign(&v2()), TokenFault::UnknownKey),
        (key.sign_under(&json!({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}), &v2()), TokenFault::WrongType),
        (
            key.sign_under(&json!({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}), &v2()),
            TokenFault::Malformed(JwtFault::Extension),
        ),
        // A key the token brings along is not looked at.
        (
            TestKey::other_rsa().sign_under(
                &json!({"alg": "RS256", "kid": "rsa", "jwk": TestKey::other_rsa().public(), "jku": "http://evil.example"}),
                &v2(),
            ),
            TokenFault::InvalidSignature,
        ),
    ] {
        assert_eq!(world.authenticate(&token).await.unwrap_err(), AuthnFault::Token(fault), "{token}");
    }
    assert!(world.authenticate(&good).await.is_ok());
}

#[tokio::test]
async fn a_token_says_which_kinds_it_is_of_or_nothing() {
    let world = World::new().await;
    for typ in [
        json!("JWT"),
        json!("jwt"),
        json!("at+jwt"),
        json!("application/at+jwt"),
    ] {
        let token = TestKey::rsa().sign_under(&json!({"alg": "RS256", "kid": "rsa", "typ": typ}), &v2());
        assert!(world.authenticate(&token).await.is_ok(), "{typ}");
    }
    let bare = TestKey::rsa().sign_under(&json!({"alg": "RS256"}), &v2());
    assert!(world.authenticate(&bare).await.is_ok());
}

#[tokio::test]
async fn a_signed_token_that_is_not_for_us_is_refused() {
    let world = World::new().await;
    let second = now().as_second();
    for (claims, fault) in [
        (
            with(v2(), "iss", json!("https://evil.example")),
            TokenFault::UntrustedIssuer,
        ),
        (without(v2(), "iss"), TokenFault::ClaimMissing { claim: "iss" }),
        (
            with(v2(), "aud", json!("api://elsewhere")),
            TokenFault::WrongAudience,
        ),
        (
            with(v2(), "azp", json!("elsewhere")),
            TokenFault::ClientNotAccepted,
        ),
        (
            with(v1(), "appid", json!("elsewhere")),
            TokenFault::ClientNotAccepted,
        ),
        (with(v2(), "exp", json!(second - 60)), TokenFault::Expired),
        (with(v2(), "nbf", json!(second + 61)), TokenFault::NotYetValid),
        (
            with(v2(), "_claim_names", json!({"groups": "src1"})),
            TokenFault::GroupOverage,
        ),
    ] {
        assert_eq!(
            world.authenticate_claims(&claims).await.unwrap_err(),
            AuthnFault::Token(fault),
            "{claims}"
        );
    }
    let fault = world
        .authenticate_claims(&with(v2(), "scp", json!("openid")))
        .await
        .unwrap_err();
    assert_eq!(
        (fault.reason(), fault.http_status()),
        ("insufficient_scope", StatusCode::FORBIDDEN)
    );
    assert_eq!(fault.to_string(), "the token lacks the scope 'Tools.Call'");
}

#[tokio::test]
async fn a_request_without_one_well_formed_token_is_refused() {
    let world = World::new().await;
    let authenticate = async |headers: HeaderMap| {
        world
            .verifier
            .authenticate(&headers, Plane::Data, &world.snapshot, after(0))
            .await
            .unwrap_err()
    };
    let header =
        |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
    let mut twice = bearer("a.b.c");
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
    for (headers, fault, status, error) in [
        (HeaderMap::new(), BearerFault::Missing, 401, None),
        (header("Basic dTpw"), BearerFault::WrongScheme, 401, None),
        (header("Bearer"), BearerFault::Empty, 401, Some("invalid_token")),
        (
            header("Bearer a,b"),
            BearerFault::InvalidCharacter,
            401,
            Some("invalid_token"),
        ),
        (
            bearer(&"a".repeat(17_000)),
            BearerFault::TooLong,
            401,
            Some("invalid_token"),
        ),
        (twice, BearerFault::Repeated, 400, Some("invalid_request")),
    ] {
        let refused = authenticate(headers).await;
        assert_eq!(refused, AuthnFault::Bearer(fault));
        assert_eq!(
            (refused.http_status().as_u16(), refused.oauth_error()),
            (status, error),
            "{refused:?}"
        );
    }
    let fault = authenticate(bearer("not-a-jwt")).await;
    assert_eq!(
        (fault.reason(), fault.http_status().as_u16()),
        ("malformed_token", 401)
    );
    assert_eq!(world.provider.requests(), 0);
}

#[tokio::test]
async fn an_issuers_other_algorithms_are_accepted_where_it_says_so() {
    let keys = [TestKey::rsa(), TestKey::p256(), TestKey::ed25519()];
    let mut world = World::with(&keys, KeyTimes::default()).await;
    for key in &keys[1..] {
        let fault = world.authenticate(&key.sign(&v2())).await.unwrap_err();
        assert_eq!(fault, AuthnFault::Token(TokenFault::AlgorithmNotAccepted));
    }
    let algorithms = [registry::Algorithm::ES256, registry::Algorithm::EdDSA].into();
    world.trust(Issuer {
        algorithms,
        ..world.issuer()
    });
    for key in &keys[1..] {
        assert!(world.authenticate(&key.sign(&v2())).await.is_ok());
    }
    let fault = world.authenticate(&keys[0].sign(&v2())).await.unwrap_err();
    assert_eq!(fault, AuthnFault::Token(TokenFault::AlgorithmNotAccepted));
}

#[test]
fn the_list_of_reasons_is_complete_and_says_each_once() {
    let token = |fault| AuthnFault::Token(fault);
    let claim = "aud";
    let all = [
        AuthnFault::Bearer(BearerFault::Missing),
        AuthnFault::Bearer(BearerFault::Repeated),
        AuthnFault::Bearer(BearerFault::WrongScheme),
        AuthnFault::Bearer(BearerFault::Empty),
        AuthnFault::Bearer(BearerFault::InvalidCharacter),
        AuthnFault::Bearer(BearerFault::TooLong),
        token(TokenFault::Malformed(JwtFault::Parts)),
        token(TokenFault::WrongType),
        token(TokenFault::ClaimMissing { claim }),
        token(TokenFault::ClaimMalformed { claim }),
        token(TokenFault::UntrustedIssuer),
        token(TokenFault::AmbiguousIssuer),
        token(TokenFault::TenantNotAccepted),
        token(TokenFault::IssuerNotForPlane),
        token(TokenFault::AlgorithmNotAccepted),
        token(TokenFault::UnknownKey),
        token(TokenFault::KeyNotNamed),
        token(TokenFault::InvalidSignature),
        token(TokenFault::WrongAudience),
        token(TokenFault::SeveralAudiences),
        token(TokenFault::Expired),
        token(TokenFault::NotYetValid),
        token(TokenFault::ClientNotAccepted),
        token(TokenFault::ClientsDisagree),
        token(TokenFault::GroupOverage),
        token(TokenFault::InsufficientScope {
            required: "Tools.Call".parse().unwrap(),
        }),
        AuthnFault::Unavailable,
    ];
    for fault in &all {
        assert!(REASONS.contains(&fault.reason()), "{}", fault.reason());
        let status = fault.http_status().as_u16();
        match fault.oauth_error() {
            Some("invalid_token") => assert_eq!(status, 401),
            Some("insufficient_scope") => assert_eq!(status, 403),
            Some("invalid_request") => assert_eq!(status, 400),
            Some(other) => panic!("{other}"),
            None => assert!([401, 403, 503].contains(&status)),
        }
    }
    for (index, reason) in REASONS.iter().enumerate() {
        assert!(all.iter().any(|fault| fault.reason() == *reason), "{reason}");
        assert!(!REASONS[..index].contains(reason), "{reason}");
    }
}
