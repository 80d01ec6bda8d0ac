//! A client of the session revisions that sends exactly what it is told to.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    dev::Dev,
    mcp::{Answer, Events},
    token::Token,
    wait,
};

/// The newest revision with sessions.
pub const REVISION: &str = "2025-11-25";

/// A session, as one client carries it.
#[derive(Clone, Debug)]
pub struct Session {
    http: Client,
    url: String,
    /// Who speaks.
    pub token: Option<Token>,
    /// The session's id; none sends none.
    pub id: Option<String>,
    /// The revision that is told; none tells none.
    pub revision: Option<String>,
}

impl Session {
    /// An endpoint, and no session yet.
    #[must_use]
    pub fn at(http: &Client, url: &str, token: Option<Token>) -> Self {
        Self {
            http: http.clone(),
            url: url.to_owned(),
            token,
            id: None,
            revision: None,
        }
    }

    /// A session of a demonstration user with a server, ready for calls. The client may be asked whatever a server can ask.
    pub async fn open(dev: &Dev, slug: &str, user: &str) -> Self {
        Self::open_at(dev, &dev.endpoint(slug), user).await
    }

    /// The same with all of the user's servers.
    pub async fn open_with_all(dev: &Dev, user: &str) -> Self {
        Self::open_at(dev, &format!("{}/mcp", dev.places.data_url), user).await
    }

    async fn open_at(dev: &Dev, url: &str, user: &str) -> Self {
        let session = Self::at(&dev.http, url, Some(dev.token(user).await));
        let capabilities = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
        session.begun(capabilities).await
    }

    /// The session that `initialize` begins here.
    pub async fn begun(mut self, capabilities: Value) -> Self {
        let answer = self.initialize(REVISION, capabilities).await;
        let revision = answer.result()["protocolVersion"].clone();
        let id = answer.headers.get("mcp-session-id");
        self.id = id.map(|id| id.to_str().unwrap().to_owned());
        self.revision = revision.as_str().map(str::to_owned);
        let told = self.notify("notifications/initialized", json!({})).await;
        assert_eq!(told.status, 202, "{}", told.text);
        self
    }

    /// Sends `initialize`.
    pub async fn initialize(&self, revision: &str, capabilities: Value) -> Answer {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": capabilities,
            "clientInfo": { "name": "onedoor-tests", "version": "1" },
        });
        self.request("initialize", params).await
    }

    /// The same, as it would be spoken by someone else.
    #[must_use]
    pub fn by(&self, token: &Token) -> Self {
        Self {
            token: Some(token.clone()),
            ..self.clone()
        }
    }

    /// The same with another id.
    #[must_use]
    pub fn named(&self, id: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            ..self.clone()
        }
    }

    /// The same at another endpoint.
    #[must_use]
    pub fn moved_to(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// A request with the headers of the session, not sent yet.
    pub fn builder(&self, method: Method) -> RequestBuilder {
        let mut request = self.http.request(method, &self.url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(id) = &self.id {
            request = request.header("Mcp-Session-Id", id);
        }
        if let Some(revision) = &self.revision {
            request = request.header("MCP-Protocol-Version", revision);
        }
        request
    }

    fn post(&self, message: &Value) -> RequestBuilder {
        self.builder(Method::POST)
            .header("Accept", "application/json, text/event-stream")
            .json(message)
    }

    /// Posts a message.
    pub async fn send(&self, message: &Value) -> Answer {
        Answer::of(self.post(message)).await
    }

    /// Makes a request.
    pub async fn request(&self, method: &str, params: Value) -> Answer {
        self.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
            .await
    }

    /// Sends a notification.
    pub async fn notify(&self, method: &str, params: Value) -> Answer {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
            .await
    }

    /// Answers a request of the server.
    pub async fn respond(&self, id: &Value, result: Value) -> Answer {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
            .await
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments }))
            .await
    }

    /// Calls a tool in a request of this id, with a progress token, and reads the answer as it comes.
    pub async fn stream(&self, id: u64, tool: &str) -> Events {
        let message = json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": tool, "arguments": {}, "_meta": { "progressToken": "progress" } },
        });
        let sent = self.post(&message).send();
        Events::new(wait::within("the head of an answer", sent).await.unwrap())
    }

    /// A GET: the server's own stream, or the rest of one after its last event. Not sent yet.
    pub fn get(&self, last_event: Option<&str>) -> RequestBuilder {
        let request = self.builder(Method::GET).header("Accept", "text/event-stream");
        match last_event {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        }
    }

    /// Listens to a GET, which must be granted.
    pub async fn listen(&self, last_event: Option<&str>) -> Events {
        let sent = self.get(last_event).send();
        let response = wait::within("the head of a stream", sent).await.unwrap();
        assert_eq!(response.status(), 200);
        Events::new(response)
    }

    /// Ends the session.
    pub async fn end(&self) -> Answer {
        Answer::of(self.builder(Method::DELETE)).await
    }

    /// The tools listed, over all pages.
    pub async fn tools(&self) -> Vec<Value> {
        let (mut tools, mut params) = (Vec::new(), json!({}));
        loop {
            let page = self.request("tools/list", params).await.result();
            tools.extend_from_slice(page["tools"].as_array().unwrap());
            match page["nextCursor"].as_str() {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return tools,
            }
        }
    }
}
