//! Requests that no client should send, over real sockets: each is refused as the revision says, and none reaches an upstream.

mod bodies;
mod headers;
mod lengths;
mod methods;

use onedoor_tests::{
    dev::Dev,
    mcp::Mcp,
    raw::{RawAnswer, RawRequest},
    token::Token,
};
use serde_json::{Value, json};

/// A well-formed call of `echo`, to be spoilt.
struct Good {
    address: String,
    token: Token,
}

impl Good {
    async fn new(dev: &Dev) -> Self {
        Self {
            address: dev.data_address().to_owned(),
            token: dev.token("analyst").await,
        }
    }

    /// The head of a request for a method, and for a name where it has one.
    fn head(&self, method: &str, name: Option<&str>) -> RawRequest {
        let request = RawRequest::new("POST /servers/edge/mcp", &self.address)
            .with("Authorization", &format!("Bearer {}", self.token.expose()))
            .with("Content-Type", "application/json")
            .with("Accept", "application/json, text/event-stream")
            .with("MCP-Protocol-Version", "2026-07-28")
            .with("Mcp-Method", method);
        match name {
            Some(name) => request.with("Mcp-Name", name),
            None => request,
        }
    }

    fn call(&self) -> RawRequest {
        self.head("tools/call", Some("echo")).body(body().to_string())
    }

    async fn send(&self, request: &RawRequest) -> RawAnswer {
        request.send(&self.address).await
    }
}

fn body() -> Value {
    Mcp::body("tools/call", json!({ "name": "echo", "arguments": { "a": 1 } }))
}

/// The body with this text in the place of another, which must be there once.
fn spoilt(from: &str, to: &str) -> String {
    let body = body().to_string();
    assert_eq!(body.matches(from).count(), 1, "{from} in {body}");
    body.replace(from, to)
}

/// An array in an array in …, so many deep.
fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}
