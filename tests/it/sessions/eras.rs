//! Eras meet at `/mcp`, and clients that speak both find out.

use onedoor_tests::{
    dev::Dev, mcp::Mcp, sdk::Sdk, session::Session, session_servers::SessionServer,
    session_upstream::SessionUpstream, upstream::Upstream,
};
use rmcp::{ClientServiceExt as _, model::ProtocolVersion, service::ClientLifecycleMode};
use serde_json::{Value, json};

use super::{
    all, door,
    host::{Host, called, text, transport},
};

const SESSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/// The revisions that a refusal of another era names.
#[track_caller]
fn supported(message: &Value) -> Value {
    let data = &message["error"]["data"];
    assert_eq!(data["reason"], "era_not_supported", "{message}");
    data["supported"].clone()
}

#[tokio::test]
async fn a_session_with_all_servers_has_none_with_one_that_has_no_sessions() {
    let upstream = Upstream::start().await;
    let dev = door(&upstream.manifest("edge")).await;
    let nobody = Session::at(&dev.http, &all(&dev), Some(dev.token("analyst").await));
    let session = nobody.begun(json!({})).await;
    let refused = session.call("edge__echo", json!({})).await;
    assert_eq!(refused.status, 200);
    assert_eq!(supported(refused.last()), json!(["2026-07-28"]));
    assert!(upstream.requests().is_empty());
    // The others are as good as before.
    let balance = session
        .call("finance__get_balance", json!({ "account": "reserve" }))
        .await;
    assert_eq!(balance.result()["structuredContent"]["balanceCents"], 500_000_000);
}

#[tokio::test]
async fn a_client_without_sessions_is_told_of_a_server_that_has_nothing_else() {
    let upstream = SessionUpstream::start().await;
    let mut manifest = upstream.manifest("edge");
    manifest.protocol_versions = Some(SESSIONS.map(str::to_owned).to_vec());
    let dev = door(&manifest).await;
    let mcp = Mcp::new(&dev.http, &all(&dev), &dev.token("analyst").await);
    let refused = mcp.call("edge__echo", json!({})).await;
    assert_eq!(refused.status, 200);
    assert_eq!(supported(refused.last()), json!(SESSIONS));
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn clients_of_both_eras_find_sessions_by_themselves() {
    let server = SessionServer::everything().await;
    let dev = door(&server.manifest).await;
    let url = dev.endpoint("everything");
    let token = dev.token("analyst").await;
    for sdk in [Sdk::Python, Sdk::TypeScript] {
        let answers = sdk
            .run(&json!({
                "url": url,
                "token": token.expose(),
                "steps": [
                    { "op": "call", "tool": "echo", "arguments": { "message": "hi" } },
                    { "op": "call", "tool": "trigger-long-running-operation",
                      "arguments": { "duration": 0.1, "steps": 2 }, "progress": true },
                ],
            }))
            .await;
        assert_eq!(answers[0]["protocolVersion"], "2025-11-25", "{sdk:?}");
        assert_eq!(answers[1]["result"]["content"][0]["text"], "Echo: hi");
        assert_eq!(answers[2]["progress"].as_array().unwrap().len(), 2, "{sdk:?}");
    }
    let mode = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    let client = Host::new(ProtocolVersion::V_2025_11_25)
        .serve_with_lifecycle(transport(&dev, &url).await, mode)
        .await
        .unwrap();
    assert_eq!(
        client.peer_info().unwrap().protocol_version,
        ProtocolVersion::V_2025_11_25
    );
    let echo = called(&client, "echo", json!({ "message": "hi" })).await;
    assert_eq!(text(echo), "Echo: hi");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn they_have_none_where_they_need_none() {
    let dev = Dev::start().await;
    let token = dev.token("analyst").await;
    for url in [dev.endpoint("finance"), all(&dev)] {
        for sdk in [Sdk::Python, Sdk::TypeScript] {
            let script = json!({ "url": url, "token": token.expose(), "steps": [{ "op": "list" }] });
            assert_eq!(
                sdk.run(&script).await[0]["protocolVersion"],
                "2026-07-28",
                "{sdk:?}"
            );
        }
    }
}

/// A server whose manifest does not say what it speaks is asked once it fails: the next call is not sent.
#[tokio::test]
async fn a_server_that_does_not_say_is_found_out() {
    let (reference, python) = tokio::join!(SessionServer::everything(), SessionServer::interview());
    for server in [reference, python] {
        let dev = door(&server.manifest).await;
        let mcp = Mcp::new(&dev.http, &all(&dev), &dev.token("analyst").await);
        let name = server.manifest.tools[0]["name"].as_str().unwrap();
        let tool = format!("{}__{name}", server.manifest.slug);
        for _ in 0..2 {
            let refused = mcp.call(&tool, json!({})).await;
            assert_eq!(supported(refused.last()), json!(SESSIONS));
        }
        let calls = dev.settled_calls(1).await;
        assert_eq!((calls.len(), &calls[0]["outcome"]), (1, &json!("upstream_error")));
    }
}
