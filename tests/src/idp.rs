//! An identity provider that signs anything: principals that the demonstration's has not, and tokens that none would issue.

use aws_lc_rs::{
    encoding::AsDer as _,
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{Json, Router, routing::get};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use crate::{
    admin::{Admin, Holder},
    token::Token,
};

/// The `aud` of its tokens for the data plane.
pub const AUDIENCE: &str = "api://tests";
/// The `aud` of its tokens for the admin plane.
pub const ADMIN_AUDIENCE: &str = "api://tests-admin";
/// The client app that the gateway lets in.
pub const CLIENT: &str = "tests-client";
/// Its one tenant.
pub const TENANT: &str = "tests-tenant";
/// The scope its tokens need.
pub const SCOPE: &str = "mcp.access";
/// The id of its key.
const KEY: &str = "tests-key";

/// An identity provider with one key (ES256).
#[derive(Debug)]
pub struct Idp {
    /// Its `iss`.
    pub issuer: String,
    /// Its name in the registry.
    pub name: String,
    key: EcdsaKeyPair,
    _server: JoinSet<()>,
}

/// A symmetric secret that a verifier confused about algorithms might take: forms of the public key.
#[derive(Clone, Copy, Debug)]
pub enum PublicKeyForm {
    /// The point's bytes.
    Point,
    /// `SubjectPublicKeyInfo`, DER.
    Der,
    /// `SubjectPublicKeyInfo`, PEM.
    Pem,
    /// The JWK's text.
    Jwk,
}

impl Idp {
    /// Starts one that the registry is to know by this name.
    pub async fn start(name: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/", listener.local_addr().unwrap());
        let keys = json!({ "keys": [jwk(&key)] });
        let router = Router::new().route("/keys", get(async move || Json(keys)));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            issuer,
            name: name.to_owned(),
            key,
            _server: server,
        }
    }

    /// The issuer as the admin API takes it.
    #[must_use]
    pub fn registration(&self) -> Value {
        let plane =
            |audience: &str| json!({ "audiences": [audience], "clients": [CLIENT], "requiredScope": SCOPE });
        json!({
            "name": self.name,
            "urls": [self.issuer],
            "tenants": [TENANT],
            "jwksUri": format!("{}keys", self.issuer),
            "authorizationServer": self.issuer,
            "algorithms": ["ES256"],
            "data": plane(AUDIENCE),
            "admin": plane(ADMIN_AUDIENCE),
        })
    }

    /// The issuer as a bootstrap file has it.
    #[must_use]
    pub fn registration_toml(&self) -> String {
        let mut text = "[[issuers]]\n".to_owned();
        for (key, value) in self.registration().as_object().unwrap() {
            let value = match value.as_object() {
                Some(members) => {
                    let members = members.iter().map(|(key, value)| format!("{key} = {value}"));
                    format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
                }
                None => value.to_string(),
            };
            text += &format!("{key} = {value}\n");
        }
        text
    }

    /// Has the gateway trust it.
    pub async fn register(&self, admin: &Admin) {
        admin.post("/issuers", self.registration()).await.expect(201);
    }

    /// A group of its tenant.
    #[must_use]
    pub fn group(&self, group: &str) -> Holder {
        Holder {
            issuer: self.name.clone(),
            tenant: TENANT.to_owned(),
            kind: "group",
            name: group.to_owned(),
        }
    }

    /// Claims of a good token for the data plane.
    #[must_use]
    pub fn claims(&self, user: &str, groups: &[&str]) -> Value {
        let now = Timestamp::now().as_second();
        json!({
            "iss": self.issuer, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 3600, "azp": CLIENT,
            "oid": user, "sub": format!("sub-{user}"), "tid": TENANT, "name": format!("Name of {user}"),
            "scp": SCOPE, "groups": groups, "uti": Uuid::new_v4(), "ver": "2.0",
        })
    }

    /// A good token for the data plane.
    #[must_use]
    pub fn token(&self, user: &str, groups: &[&str]) -> Token {
        self.sign(&self.claims(user, groups))
    }

    /// A token of any claims.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Token {
        self.sign_as(&json!({ "alg": "ES256", "typ": "JWT", "kid": KEY }), claims)
    }

    /// A token of any header and claims, signed with the one key.
    #[must_use]
    pub fn sign_as(&self, header: &Value, claims: &Value) -> Token {
        sign_with(&self.key, header, claims)
    }

    /// A token that claims to be of the one key, and is signed with another.
    #[must_use]
    pub fn sign_wrongly(&self, claims: &Value) -> Token {
        let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        sign_with(
            &other,
            &json!({ "alg": "ES256", "typ": "JWT", "kid": KEY }),
            claims,
        )
    }

    /// A token whose HMAC takes the public key for a secret (RFC 8725 §2.1).
    #[must_use]
    pub fn sign_symmetrically(&self, claims: &Value, form: PublicKeyForm) -> Token {
        let der = self.key.public_key().as_der().unwrap();
        let secret = match form {
            PublicKeyForm::Point => self.key.public_key().as_ref().to_vec(),
            PublicKeyForm::Der => der.as_ref().to_vec(),
            PublicKeyForm::Pem => pem(der.as_ref()).into_bytes(),
            PublicKeyForm::Jwk => jwk(&self.key).to_string().into_bytes(),
        };
        let input = signing_input(&json!({ "alg": "HS256", "typ": "JWT", "kid": KEY }), claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
        Token::new(format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// A token without signature (RFC 7519 §6).
    #[must_use]
    pub fn unsigned(&self, algorithm: &str, claims: &Value) -> Token {
        Token::new(format!(
            "{}.",
            signing_input(&json!({ "alg": algorithm, "typ": "JWT" }), claims)
        ))
    }
}

fn sign_with(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> Token {
    let input = signing_input(header, claims);
    let signature = key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    Token::new(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn jwk(key: &EcdsaKeyPair) -> Value {
    // SEC 1 §2.3.3, uncompressed: 4, x, y.
    let point = key.public_key().as_ref();
    let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY,
        "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]),
    })
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}
