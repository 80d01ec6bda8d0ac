//! Who is let in: only a good Token B of this gateway for this server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use onedoor_demo::finance;
use onedoor_demo::server::DemoServerConfig;
use reqwest::Response;
use serde_json::{Value, json};
use url::Url;

use crate::gateway::{Gateway, claims, jwks_url, now};
use crate::mcp::Client;

async fn listed_with(url: &Url, token: &str) -> Response {
    let client = Client {
        url: url.clone(),
        token: token.to_owned(),
    };
    client
        .modern("tools/list", json!({}), json!({}))
        .send()
        .await
        .unwrap()
}

fn good() -> Value {
    claims(finance::AUDIENCE, finance::REQUIRED_SCOPE)
}

fn changed(claim: &str, value: Value) -> Value {
    let mut claims = good();
    claims[claim] = value;
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

#[tokio::test]
async fn without_a_token_nothing_is_served_but_health() {
    let url = crate::serve(finance::router(Gateway::new().config().await)).await;
    let client = crate::http();
    for request in [
        client.post(url.join("/mcp").unwrap()).body("{}"),
        client.get(url.join("/mcp").unwrap()),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.headers()["www-authenticate"],
            "Bearer",
            "no error where no token was sent"
        );
    }
    let health = client.get(url.join("/healthz").unwrap()).send().await.unwrap();
    assert_eq!(health.json::<Value>().await.unwrap()["status"], "ok");
}

#[tokio::test]
async fn only_a_good_token_b_is_accepted() {
    let gateway = Gateway::new();
    let url = crate::serve(finance::router(gateway.config().await)).await;

    for (what, claims) in [
        ("as the gateway makes it", good()),
        (
            "several audiences, ours among them",
            changed("aud", json!(["api://hr", "api://finance"])),
        ),
        (
            "several scopes, ours among them",
            changed("scope", json!("openid finance.read")),
        ),
        ("no names for people", without("name")),
    ] {
        assert_eq!(
            listed_with(&url, &gateway.sign(&claims)).await.status(),
            200,
            "{what}"
        );
    }

    for (what, claims) in [
        ("another server's audience", changed("aud", json!("api://hr"))),
        ("no audience", without("aud")),
        ("another issuer", changed("iss", json!("http://evil.test"))),
        ("no issuer", without("iss")),
        ("expired", changed("exp", json!(now() - 60))),
        ("no expiry", without("exp")),
        ("not yet valid", changed("nbf", json!(now() + 60))),
        ("no subject", without("sub")),
        ("no scope claim", without("scope")),
    ] {
        assert_invalid(&listed_with(&url, &gateway.sign(&claims)).await, what);
    }
}

#[tokio::test]
async fn only_the_gateways_key_and_algorithm_are_accepted() {
    let gateway = Gateway::new();
    let url = crate::serve(finance::router(gateway.config().await)).await;
    let stranger = Gateway::new();
    let header = gateway.header();
    let signed = |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &good(), key).unwrap();
    assert_eq!(
        listed_with(&url, &signed(&header, &gateway.key)).await.status(),
        200,
        "the control"
    );

    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let unsigned = format!(
        "{}.{}.",
        encode(json!({ "alg": "none", "kid": header.kid })),
        encode(good())
    );
    let hs256 = |secret: &[u8]| {
        signed(
            &Header {
                alg: Algorithm::HS256,
                ..header.clone()
            },
            &EncodingKey::from_secret(secret),
        )
    };
    let AlgorithmParameters::EllipticCurve(point) = &gateway.jwk.algorithm else {
        panic!("an EC key")
    };
    let raw_point = [point.x.as_str(), point.y.as_str()].map(|half| URL_SAFE_NO_PAD.decode(half).unwrap());
    let good_token = gateway.sign(&good());
    let (head, signature) = good_token.rsplit_once('.').unwrap();

    for (what, token) in [
        ("no signature", unsigned),
        (
            "HS256 with the public point",
            hs256(&[&[4][..], &raw_point.concat()].concat()),
        ),
        (
            "HS256 with the public key as JSON",
            hs256(&serde_json::to_vec(&gateway.jwk).unwrap()),
        ),
        (
            "another key under the gateway's id",
            signed(&header, &stranger.key),
        ),
        ("another key under its own id", stranger.sign(&good())),
        (
            "no key id",
            signed(
                &Header {
                    kid: None,
                    ..header.clone()
                },
                &gateway.key,
            ),
        ),
        ("another claim set under the signature", {
            let (header, _) = head.split_once('.').unwrap();
            format!("{header}.{}.{signature}", encode(changed("sub", json!("admin"))))
        }),
        ("cut off", head.to_owned()),
        ("no JWT", "letmein".to_owned()),
    ] {
        assert_invalid(&listed_with(&url, &token).await, what);
    }
}

#[tokio::test]
async fn a_weaker_token_is_forbidden_and_told_what_it_lacks() {
    let gateway = Gateway::new();
    let url = crate::serve(finance::router(gateway.config().await)).await;
    for scope in ["", "finance", "finance.read2", "hr.read"] {
        let response = listed_with(&url, &gateway.sign(&changed("scope", json!(scope)))).await;
        assert_eq!(response.status(), 403, "{scope}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(
            challenge,
            r#"Bearer error="insufficient_scope", scope="finance.read""#
        );
    }
}

#[tokio::test]
async fn the_gateway_may_start_later() {
    // Bound and not listening: connections are refused, and nobody else gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let gateway = Gateway::new();
    let jwks = jwks_url(&format!("http://{address}").parse().unwrap());
    let url = crate::serve(finance::router(DemoServerConfig::new(
        crate::gateway::ISSUER,
        jwks,
    )))
    .await;
    let token = gateway.sign(&good());

    assert_eq!(listed_with(&url, &token).await.status(), 503);
    let listener = socket.listen(16).unwrap();
    tokio::spawn(async move { axum::serve(listener, gateway.router()).await });
    crate::until("the server fetches the keys", async || {
        listed_with(&url, &token).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn browsers_and_rebound_names_are_refused() {
    let gateway = Gateway::new();
    let url = crate::serve(finance::router(gateway.config().await)).await;
    let client = Client {
        url,
        token: gateway.sign(&good()),
    };
    for (name, value) in [("host", "evil.example"), ("origin", "http://evil.example")] {
        let request = client
            .modern("tools/list", json!({}), json!({}))
            .header(name, value);
        assert_eq!(request.send().await.unwrap().status(), 403, "{name}");
    }
}

fn assert_invalid(response: &Response, what: &str) {
    assert_eq!(response.status(), 401, "{what}");
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with(r#"Bearer error="invalid_token""#),
        "{what}: {challenge}"
    );
}
