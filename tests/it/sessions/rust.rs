//! The Rust SDK's client, with its default lifecycle, through the door.

use onedoor_tests::{dev::Dev, manifest::tool, session_servers::SessionServer, wait};
use rmcp::{
    model::{CallToolRequest, ClientRequest, ProtocolVersion},
    service::{PeerRequestOptions, ServiceError},
};
use serde_json::{Value, json};

use super::{
    all, door,
    host::{Client, Heard, Host, call, called, text},
};

const VERSIONS: [ProtocolVersion; 3] = [
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
];

async fn names(client: &Client) -> Vec<String> {
    let tools = client.list_all_tools().await.unwrap();
    tools.into_iter().map(|tool| tool.name.into_owned()).collect()
}

/// Code, and message and data without what differs by name and call.
fn told(error: ServiceError, name: &str) -> (i32, String) {
    let ServiceError::McpError(error) = error else {
        panic!("{error}")
    };
    let mut data = error.data.unwrap();
    data["callId"] = Value::Null;
    (
        error.code.0,
        format!("{} {data}", error.message.replace(name, "NAME")),
    )
}

#[tokio::test]
async fn it_speaks_each_revision() {
    let dev = Dev::start().await;
    for version in VERSIONS {
        for (url, prefix) in [(dev.endpoint("finance"), ""), (all(&dev), "finance__")] {
            let host = Host::new(version.clone());
            let client = host.clone().connect(&dev, &url).await;
            assert_eq!(client.peer_info().unwrap().protocol_version, version);
            let name = |tool: &str| format!("{prefix}{tool}");
            assert!(names(&client).await.contains(&name("get_balance")));

            let reserve = json!({ "account": "reserve" });
            let balance = called(&client, &name("get_balance"), reserve).await.unwrap();
            assert_eq!(balance.structured_content.unwrap()["balanceCents"], 500_000_000);
            let entries = json!({ "entries": 3, "pauseMs": 1 });
            called(&client, &name("reconcile_ledger"), entries).await.unwrap();
            host.hears(3, |heard| matches!(heard, Heard::Progress(_))).await;
            let payment = json!({ "payee": "Eve", "amountCents": 1, "currency": "EUR" });
            let payment = called(&client, &name("post_payment"), payment).await.unwrap();
            assert_eq!(payment.is_error, Some(true));
            // A tool that may not be known is one that is not there, word for word.
            let [hidden, missing] = match prefix {
                "" => ["find_employee", "nothing"],
                _ => ["hr__find_employee", "finance__nothing"],
            };
            let tell = async |name: &str| told(called(&client, name, json!({})).await.unwrap_err(), name);
            let (hidden, missing) = (tell(hidden).await, tell(missing).await);
            assert_eq!((hidden.0, &hidden), (-32602, &missing));
            client.cancel().await.unwrap();
        }
    }
}

/// What it asks on the stream of a call, on its own stream, and what it says there.
#[tokio::test]
async fn the_reference_server_asks_it_and_tells_it() {
    let mut server = SessionServer::everything().await;
    // Those it has only for clients that can answer.
    let asking = [
        "trigger-elicitation-request",
        "trigger-sampling-request",
        "get-roots-list",
    ];
    server.manifest.tools.extend(asking.map(tool));
    let dev = door(&server.manifest).await;
    let host = Host::new(ProtocolVersion::V_2025_11_25);
    let client = host.clone().connect(&dev, &dev.endpoint("everything")).await;
    let sampling = json!({ "prompt": "x", "maxTokens": 5 });
    let elicited = text(called(&client, asking[0], json!({})).await);
    assert!(
        elicited.contains("provided the requested information"),
        "{elicited}"
    );
    let sampled = text(called(&client, asking[1], sampling.clone()).await);
    assert!(sampled.contains("short"), "{sampled}");
    // It asks for roots by itself once the session is there, and says that it got them: both on its own stream.
    host.hears(
        1,
        |heard| matches!(heard, Heard::Log(data) if data.to_string().contains("Roots updated: 1")),
    )
    .await;
    let roots = text(called(&client, asking[2], json!({})).await);
    assert!(roots.contains("file:///work"), "{roots}");
    client.cancel().await.unwrap();

    // In a session with all servers it asks on the stream of a call.
    let client = Host::new(ProtocolVersion::V_2025_11_25)
        .connect(&dev, &all(&dev))
        .await;
    let elicited = text(called(&client, "everything__trigger-elicitation-request", json!({})).await);
    assert!(
        elicited.contains("provided the requested information"),
        "{elicited}"
    );
    let sampled = text(called(&client, "everything__trigger-sampling-request", sampling).await);
    assert!(sampled.contains("short"), "{sampled}");
    client.cancel().await.unwrap();
    let calls = dev.settled_calls(5).await;
    assert!(
        calls.iter().all(|call| call["outcome"] == "succeeded"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn its_cancellation_reaches_the_tool() {
    let dev = Dev::start().await;
    for (url, tool) in [
        (dev.endpoint("finance"), "reconcile_ledger"),
        (all(&dev), "finance__reconcile_ledger"),
    ] {
        let host = Host::new(ProtocolVersion::V_2025_11_25);
        let client = host.clone().connect(&dev, &url).await;
        let request = CallToolRequest::new(call(tool, &json!({ "entries": 500, "pauseMs": 20 })));
        let request = client
            .send_cancellable_request(
                ClientRequest::CallToolRequest(request),
                PeerRequestOptions::no_options(),
            )
            .await
            .unwrap();
        host.hears(1, |heard| matches!(heard, Heard::Progress(_))).await;
        request.cancel(Some("enough".to_owned())).await.unwrap();
        let health = dev.places.finance_url.replace("/mcp", "/healthz");
        wait::until("a tool that was told", async || {
            let health: Value = dev.http.get(&health).send().await.unwrap().json().await.unwrap();
            (health["longRunning"]["running"] == 0).then_some(())
        })
        .await;
        client.cancel().await.unwrap();
    }
    let calls = dev.settled_calls(2).await;
    assert!(
        calls
            .iter()
            .all(|call| call["outcome"] == "cancelled" && call["cause"] == "client"),
        "{calls:?}"
    );
}
