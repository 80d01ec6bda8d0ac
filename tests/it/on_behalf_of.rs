//! Token B exchanged at the identity provider, on behalf of the caller: what reaches the tool, the client and the record.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use onedoor_tests::{admin::Holder, dev::Dev, mcp::Answer, token::Token, upstream::Upstream};
use serde_json::{Value, json};

/// The gateway's app at the development identity provider, and its secret there.
const CLIENT: &str = "0d5a9b3e-7f41-4c68-a2e9-d6b8301c5f74";
const SECRET: &str = "demo-gateway-secret";

/// A door whose upstream `edge` is the tool of the identity provider's API `api://finance`, with this client secret.
async fn door(secret: &str) -> (Dev, Upstream) {
    let (dev, upstream) = tokio::join!(Dev::start(), Upstream::start());
    let admin = dev.admin("admin").await;
    let file = dev.folder().join("client-secret");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let client = json!({
        "tokenEndpoint": dev.places.token_url.replace(&dev.places.tenant, "{tenantid}"),
        "client": CLIENT,
        "credential": { "secret": format!("file:{}", file.display()) },
    });
    admin
        .change_issuer(&dev.places.issuer, |issuer| issuer["onBehalfOf"] = client)
        .await;
    let mut manifest = upstream.manifest("edge");
    "entra-obo".clone_into(&mut manifest.strategy);
    "api://finance".clone_into(&mut manifest.audience);
    "finance.read".clone_into(&mut manifest.required_scope);
    admin.open(&manifest).await;
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    (dev, upstream)
}

/// How the record says that the last call ended.
async fn recorded(dev: &Dev, calls: usize) -> (String, Option<String>) {
    let row = dev.settled_calls(calls).await.pop().unwrap();
    let text = |member: &str| row[member].as_str().map(str::to_owned);
    (text("outcome").unwrap(), text("cause"))
}

fn not_dispatched(cause: &str) -> (String, Option<String>) {
    ("not_dispatched".to_owned(), Some(cause.to_owned()))
}

#[tokio::test]
async fn the_tool_gets_a_token_of_the_identity_provider_for_itself() {
    let (dev, upstream) = door(SECRET).await;
    let token_a = dev.token("analyst").await;
    let edge = dev.mcp_with("edge", &token_a);
    for _ in 0..2 {
        assert!(edge.call("echo", json!({})).await.is_answered());
    }
    let requests = upstream.requests();
    let tokens: Vec<_> = requests
        .iter()
        .map(|request| {
            request
                .header("authorization")
                .unwrap()
                .strip_prefix("Bearer ")
                .unwrap()
        })
        .collect();
    assert_eq!(tokens[0], tokens[1], "exchanged once");
    let (claims, caller) = (Token::new(tokens[0]).claims(), token_a.claims());
    assert_eq!(claims["aud"], "api://finance");
    assert_eq!(claims["scp"], "finance.read");
    assert_eq!((&claims["oid"], &claims["tid"]), (&caller["oid"], &caller["tid"]));
    assert_eq!(claims["appid"], CLIENT);
    assert_eq!(recorded(&dev, 2).await.0, "succeeded");
}

#[tokio::test]
async fn what_the_identity_provider_wants_of_the_user_reaches_the_client() {
    let (dev, upstream) = door(SECRET).await;
    let call = async |user: &str| -> Answer { dev.mcp("edge", user).await.call("echo", json!({})).await };

    let consent = call("oscar").await;
    assert_eq!(
        (consent.status, consent.error()),
        (200, (4006, "consent_required".to_owned()))
    );
    assert_eq!(recorded(&dev, 1).await, not_dispatched("consent_required"));

    let factor = call("mia").await;
    assert_eq!(
        (factor.status, factor.error()),
        (401, (4007, "interaction_required".to_owned()))
    );
    let challenge = factor.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"insufficient_claims\""));
    let claims = challenge
        .split_once("claims=\"")
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0;
    let claims: Value = serde_json::from_slice(&STANDARD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["access_token"]["polids"]["essential"], true);
    assert_eq!(recorded(&dev, 2).await, not_dispatched("interaction_required"));

    assert!(upstream.requests().is_empty(), "nothing reached the tool");
}

#[tokio::test]
async fn an_operators_mistake_and_a_caller_without_a_user_get_no_token() {
    let (dev, upstream) = door("wrong").await;
    let refused = (200, (5005, "no_token_b".to_owned()));
    let user = dev.mcp("edge", "analyst").await.call("echo", json!({})).await;
    assert_eq!((user.status, user.error()), refused);
    assert_eq!(recorded(&dev, 1).await, not_dispatched("exchange_refused"));
    let log = String::from_utf8(dev.output()).unwrap();
    assert!(log.contains("AADSTS7000215") && !log.contains("demo-gateway-secret"));

    let batch = Holder {
        kind: "role",
        name: "Finance.Batch".to_owned(),
        ..dev.analysts()
    };
    dev.admin("admin")
        .await
        .grant(&batch, "edge", None, "production")
        .await;
    let app = dev
        .mcp_with("edge", &app_token(&dev).await)
        .call("echo", json!({}))
        .await;
    assert_eq!((app.status, app.error()), refused);
    assert_eq!(recorded(&dev, 2).await, not_dispatched("no_token_b"));
    assert!(upstream.requests().is_empty());
}

/// A token of the demonstration's nightly job, with nobody behind it.
async fn app_token(dev: &Dev) -> Token {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "a4f18b73-0e5c-4d92-87b6-2c9d5e6f01a8"),
        ("client_secret", "demo-batch-secret"),
        ("scope", "api://onedoor/.default"),
    ];
    let answer = dev
        .http
        .post(&dev.places.token_url)
        .form(&form)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    Token::new(answer["access_token"].as_str().unwrap())
}
