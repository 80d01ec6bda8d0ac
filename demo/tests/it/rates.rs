//! The plain HTTP service.

use onedoor_demo::{manifests, rates};
use serde_json::{Value, json};
use url::Url;

use crate::gateway::{Gateway, claims};

/// The service's base URL, and a Token B for it.
async fn service() -> (Url, String) {
    let gateway = Gateway::new();
    let origin = crate::serve(rates::router(gateway.config().await)).await;
    let token = gateway.sign(&claims(rates::AUDIENCE, rates::REQUIRED_SCOPE));
    (origin.join(rates::BASE_PATH).unwrap(), token)
}

#[tokio::test]
async fn rates_are_told_to_whom_token_b_names() {
    let (base, token) = service().await;
    let get = |path: &str| crate::http().get(format!("{base}{path}"));
    let answer = get("/latest/EUR").bearer_auth(&token).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        (&answer["base"], &answer["rates"]["USD"]),
        (&json!("EUR"), &json!(1.085))
    );
    assert_eq!(answer["actedFor"]["name"], "Ana Lyst");
    let unknown = get("/latest/XXX").bearer_auth(&token).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert_eq!(get("/latest/EUR").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn quotes_come_as_they_are_made() {
    let (base, token) = service().await;
    let quotes = |query: &str| {
        crate::http()
            .get(format!("{base}/quotes?{query}"))
            .bearer_auth(&token)
    };
    let text = quotes("quotes=3&pauseMs=1")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let quotes_read: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<_> = quotes_read
        .iter()
        .map(|quote| quote["quote"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    for query in ["quotes=0", "quotes=1001", "quotes=x", "other=1"] {
        assert_eq!(quotes(query).send().await.unwrap().status(), 400, "{query}");
    }
    // The first is there though the last never comes.
    let mut endless = quotes("quotes=1000&pauseMs=1000").send().await.unwrap();
    assert!(endless.chunk().await.unwrap().unwrap().starts_with(b"{\"pair\""));
}

#[tokio::test]
async fn its_manifest_names_routes_that_it_has() {
    let (base, token) = service().await;
    let manifest: Value = serde_json::from_str(&manifests::rates(&base)).unwrap();
    assert!(manifest["remotes"].is_null());
    let onedoor = &manifest["_meta"]["dev.onedoor/server"];
    assert_eq!(onedoor["http"]["url"], base.as_str());
    for tool in onedoor["tools"].as_array().unwrap() {
        let route = |member: &str| tool["http"][member].as_str().unwrap();
        let path = route("path").replace("{currency}", "EUR");
        let answer = crate::http()
            .request(route("method").parse().unwrap(), format!("{base}{path}"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{tool}");
    }
}
