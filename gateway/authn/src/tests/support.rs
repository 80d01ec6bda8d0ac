//! An issuer, its keys, and its tokens.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::aws_lc, jwk::Jwk};
use onedoor_model::registry::{self, Issuer, Plane};
use serde_json::{Value, json};

pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const USER: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const DATA: &str = "api://onedoor";
pub(crate) const ADMIN: &str = "api://onedoor-admin";
pub(crate) const CLIENT: &str = "33333333-3333-3333-3333-333333333333";

/// Longer than anything here takes; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time all tokens here are judged at, unless a test says otherwise.
pub(crate) fn now() -> Timestamp {
    after(0)
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// Entra with both versions of tokens, as a registry would hold it.
pub(crate) fn issuer() -> Issuer {
    let plane = |audience: &str, scope: Option<&str>| Plane {
        audiences: [audience.to_owned()].into(),
        clients: [CLIENT.parse().unwrap()].into(),
        required_scope: scope.map(|scope| scope.parse().unwrap()),
        advertised_scopes: Vec::new(),
    };
    Issuer {
        name: "corp".parse().unwrap(),
        urls: vec![
            "https://login.example/{tenantid}/v2.0".to_owned(),
            "https://sts.example/{tenantid}/".to_owned(),
        ],
        tenants: [TENANT.parse().unwrap()].into(),
        jwks_uri: "https://login.example/keys".to_owned(),
        authorization_server: "https://login.example".to_owned(),
        algorithms: [registry::Algorithm::RS256].into(),
        data: plane(DATA, Some("Tools.Call")),
        admin: Some(plane(ADMIN, None)),
        on_behalf_of: None,
    }
}

/// A user's v2.0 token, each with an id of its own.
pub(crate) fn v2() -> Value {
    json!({
        "aud": DATA,
        "iss": format!("https://login.example/{TENANT}/v2.0"),
        "iat": now().as_second() - 10,
        "nbf": now().as_second() - 10,
        "exp": now().as_second() + 3_600,
        "azp": CLIENT,
        "azpacr": "0",
        "groups": ["g-finance", "g-all"],
        "name": "Ana Lyst",
        "oid": USER,
        "preferred_username": "ana@corp.example",
        "roles": ["Registry.Admin"],
        "scp": "Tools.Call openid",
        "sub": "pairwise",
        "tid": TENANT,
        "uti": unique(),
        "ver": "2.0",
    })
}

/// The same user's v1.0 token.
pub(crate) fn v1() -> Value {
    let mut claims = with(v2(), "iss", json!(format!("https://sts.example/{TENANT}/")));
    for name in ["azp", "azpacr", "preferred_username"] {
        claims = without(claims, name);
    }
    with(
        with(with(claims, "appid", json!(CLIENT)), "ver", json!("1.0")),
        "upn",
        json!("ana@corp.example"),
    )
}

/// A token of an app on its own behalf.
pub(crate) fn app_only() -> Value {
    let claims = without(without(v2(), "scp"), "groups");
    with(with(claims, "sub", json!(USER)), "idtyp", json!("app"))
}

pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

pub(crate) fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

pub(crate) fn unique() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("id-{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// A key pair of an issuer.
#[derive(Clone)]
pub(crate) struct TestKey {
    pub(crate) id: &'static str,
    pub(crate) algorithm: Algorithm,
    private: EncodingKey,
}

impl TestKey {
    pub(crate) fn rsa() -> Self {
        static KEY: OnceLock<EncodingKey> = OnceLock::new();
        Self {
            id: "rsa",
            algorithm: Algorithm::RS256,
            private: KEY.get_or_init(new_rsa).clone(),
        }
    }

    pub(crate) fn other_rsa() -> Self {
        static KEY: OnceLock<EncodingKey> = OnceLock::new();
        Self {
            id: "other-rsa",
            algorithm: Algorithm::RS256,
            private: KEY.get_or_init(new_rsa).clone(),
        }
    }

    pub(crate) fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self {
            id: "p256",
            algorithm: Algorithm::ES256,
            private,
        }
    }

    pub(crate) fn p384() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self {
            id: "p384",
            algorithm: Algorithm::ES384,
            private,
        }
    }

    pub(crate) fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self {
            id: "ed25519",
            algorithm: Algorithm::EdDSA,
            private,
        }
    }

    pub(crate) fn named(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    pub(crate) fn signing_with(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// The public half, as Entra writes it: without `alg`.
    pub(crate) fn public(&self) -> Value {
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&self.private, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        without(jwk, "alg")
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_under(
            &json!({ "typ": "JWT", "alg": name(self.algorithm), "kid": self.id }),
            claims,
        )
    }

    /// Signs with this key's algorithm, whatever the header says.
    pub(crate) fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let signer = (aws_lc::DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.private).unwrap();
        let signature = signer.try_sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn new_rsa() -> EncodingKey {
    let der: Pkcs8V1Der<'static> = RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    // The library takes PKCS #8 only as PEM.
    EncodingKey::from_rsa_pem(
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").as_bytes(),
    )
    .unwrap()
}

pub(crate) fn name(algorithm: Algorithm) -> Value {
    serde_json::to_value(Header::new(algorithm)).unwrap()["alg"].clone()
}

/// A part of a token.
pub(crate) fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Fails rather than hangs.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("took too long")
}

/// Repeats until it comes out as wanted.
pub(crate) async fn until(mut attempt: impl AsyncFnMut() -> bool) {
    in_time(async {
        while !attempt().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
