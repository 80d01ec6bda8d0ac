//! The identity provider over HTTP.

mod sign_in;
mod tokens;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use onedoor_demo::idp::directory::{ADMIN, ANALYST, App, DATA_API, MCP_CLIENT, TENANT_ID, User};
use onedoor_demo::idp::{Doors, Idp, IdpConfig, IdpError, KeyError, TokenVersion};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use TokenVersion::{V1, V2};

/// An identity provider that is served.
struct Served {
    idp: Idp,
    base: Url,
}

async fn started(state: &Path) -> Served {
    started_for(state, Doors::default()).await
}

async fn started_for(state: &Path, doors: Doors) -> Served {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let mut config = IdpConfig::new(base.clone(), state.to_owned());
    config.doors = doors;
    let idp = Idp::new(config).unwrap();
    let router = idp.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { idp, base }
}

impl Served {
    async fn post(&self, version: TokenVersion, form: &[(&str, &str)]) -> reqwest::Response {
        let endpoint = self.idp.endpoints().token_endpoint(version);
        crate::http().post(endpoint).form(form).send().await.unwrap()
    }

    async fn answer(&self, version: TokenVersion, form: &[(&str, &str)]) -> Value {
        let response = self.post(version, form).await;
        assert_eq!(response.status(), 200, "{form:?}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        response.json().await.unwrap()
    }

    /// A token for a user; `asked` is the scope (v2.0) or resource (v1.0).
    async fn user_token(&self, version: TokenVersion, user: &User, client: &App, asked: &str) -> String {
        let client_id = client.client_id.to_string();
        let parameter = match version {
            V1 => "resource",
            V2 => "scope",
        };
        let form = [
            ("grant_type", "password"),
            ("username", user.username),
            ("client_id", &client_id),
            (parameter, asked),
        ];
        access_token(&self.answer(version, &form).await)
    }

    async fn keys(&self, version: TokenVersion) -> JwkSet {
        crate::http()
            .get(self.idp.endpoints().jwks_uri(version))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// The claims of a token, once its signature, issuer, audience and times hold against the published keys.
    async fn verified(&self, token: &str, version: TokenVersion, audience: &str) -> Value {
        let header = jsonwebtoken::decode_header(token).unwrap();
        let keys = self.keys(version).await;
        let jwk = keys.find(header.kid.as_deref().unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf", "sub"]);
        validation.set_issuer(&[self.idp.endpoints().issuer(version)]);
        validation.set_audience(&[audience]);
        validation.validate_nbf = true;
        let key = DecodingKey::from_jwk(jwk).unwrap();
        jsonwebtoken::decode(token, &key, &validation).unwrap().claims
    }
}

fn access_token(answer: &Value) -> String {
    answer["access_token"].as_str().unwrap().to_owned()
}

fn header_of(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

#[tokio::test]
async fn a_restart_keeps_the_key() {
    let state = TempDir::new().unwrap();
    let first = started(&state.path().join("made/on/demand")).await;
    let token = first
        .user_token(V2, &ANALYST, &MCP_CLIENT, "api://onedoor/.default")
        .await;
    let again = started(&state.path().join("made/on/demand")).await;
    let other = started(&state.path().join("other")).await;
    assert_eq!(again.keys(V2).await, first.keys(V1).await);
    let keys = again.keys(V2).await;
    assert!(keys.find(header_of(&token)["kid"].as_str().unwrap()).is_some());
    assert_ne!(other.keys(V2).await, keys, "every installation has its own key");

    let file = state.path().join("made/on/demand/idp-signing-key.pem");
    assert_eq!(
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_broken_key_file_is_an_error_not_a_new_key() {
    let state = TempDir::new().unwrap();
    std::fs::write(state.path().join("idp-signing-key.pem"), "no key").unwrap();
    let config = IdpConfig::new("http://127.0.0.1:1".parse().unwrap(), state.path().to_owned());
    assert!(matches!(
        Idp::new(config),
        Err(IdpError::Key(KeyError::Invalid { .. }))
    ));
}

#[test]
fn it_does_not_start_for_the_world() {
    let state = TempDir::new().unwrap();
    let config = IdpConfig::new("http://idp.example.com".parse().unwrap(), state.path().to_owned());
    assert!(matches!(Idp::new(config), Err(IdpError::NotLoopback(_))));
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_published_key_says_what_entras_says() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let uri = served.idp.endpoints().jwks_uri(V2);
    let keys: Value = crate::http().get(uri).send().await.unwrap().json().await.unwrap();
    let [key] = keys["keys"].as_array().unwrap().as_slice() else {
        panic!("one key")
    };
    let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        ["e", "kid", "kty", "n", "use"],
        "no private part, no alg"
    );
    assert_eq!(
        (&key["kty"], &key["use"], &key["e"]),
        (&json!("RSA"), &json!("sig"), &json!("AQAB"))
    );
    assert_eq!(
        URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap().len(),
        256
    );
}

#[tokio::test]
async fn discovery_leads_to_issuer_and_keys() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let endpoints = served.idp.endpoints();
    for (version, url) in [
        (V1, endpoints.openid_configuration(V1)),
        (V2, endpoints.openid_configuration(V2)),
        (
            V1,
            format!("{}.well-known/openid-configuration", endpoints.issuer(V1)),
        ),
        (
            V2,
            format!("{}/.well-known/openid-configuration", endpoints.issuer(V2)),
        ),
    ] {
        let document: Value = crate::http().get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(document["issuer"], endpoints.issuer(version));
        assert_eq!(document["token_endpoint"], endpoints.token_endpoint(version));
        let keys = crate::http()
            .get(document["jwks_uri"].as_str().unwrap())
            .send()
            .await
            .unwrap();
        assert_eq!(keys.json::<JwkSet>().await.unwrap(), served.keys(version).await);
    }
}

#[tokio::test]
async fn a_refusal_looks_like_entras() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let client_id = MCP_CLIENT.client_id.to_string();
    let scope = ("scope", "api://onedoor/.default");
    for (form, status, error, code) in [
        (
            vec![("username", "eve"), ("client_id", &client_id), scope],
            400,
            "invalid_grant",
            50034,
        ),
        (
            vec![("username", "analyst"), ("client_id", "nobody"), scope],
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            vec![
                ("username", "analyst"),
                ("client_id", &client_id),
                ("scope", "nonsense"),
            ],
            400,
            "invalid_scope",
            70011,
        ),
        (
            vec![
                ("username", "analyst"),
                ("client_id", &client_id),
                ("client_secret", "x"),
                scope,
            ],
            401,
            "invalid_client",
            700_025,
        ),
    ] {
        let form: Vec<_> = [("grant_type", "password")].into_iter().chain(form).collect();
        let response = served.post(V2, &form).await;
        assert_eq!(response.status(), status, "{form:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            (&body["error"], &body["error_codes"]),
            (&json!(error), &json!([code])),
            "{body}"
        );
        let description = body["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{code}: ")),
            "{description}"
        );
        for id in ["trace_id", "correlation_id", "timestamp"] {
            assert!(
                description.contains(body[id].as_str().unwrap()),
                "{id} in {description}"
            );
        }
    }
}

#[tokio::test]
async fn another_tenant_is_not_found() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let correlation = "11111111-2222-4333-8444-555555555555";
    for path in [
        "common/discovery/v2.0/keys",
        "common/v2.0/.well-known/openid-configuration",
    ] {
        let request = crate::http().get(served.base.join(path).unwrap());
        let response = request
            .header("client-request-id", correlation)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error_codes"], json!([90002]));
        assert_eq!(body["correlation_id"], correlation);
    }
}

