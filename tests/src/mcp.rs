//! An MCP client of revision 2026-07-28 that sends exactly what it is told to: the SDK's clients ([`crate::sdk`]) are too well-behaved
//! for most tests.

use reqwest::{Client, RequestBuilder, Response, header::HeaderMap};
use serde_json::{Value, json};

use crate::{token::Token, wait};

/// The revision spoken.
pub const REVISION: &str = "2026-07-28";

/// An endpoint, and what to send with every request.
#[derive(Clone, Debug)]
pub struct Mcp {
    http: Client,
    url: String,
    token: Token,
}

/// An answer that came whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The JSON-RPC messages in it: one of a JSON body, all of a stream, none of a body that is neither.
    pub messages: Vec<Value>,
}

/// A stream of events that is still open.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

/// A server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id; only sessions have them.
    pub id: Option<String>,
    /// The message in it; none of an event without data.
    pub message: Option<Value>,
}

impl Mcp {
    /// An endpoint, with this token.
    #[must_use]
    pub fn new(http: &Client, url: &str, token: &Token) -> Self {
        Self {
            http: http.clone(),
            url: url.to_owned(),
            token: token.clone(),
        }
    }

    /// What every request's `_meta` must hold.
    #[must_use]
    pub fn meta() -> Value {
        json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": {},
        })
    }

    /// A request's body.
    #[must_use]
    pub fn body(method: &str, mut params: Value) -> Value {
        if params["_meta"].is_null() {
            params["_meta"] = Self::meta();
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    /// A POST of this body, with the headers that belong to it. Not sent yet.
    pub fn post(&self, body: &Value) -> RequestBuilder {
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(self.token.expose())
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", REVISION)
            .header("Mcp-Method", body["method"].as_str().unwrap_or_default())
            .json(body);
        match (body["method"].as_str(), body["params"]["name"].as_str()) {
            (Some("tools/call"), Some(name)) => request.header("Mcp-Name", name),
            _ => request,
        }
    }

    /// Makes a request.
    pub async fn request(&self, method: &str, params: Value) -> Answer {
        Answer::of(self.post(&Self::body(method, params))).await
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments }))
            .await
    }

    /// Calls a tool with a progress token, and reads the answer as it comes.
    pub async fn stream(&self, tool: &str, arguments: Value) -> Events {
        let mut meta = Self::meta();
        meta["progressToken"] = json!("progress");
        let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        let sent = self.post(&Self::body("tools/call", params)).send();
        Events::new(wait::within("the head of an answer", sent).await.unwrap())
    }

    /// The names of the tools listed, over all pages.
    pub async fn tools(&self) -> Vec<String> {
        let (mut names, mut params) = (Vec::new(), json!({}));
        loop {
            let page = self.request("tools/list", params).await.result();
            names.extend(
                page["tools"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|tool| tool["name"].as_str().unwrap().to_owned()),
            );
            match page["nextCursor"].as_str() {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return names,
            }
        }
    }
}

impl Answer {
    /// Sends a request, and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Self {
        wait::within("an answer", async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let text = answer.text().await.unwrap();
            let messages = match headers.get("content-type").and_then(|value| value.to_str().ok()) {
                Some("application/json") if !text.is_empty() => vec![serde_json::from_str(&text).unwrap()],
                Some("text/event-stream") => text.split("\n\n").filter_map(message).collect(),
                Some(_) | None => Vec::new(),
            };
            Self {
                status,
                headers,
                text,
                messages,
            }
        })
        .await
    }

    /// The last message.
    #[must_use]
    #[track_caller]
    pub fn last(&self) -> &Value {
        self.messages
            .last()
            .unwrap_or_else(|| panic!("no message: {} {}", self.status, self.text))
    }

    /// The result.
    #[must_use]
    #[track_caller]
    pub fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        let result = &self.last()["result"];
        assert!(result.is_object(), "no result: {}", self.text);
        result.clone()
    }

    /// Code and reason of the error; the reason is empty where there is none.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> (i64, String) {
        let error = &self.last()["error"];
        let code = error["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("no error: {}", self.text));
        (
            code,
            error["data"]["reason"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// Whether the call came to a result, good or bad, of the tool.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.messages
            .last()
            .is_some_and(|message| message["result"].is_object())
    }

    /// The call's id.
    #[must_use]
    #[track_caller]
    pub fn call_id(&self) -> String {
        self.headers["onedoor-call-id"].to_str().unwrap().to_owned()
    }
}

impl Events {
    /// The events of an answer that goes on.
    #[must_use]
    pub fn new(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next message; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.next_event().await?.message {
                return Some(message);
            }
        }
    }

    /// The next event that has an id or a message; none at the end of the stream.
    pub async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let bytes: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = std::str::from_utf8(&bytes).unwrap();
                let id = text.lines().find_map(|line| line.strip_prefix("id:"));
                let event = Event {
                    id: id.map(|id| id.trim().to_owned()),
                    message: message(text),
                };
                if event.id.is_some() || event.message.is_some() {
                    return Some(event);
                }
                continue;
            }
            let chunk = wait::within("an event", self.response.chunk()).await.unwrap()?;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// Answer headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }
}

/// The message of one event; none of one without data.
fn message(event: &str) -> Option<Value> {
    let data: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim_start)
        .collect();
    let data = data.join("\n");
    (!data.is_empty()).then(|| serde_json::from_str(&data).unwrap())
}
