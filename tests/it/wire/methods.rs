//! Methods of MCP and HTTP, hosts and origins.

use onedoor_tests::mcp::Mcp;
use serde_json::json;

use super::Good;
use crate::door;

#[tokio::test]
async fn only_what_the_table_has_is_served() {
    let (dev, upstream) = door().await;
    let good = Good::new(&dev).await;
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
        "completion/complete",
        "subscriptions/listen",
        "tasks/get",
        "tasks/cancel",
        "roots/list",
        "sampling/createMessage",
        "elicitation/create",
        "tools/List",
        "tools/call ",
        "",
        "constructor",
    ] {
        let header = if method.is_empty() {
            "=?base64??="
        } else {
            method.trim()
        };
        let request = good
            .head(header, None)
            .body(Mcp::body(method, json!({})).to_string());
        let answer = good.send(&request).await;
        if method == method.trim() && !method.is_empty() {
            assert_eq!(
                (answer.status, answer.code()),
                (404, Some(-32601)),
                "{method}: {}",
                answer.body
            );
            assert!(answer.body.contains("\"id\":1"), "{method}: {}", answer.body);
        } else {
            assert!(matches!(answer.status, 400 | 404), "{method}: {}", answer.body);
        }
    }
    for (method, name) in [
        ("prompts/get", json!({ "name": "echo" })),
        ("resources/read", json!({ "uri": "echo" })),
    ] {
        let request = good
            .head(method, Some("echo"))
            .body(Mcp::body(method, name).to_string());
        assert_eq!(good.send(&request).await.status, 404, "{method}");
    }
    for method in [
        "notifications/cancelled",
        "notifications/initialized",
        "tools/call",
    ] {
        let mut notification = Mcp::body(method, json!({ "name": "echo", "arguments": {} }));
        notification.as_object_mut().unwrap().remove("id");
        if method != "tools/call" {
            notification["params"].as_object_mut().unwrap().remove("name");
        }
        let name = (method == "tools/call").then_some("echo");
        let answer = good
            .send(&good.head(method, name).body(notification.to_string()))
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{method}");
    }
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string();
    let answer = good.send(&good.head("tools/call", None).body(response)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, Some(-32600)),
        "{}",
        answer.body
    );
    assert_eq!(upstream.bytes().len(), 0);
}

#[tokio::test]
async fn hosts_origins_and_methods_are_checked_first() {
    let (dev, upstream) = door().await;
    let good = Good::new(&dev).await;
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"] {
        let mut request = good.call();
        request.start = format!("{method} /servers/edge/mcp");
        let answer = good.send(&request).await;
        assert_eq!(answer.status, 405, "{method}: {}", answer.head);
    }
    let own = format!("http://{}", good.address);
    for (name, request, status) in [
        (
            "another host",
            good.call().without("Host").with("Host", "evil.example"),
            421,
        ),
        (
            "another port",
            good.call().without("Host").with("Host", "127.0.0.1:1"),
            421,
        ),
        ("the host twice", good.call().with("Host", &good.address), 421),
        ("no host", good.call().without("Host"), 421),
        (
            "another origin",
            good.call().with("Origin", "https://evil.example"),
            403,
        ),
        ("no origin at all", good.call().with("Origin", "null"), 403),
        (
            "an origin that begins like ours",
            good.call().with("Origin", &format!("{own}.evil.example")),
            403,
        ),
        (
            "one good origin, one bad",
            good.call()
                .with("Origin", &own)
                .with("Origin", "https://evil.example"),
            403,
        ),
    ] {
        let answer = good.send(&request).await;
        assert!(
            answer.status == status || name.contains("host") && answer.status == 400,
            "{name}: {}",
            answer.status
        );
    }
    assert_eq!(upstream.bytes().len(), 0);
    assert_eq!(good.send(&good.call().with("Origin", &own)).await.status, 200);
    let mut proxied = good.call();
    proxied.start = format!("POST http://{}/servers/edge/mcp", good.address);
    assert_eq!(good.send(&proxied).await.status, 200);
    proxied.start = "POST http://evil.example/servers/edge/mcp".to_owned();
    assert_eq!(good.send(&proxied).await.status, 421);
}