#[tokio::test]
async fn a_rebound_host_name_gets_nothing() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let client_id = MCP_CLIENT.client_id.to_string();
    let form = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("client_id", &client_id),
        ("scope", "api://onedoor-admin/.default"),
    ];
    let endpoint = served.idp.endpoints().token_endpoint(V2);
    for (host, status) in [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1:1", 200),
        ("localhost", 200),
    ] {
        let request = crate::http().post(&endpoint).form(&form).header("host", host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn the_front_page_shows_a_command_that_works() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let page = crate::http()
        .get(served.base.clone())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let command = page.split_once("curl ").unwrap().1.replace('\\', "");
    let words: Vec<&str> = command.split_whitespace().collect();
    let (url, options) = words.split_last().unwrap();
    let form: Vec<_> = options
        .iter()
        .filter_map(|option| option.split_once('='))
        .collect();
    assert_eq!(
        options.len(),
        2 * form.len(),
        "all options are -d name=value: {command}"
    );
    let answer = crate::http().post(*url).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    served
        .verified(&access_token(&answer), V2, &DATA_API.app_id.to_string())
        .await;
}

#[tokio::test]
async fn the_lifetime_is_settable() {
    let state = TempDir::new().unwrap();
    let mut config = IdpConfig::new("http://127.0.0.1:1".parse().unwrap(), state.path().to_owned());
    config.token_lifetime = SignedDuration::from_secs(1);
    let base = crate::serve(Idp::new(config.clone()).unwrap().router()).await;
    let client = MCP_CLIENT.client_id.to_string();
    let form = [
        ("grant_type", "password"),
        ("username", ADMIN.username),
        ("client_id", &client),
        ("scope", "api://onedoor/.default"),
    ];
    let endpoint = base.join(&format!("{TENANT_ID}/oauth2/v2.0/token")).unwrap();
    let answer = crate::http().post(endpoint).form(&form).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["expires_in"], 1);
}
