//! Connections that break in the middle of a call.

use onedoor_tests::{cut::Cut, dev::Dev, sdk::Sdk, session_servers::SessionServer};
use rmcp::model::ProtocolVersion;
use serde_json::json;

use super::{
    all, door,
    host::{Heard, Host, called, text},
};

async fn resumable() -> (SessionServer, Dev) {
    let server = SessionServer::resumable().await;
    let dev = door(&server.manifest).await;
    (server, dev)
}

async fn succeeded(dev: &Dev, number: usize) {
    let calls = dev.settled_calls(number).await;
    assert!(
        calls.iter().all(|call| call["outcome"] == "succeeded"),
        "{calls:?}"
    );
}

/// The server says `before` on the stream, which breaks off with it.
async fn comes_back(sdk: Sdk) {
    let (_server, dev) = resumable().await;
    let token = dev.token("analyst").await;
    for (direct, tool) in [
        (dev.endpoint("resumable"), "outlast"),
        (all(&dev), "resumable__outlast"),
    ] {
        let cut = Cut::start(dev.data_address(), "\"before\"").await;
        let answers = sdk
            .run(&json!({
                "url": cut.url(&direct),
                "token": token.expose(),
                "steps": [{ "op": "call", "tool": tool }],
            }))
            .await;
        assert!(cut.happened());
        assert_eq!(
            answers[1]["result"]["content"][0]["text"], "outlasted",
            "{answers:?}"
        );
        assert_eq!(answers[1]["logs"], json!(["before", "after"]), "{answers:?}");
    }
    succeeded(&dev, 2).await;
}

#[tokio::test]
async fn the_python_client_comes_back_for_the_rest() {
    comes_back(Sdk::Python1).await;
}

#[tokio::test]
async fn the_typescript_client_comes_back_for_the_rest() {
    comes_back(Sdk::TypeScript1).await;
}

#[tokio::test]
async fn the_rust_client_comes_back_for_the_rest() {
    let (_server, dev) = resumable().await;
    let cut = Cut::start(dev.data_address(), "\"before\"").await;
    let host = Host::new(ProtocolVersion::V_2025_11_25);
    let client = host
        .clone()
        .connect(&dev, &cut.url(&dev.endpoint("resumable")))
        .await;
    let answer = text(called(&client, "outlast", json!({})).await);
    assert!(cut.happened());
    assert_eq!(answer, "outlasted");
    for word in ["before", "after"] {
        host.hears(1, |heard| *heard == Heard::Log(json!(word))).await;
    }
    client.cancel().await.unwrap();
    succeeded(&dev, 1).await;
}
