//! An identity provider: a key, its key set served on loopback, and tokens.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::{Json, Router, routing::get};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use onedoor_model::registry::{self, Issuer, Plane};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const CLIENT: &str = "admin-cli";
pub(crate) const DATA: &str = "api://onedoor";
pub(crate) const ADMIN: &str = "api://onedoor-admin";
const KEY: &str = "k1";

/// An identity provider. It is gone once this is dropped.
pub(crate) struct Provider {
    key: EncodingKey,
    pub(crate) jwks_uri: String,
    task: JoinHandle<()>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
        jwk["kid"] = json!(KEY);
        let keys = json!({ "keys": [jwk] });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let jwks_uri = format!("http://{}/keys", listener.local_addr().unwrap());
        let app = Router::new().route("/keys", get(move || async move { Json(keys) }));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { key, jwks_uri, task }
    }

    /// As the registry trusts it.
    pub(crate) fn issuer(&self) -> Issuer {
        let plane = |audience: &str| Plane {
            audiences: [audience.to_owned()].into(),
            clients: [CLIENT.parse().unwrap()].into(),
            required_scope: None,
            advertised_scopes: Vec::new(),
        };
        Issuer {
            name: "corp".parse().unwrap(),
            urls: vec!["https://login.example/{tenantid}/v2.0".to_owned()],
            tenants: [TENANT.parse().unwrap()].into(),
            jwks_uri: self.jwks_uri.clone(),
            authorization_server: "https://login.example".to_owned(),
            algorithms: [registry::Algorithm::ES256].into(),
            data: plane(DATA),
            admin: Some(plane(ADMIN)),
            on_behalf_of: None,
        }
    }

    /// A token of a user with these groups and roles.
    pub(crate) fn token(&self, audience: &str, user: &str, groups: &[&str], roles: &[&str]) -> String {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let now = Timestamp::now().as_second();
        let claims: Value = json!({
            "aud": audience,
            "iss": format!("https://login.example/{TENANT}/v2.0"),
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 3_600,
            "azp": CLIENT,
            "groups": groups,
            "name": format!("The user {user}"),
            "oid": user,
            "roles": roles,
            "scp": "openid",
            "sub": "pairwise",
            "tid": TENANT,
            "uti": format!("token-{}", LAST.fetch_add(1, Ordering::Relaxed)),
            "ver": "2.0",
        });
        let header = Header {
            kid: Some(KEY.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}
