//! The Rust SDK's client through the door.

use onedoor_tests::dev::Dev;
use rmcp::{
    ClientServiceExt as _, RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, RunningService},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::json;

type Client = RunningService<RoleClient, ()>;

async fn transport(dev: &Dev, url: &str) -> StreamableHttpClientTransport<reqwest::Client> {
    let token = dev.token("analyst").await;
    let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token.expose());
    StreamableHttpClientTransport::with_client(dev.http.clone(), config)
}

async fn lists_and_calls(client: Client, tool: &str) {
    let names: Vec<String> = client
        .list_all_tools()
        .await
        .unwrap()
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    assert!(names.iter().any(|name| name == tool), "{names:?}");
    let arguments = json!({ "account": "reserve" }).as_object().unwrap().clone();
    let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let result = client.call_tool(call).await.unwrap();
    assert_eq!(result.structured_content.unwrap()["balanceCents"], 500_000_000);
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn it_discovers_and_calls_without_a_session() {
    let dev = Dev::start().await;
    for (url, tool) in [
        (dev.endpoint("finance"), "get_balance"),
        (format!("{}/mcp", dev.places.data_url), "finance__get_balance"),
    ] {
        let mode = ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        };
        let client = ().serve_with_lifecycle(transport(&dev, &url).await, mode).await.unwrap();
        lists_and_calls(client, tool).await;
    }
}

/// What this client does where it is told nothing else.
#[tokio::test]
async fn it_lists_and_calls_in_a_session() {
    let dev = Dev::start().await;
    for (url, tool) in [
        (dev.endpoint("finance"), "get_balance"),
        (format!("{}/mcp", dev.places.data_url), "finance__get_balance"),
    ] {
        let client = ().serve(transport(&dev, &url).await).await.unwrap();
        let begun = client.peer_info().unwrap();
        assert_eq!(begun.protocol_version, ProtocolVersion::V_2025_11_25);
        lists_and_calls(client, tool).await;
    }
}
