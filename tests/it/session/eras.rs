//! Clients and servers of different eras meet.

use onedoor_tests::{
    dev::Dev, ledger::Ledger, manifest::Manifest, mcp::Mcp, sdk::Sdk, session::Session, upstream::Upstream,
};
use serde_json::{Value, json};

use super::door;

/// A manifest that says which revisions its server speaks.
fn speaking(manifest: &Manifest, revisions: &[&str]) -> Value {
    let mut document: Value = serde_json::from_str(&manifest.to_string()).unwrap();
    document["_meta"]["dev.onedoor/server"]["protocolVersions"] = json!(revisions);
    document
}

/// Clients of both eras ask first, and then fall back.
#[tokio::test]
async fn clients_of_both_eras_fall_back_to_a_session() {
    let (dev, upstream, _grant) = door().await;
    let discovered = dev
        .mcp("edge", "analyst")
        .await
        .request("server/discover", json!({}))
        .await;
    assert_eq!(
        (discovered.status, discovered.error().1.as_str()),
        (400, "era_not_supported")
    );
    let token = dev.token("analyst").await;
    for sdk in [Sdk::Python, Sdk::TypeScript] {
        let answers = sdk
            .run(&json!({
                "url": dev.endpoint("edge"),
                "token": token.expose(),
                "steps": [{ "op": "list" }, { "op": "call", "tool": "echo", "arguments": { "text": "hi" } }],
            }))
            .await;
        assert_eq!(answers[0]["protocolVersion"], "2025-11-25", "{sdk:?}");
        assert_eq!(answers[2]["result"]["content"][0]["text"], r#"{"text":"hi"}"#);
    }
    // Who insists is told why not.
    let call = dev.mcp("edge", "analyst").await.call("echo", json!({})).await;
    assert_eq!((call.status, call.error().1.as_str()), (200, "era_not_supported"));
    assert_eq!(
        call.last()["error"]["data"]["supported"],
        json!(["2025-11-25", "2025-06-18", "2025-03-26"])
    );
    // The server was asked what it speaks once.
    assert_eq!(upstream.messages(Some("server/discover")).len(), 1);
}

#[tokio::test]
async fn a_client_with_sessions_is_told_that_its_server_has_none() {
    let (dev, upstream) = tokio::join!(Dev::start(), Upstream::start());
    let admin = dev.admin("admin").await;
    let manifest = speaking(&upstream.manifest("edge"), &["2026-07-28"]);
    admin.post("/servers", manifest).await.expect(201);
    admin.act("edge", "approve").await.expect(200);
    admin.act("edge", "promote").await.expect(200);
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    let nobody = Session::at(&dev.http, &dev.endpoint("edge"), Some(dev.token("analyst").await));
    let answer = nobody.initialize("2025-11-25", json!({})).await;
    assert_eq!(
        (answer.status, answer.error().1.as_str()),
        (200, "era_not_supported")
    );
    assert_eq!(answer.last()["error"]["data"]["supported"], json!(["2026-07-28"]));
    assert!(!answer.headers.contains_key("mcp-session-id"));
    assert!(upstream.requests().is_empty());
    assert!(
        dev.mcp("edge", "analyst")
            .await
            .call("echo", json!({}))
            .await
            .is_answered()
    );
}

#[tokio::test]
async fn a_server_of_both_eras_serves_both() {
    let dev = Dev::start().await;
    let ledger = Ledger::start(&dev.places.data_url).await;
    let admin = dev.admin("admin").await;
    admin.open(&ledger.manifest).await;
    admin.grant(&dev.analysts(), "ledger", None, "production").await;
    let session = Session::open(&dev, "ledger", "analyst").await;
    let echo = json!({ "text": "hi" });
    assert_eq!(
        session.call("echo", echo.clone()).await.result()["content"][0]["text"],
        "hi"
    );
    let mcp: Mcp = dev.mcp("ledger", "analyst").await;
    assert_eq!(mcp.call("echo", echo).await.result()["resultType"], "complete");
    assert_eq!(
        mcp.request("server/discover", json!({})).await.result()["supportedVersions"],
        json!(["2026-07-28"])
    );
}
