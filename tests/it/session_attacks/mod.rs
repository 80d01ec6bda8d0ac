//! Sessions under attack, by clients and by servers: what must not pass does not, and what must be on the record is.

mod clients;
mod ends;
mod servers;

use onedoor_tests::{
    admin::Admin,
    dev::Dev,
    idp::{Idp, TENANT},
    mcp::Events,
    scripted::{Script, Scripted, event},
    session::Session,
    token::Token,
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};

/// A door with a scripted server behind `edge`, which those of the group `g` may use.
struct Scene {
    dev: Dev,
    admin: Admin,
    idp: Idp,
    upstream: Scripted,
    token: Token,
}

impl Scene {
    async fn new() -> Self {
        let (dev, upstream, idp) = tokio::join!(Dev::start(), Scripted::start(), Idp::start("tests"));
        let admin = dev.admin("admin").await;
        idp.register(&admin).await;
        admin.open(&upstream.manifest("edge")).await;
        admin.grant(&idp.group("g"), "edge", None, "production").await;
        let token = idp.token("u", &["g"]);
        Self {
            dev,
            admin,
            idp,
            upstream,
            token,
        }
    }

    fn all(&self) -> String {
        format!("{}/mcp", self.dev.places.data_url)
    }

    async fn session_at(&self, url: &str, capabilities: Value) -> Session {
        let session = Session::at(&self.dev.http, url, Some(self.token.clone()));
        session.begun(capabilities).await
    }

    async fn session(&self) -> Session {
        let capabilities = json!({ "elicitation": {} });
        self.session_at(&self.dev.endpoint("edge"), capabilities).await
    }

    /// Outcome and cause of every call, in order.
    async fn outcomes(&self, number: usize) -> Vec<(String, String)> {
        let calls = self.dev.settled_calls(number).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        calls
            .iter()
            .map(|call| (text(&call["outcome"]), text(&call["cause"])))
            .collect()
    }

    async fn block(&self) -> String {
        let user = json!({ "issuer": "tests", "tenant": TENANT, "user": "u" });
        let block = self.admin.post("/blocks", json!({ "user": user })).await;
        block.expect(201).text("id")
    }
}

fn play(id: u64, tool: &str, script: &Script) -> Value {
    let meta = json!({ "progressToken": "progress" });
    let params = json!({ "name": tool, "arguments": script.arguments(), "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

/// The answer to a call, as it comes.
async fn opened(session: &Session, id: u64, tool: &str, script: &Script) -> Events {
    let request = session
        .builder(Method::POST)
        .header("Accept", "application/json, text/event-stream")
        .json(&play(id, tool, script));
    let sent = wait::within("the head of an answer", request.send()).await;
    Events::new(sent.unwrap())
}

fn notification(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
}

fn ask(id: &Value, method: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": {} }).to_string()
}

fn log() -> String {
    event(
        Some("log"),
        &notification("notifications/message", &json!({ "level": "info", "data": 1 })),
    )
}

fn pair(outcome: &str, cause: &str) -> (String, String) {
    (outcome.to_owned(), cause.to_owned())
}
