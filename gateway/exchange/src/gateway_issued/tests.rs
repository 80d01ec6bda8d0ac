//! The token as tool servers verify it.

use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use uuid::Uuid;

use super::*;
use crate::world::{NOW, World};

fn issuer(folder: &tempfile::TempDir) -> TokenIssuer {
    let key = SigningKey::load_or_create(&folder.path().join("key.p8")).unwrap();
    TokenIssuer::new("https://door.example".to_owned(), key)
}

/// A token for a call whose Token A ends at `expires`.
fn issued(issuer: &TokenIssuer, expires: i64) -> Result<TokenB, NoTokenB> {
    let world = World {
        strategy: "gateway-issued",
        expires,
        ..World::default()
    };
    let now = Timestamp::from_second(NOW).unwrap();
    issuer.issue(world.permit().entitlement(), CallId(Uuid::max()), now, 300)
}

/// The claims, if a tool server of this audience would accept the token at no time in particular.
fn verified(
    issuer: &TokenIssuer,
    token: TokenB,
    audience: &str,
) -> Result<serde_json::Value, jsonwebtoken::errors::Error> {
    let header = token.into_header();
    let text = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let jwks: JwkSet = serde_json::from_value(issuer.jwks()).unwrap();
    let head = jsonwebtoken::decode_header(text)?;
    assert_eq!(head.typ.as_deref(), Some("at+jwt"), "RFC 9068 §2.1");
    let key = DecodingKey::from_jwk(jwks.find(head.kid.as_deref().unwrap()).unwrap())?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&["https://door.example"]);
    validation.validate_exp = false;
    jsonwebtoken::decode(text, &key, &validation).map(|token| token.claims)
}

#[test]
fn it_says_who_calls_for_which_tool_and_nothing_of_token_a() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer(&folder);
    let token = issued(&issuer, NOW + 3_600).unwrap();
    assert!(!format!("{token:?}").contains("ey"), "it does not print");
    let claims = verified(&issuer, token, "api://finance").unwrap();
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "https://door.example", "aud": "api://finance", "sub": "user-1", "client_id": "app",
            "scope": "finance.read", "iat": NOW, "nbf": NOW, "exp": NOW + 300, "jti": Uuid::max(),
            "tid": "t", "idp": "idp", "name": "Ada \"A\" Analyst",
        })
    );
}

#[test]
fn it_is_no_good_for_another_tool() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer(&folder);
    let token = issued(&issuer, NOW + 3_600).unwrap();
    assert!(verified(&issuer, token, "api://hr").is_err());
}

#[test]
fn it_never_outlives_token_a() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer(&folder);
    let token = issued(&issuer, NOW + 20).unwrap();
    let claims = verified(&issuer, token, "api://finance").unwrap();
    assert_eq!(claims["exp"], NOW + 20);
    assert!(
        matches!(issued(&issuer, NOW), Err(NoTokenB::Expired)),
        "nothing for a token that has ended"
    );
}
