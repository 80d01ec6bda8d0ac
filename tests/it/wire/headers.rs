//! Headers that are missing, repeated, or say something else than the body.

use serde_json::{Value, json};

use super::{Good, body, spoilt};
use crate::door;

#[tokio::test]
async fn headers_must_agree_with_the_body_and_come_once() {
    let (dev, upstream) = door().await;
    let good = Good::new(&dev).await;
    let (mismatch, version) = (Some(-32020), Some(-32022));
    let other_version = body().to_string().replace("2026-07-28", "2027-01-01");
    let cases = [
        (
            "no version",
            good.call().without("MCP-Protocol-Version"),
            400,
            mismatch,
        ),
        ("no method", good.call().without("Mcp-Method"), 400, mismatch),
        ("no name", good.call().without("Mcp-Name"), 400, mismatch),
        (
            "another method",
            good.call().without("Mcp-Method").with("Mcp-Method", "tools/list"),
            400,
            mismatch,
        ),
        (
            "another name",
            good.call().without("Mcp-Name").with("Mcp-Name", "fails"),
            400,
            mismatch,
        ),
        (
            "another case of the name",
            good.call().without("Mcp-Name").with("Mcp-Name", "Echo"),
            400,
            mismatch,
        ),
        (
            "another name, encoded",
            good.call()
                .without("Mcp-Name")
                .with("Mcp-Name", "=?base64?ZmFpbHM=?="),
            400,
            mismatch,
        ),
        (
            "a name that is no Base64",
            good.call().without("Mcp-Name").with("Mcp-Name", "=?base64?%?="),
            400,
            mismatch,
        ),
        (
            "another version",
            good.call()
                .without("MCP-Protocol-Version")
                .with("MCP-Protocol-Version", "2025-11-25"),
            400,
            mismatch,
        ),
        (
            "the version twice",
            good.call().with("MCP-Protocol-Version", "2026-07-28"),
            400,
            mismatch,
        ),
        (
            "the method twice",
            good.call().with("mcp-method", "tools/call"),
            400,
            mismatch,
        ),
        (
            "the name twice",
            good.call().with("MCP-NAME", "echo"),
            400,
            mismatch,
        ),
        (
            "any MCP header twice",
            good.call().with("Mcp-Param-X", "1").with("mcp-param-x", "1"),
            400,
            mismatch,
        ),
        (
            "a revision to come",
            good.call()
                .without("MCP-Protocol-Version")
                .with("MCP-Protocol-Version", "2027-01-01")
                .body(other_version),
            400,
            version,
        ),
        (
            "no version in _meta",
            good.call().body(spoilt(
                "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"",
                "\"x\":1",
            )),
            400,
            Some(-32602),
        ),
        (
            "no capabilities in _meta",
            good.call()
                .body(spoilt("\"io.modelcontextprotocol/clientCapabilities\":{},", "")),
            400,
            Some(-32602),
        ),
        (
            "gzip",
            good.call().with("Content-Encoding", "gzip"),
            415,
            Some(-32600),
        ),
        (
            "identity",
            good.call().with("Content-Encoding", "identity"),
            415,
            Some(-32600),
        ),
        (
            "a form",
            good.call()
                .without("Content-Type")
                .with("Content-Type", "text/plain"),
            415,
            Some(-32600),
        ),
        (
            "another charset",
            good.call()
                .without("Content-Type")
                .with("Content-Type", "application/json; charset=latin1"),
            415,
            Some(-32600),
        ),
        ("no type", good.call().without("Content-Type"), 415, Some(-32600)),
        (
            "two types",
            good.call().with("Content-Type", "application/json"),
            415,
            Some(-32600),
        ),
        (
            "no streams",
            good.call().without("Accept").with("Accept", "application/json"),
            406,
            Some(-32600),
        ),
    ];
    for (name, request, status, code) in cases {
        let answer = good.send(&request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{name}: {}",
            answer.body
        );
        if code == version {
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(
                body["error"]["data"],
                json!({
                    "supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"],
                    "requested": "2027-01-01",
                })
            );
        }
    }
    assert_eq!(upstream.bytes().len(), 0);
    for request in [
        good.call()
            .without("Mcp-Name")
            .with("Mcp-Name", "=?base64?ZWNobw==?="),
        good.call()
            .without("Content-Type")
            .with("Content-Type", "application/json; charset=UTF-8"),
        good.call().with("Mcp-Session-Id", "x").with("Last-Event-ID", "1"),
    ] {
        let answer = good.send(&request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.head.to_lowercase().contains("mcp-session-id"));
    }
}
