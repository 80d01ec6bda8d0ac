//! MCP as it is on the wire (compare the captures `modern-*` and `legacy-*`): requests made by hand, no SDK.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;

pub(crate) const MODERN: &str = "2026-07-28";

/// A client of one server with one token.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) url: Url,
    pub(crate) token: String,
}

impl Client {
    /// A bare POST with the headers both eras need.
    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        crate::http()
            .post(self.url.join("/mcp").unwrap())
            .header("accept", "application/json, text/event-stream")
            .bearer_auth(&self.token)
            .json(body)
    }

    /// A request of revision 2026-07-28. `meta` is added to what every request carries.
    pub(crate) fn modern(&self, method: &str, mut params: Value, meta: Value) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let Value::Object(meta) = meta else {
            panic!("meta is an object")
        };
        params["_meta"].as_object_mut().unwrap().extend(meta);
        let request = self
            .post(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method);
        match params.get("name").and_then(Value::as_str) {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// A tool call, to send.
    pub(crate) fn call(&self, tool: &str, arguments: Value, meta: Value) -> RequestBuilder {
        let mut params = json!({ "name": tool });
        params["arguments"] = arguments;
        self.modern("tools/call", params, meta)
    }

    /// The result of a request that is answered with JSON.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        result(self.modern(method, params, json!({})).send().await.unwrap()).await
    }

    /// The result of a tool call that is answered with JSON.
    pub(crate) async fn tool(&self, tool: &str, arguments: Value) -> Value {
        result(self.call(tool, arguments, json!({})).send().await.unwrap()).await
    }
}

async fn result(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    assert_eq!(content_type(&response), "application/json");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        (&answer["jsonrpc"], &answer["id"]),
        (&json!("2.0"), &json!(7)),
        "{answer}"
    );
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].clone()
}

pub(crate) fn content_type(response: &Response) -> &str {
    response.headers()["content-type"].to_str().unwrap()
}

/// The messages of a finished SSE body.
pub(crate) fn sse_messages(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data.trim()).unwrap())
        .collect()
}
