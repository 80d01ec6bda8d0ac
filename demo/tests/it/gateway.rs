//! What the demonstration servers see of a gateway: an issuer, its keys, its Token B.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use onedoor_demo::server::DemoServerConfig;
use serde_json::{Value, json};
use url::Url;

pub(crate) const ISSUER: &str = "http://gateway.test";

pub(crate) struct Gateway {
    pub(crate) key: EncodingKey,
    pub(crate) jwk: Jwk,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .unwrap()
            .to_pkcs8v1()
            .unwrap();
        let key = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).unwrap());
        Self { key, jwk }
    }

    pub(crate) fn router(&self) -> Router {
        let set = JwkSet {
            keys: vec![self.jwk.clone()],
        };
        Router::new().route("/.well-known/jwks.json", get(async || Json(set)))
    }

    /// Configuration of a demonstration server behind this gateway, whose keys are now served.
    pub(crate) async fn config(&self) -> DemoServerConfig {
        DemoServerConfig::new(ISSUER, jwks_url(&crate::serve(self.router()).await))
    }

    pub(crate) fn header(&self) -> Header {
        Header {
            kid: self.jwk.common.key_id.clone(),
            ..Header::new(Algorithm::ES256)
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header(), claims, &self.key).unwrap()
    }
}

pub(crate) fn jwks_url(base: &Url) -> Url {
    base.join("/.well-known/jwks.json").unwrap()
}

pub(crate) fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

/// The claims of a good Token B.
pub(crate) fn claims(audience: &str, scope: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": audience, "sub": "user-1", "name": "Ana Lyst", "client_id": "client-1",
        "scope": scope, "iat": now(), "nbf": now(), "exp": now() + 60,
    })
}
