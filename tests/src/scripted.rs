//! An upstream of the session revisions that says whatever it is told to, good or bad, and keeps what it was sent.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use uuid::Uuid;

use crate::{manifest::Manifest, wait};

/// The one tool: its arguments are the [`Script`] of its answer.
pub const PLAY: &str = "play";

/// An answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Script {
    status: u16,
    media_type: String,
    /// Sent as it is, but that `$ID` stands for the id of the request that is answered.
    body: String,
    /// How often it is sent.
    times: usize,
    /// Whether the answer goes on for ever after that.
    holds: bool,
}

/// An upstream. Dropped, it closes its connections.
#[derive(Debug)]
pub struct Scripted {
    /// Its MCP endpoint.
    pub url: String,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

/// A request that was read whole.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Received {
    pub method: Method,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

/// What an upstream was sent, and what it is to do beside calls.
#[derive(Debug, Default)]
struct Seen {
    received: Mutex<Vec<Received>>,
    /// Answers that are not as usual, by HTTP or JSON-RPC method.
    answers: Mutex<BTreeMap<String, Script>>,
    /// The id of every session; a new one each, where it is not said.
    session: Mutex<Option<String>>,
    /// Answers that go on.
    open: watch::Sender<usize>,
}

/// An answer that goes on is counted as long as this lives.
struct Open(Arc<Seen>);

impl Script {
    /// A stream of these events, each written as it stands.
    #[must_use]
    pub fn events(events: &[String]) -> Self {
        Self {
            status: 200,
            media_type: "text/event-stream".to_owned(),
            body: events.concat(),
            times: 1,
            holds: false,
        }
    }

    /// This status, with this JSON.
    #[must_use]
    pub fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            media_type: "application/json".to_owned(),
            body: body.to_owned(),
            times: 1,
            holds: false,
        }
    }

    /// The same, and then nothing, without an end.
    #[must_use]
    pub fn held(self) -> Self {
        Self { holds: true, ..self }
    }

    /// The same, so often.
    #[must_use]
    pub fn repeated(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// As the arguments of [`PLAY`].
    #[must_use]
    pub fn arguments(&self) -> Value {
        json!(self)
    }
}

/// One event, with an id or none.
#[must_use]
pub fn event(id: Option<&str>, data: &str) -> String {
    match id {
        Some(id) => format!("id: {id}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
}

/// The result that the request waits for.
#[must_use]
pub fn done() -> String {
    event(
        None,
        r#"{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"done"}]}}"#,
    )
}

impl Scripted {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::<Seen>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            seen,
            _tasks: tasks,
        }
    }

    /// A manifest for it, which does not say what it speaks.
    #[must_use]
    pub fn manifest(&self, slug: &str) -> Manifest {
        let mut manifest = Manifest::new(slug, &self.url, [PLAY]);
        manifest.protocol_versions = None;
        manifest
    }

    /// Answers what has this HTTP or JSON-RPC method so from now on.
    pub fn answers(&self, method: &str, script: Script) {
        self.seen.answers.lock().insert(method.to_owned(), script);
    }

    /// Answers what has this method as usual again.
    pub fn recovers(&self, method: &str) {
        self.seen.answers.lock().remove(method);
    }

    /// Names every session so from now on.
    pub fn names_sessions(&self, id: &str) {
        *self.seen.session.lock() = Some(id.to_owned());
    }

    /// Everything it was sent.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.seen.received.lock().clone()
    }

    /// The bodies of responses that it was sent.
    #[must_use]
    pub fn responses(&self) -> Vec<Value> {
        let mut bodies: Vec<Value> = self.received().into_iter().map(|one| one.body).collect();
        bodies.retain(|body| !body.is_null() && body["method"].is_null());
        bodies
    }

    /// Waits until so many of its answers are open.
    pub async fn open(&self, number: usize) {
        let mut open = self.seen.open.subscribe();
        let reached = open.wait_for(|open| *open == number);
        wait::within("the number of open answers", reached).await.unwrap();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap_or_default().to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    let received = Received {
        method: parts.method,
        headers: parts.headers,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    };
    seen.received.lock().push(received.clone());
    let method = received.body["method"]
        .as_str()
        .unwrap_or(received.method.as_str());
    let script = seen.answers.lock().get(method).cloned();
    match (method, script) {
        ("tools/call", _) => {
            let script = serde_json::from_value(received.body["params"]["arguments"].clone()).unwrap();
            play(seen, &script, &received.body["id"])
        }
        (_, Some(script)) => play(seen, &script, &received.body["id"]),
        ("initialize", None) => initialized(&seen, &received.body),
        ("GET", None) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        ("DELETE", None) => StatusCode::OK.into_response(),
        ("server/discover", None) => StatusCode::BAD_REQUEST.into_response(),
        (_, None) => StatusCode::ACCEPTED.into_response(),
    }
}

fn initialized(seen: &Seen, request: &Value) -> Response {
    let result = json!({
        "protocolVersion": request["params"]["protocolVersion"],
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "scripted", "version": "1" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }).to_string();
    let named = seen.session.lock().clone();
    let session = named.unwrap_or_else(|| Uuid::new_v4().to_string());
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("mcp-session-id", session),
    ];
    (headers, body).into_response()
}

fn play(seen: Arc<Seen>, script: &Script, id: &Value) -> Response {
    let body = Bytes::from(script.body.replace("$ID", &id.to_string()).repeat(script.times));
    let said = stream::once(async move { Ok::<_, Infallible>(body) });
    let body = if script.holds {
        seen.open.send_modify(|open| *open += 1);
        let open = Open(seen);
        let silence = stream::once(async move {
            let _open = open;
            std::future::pending::<Result<Bytes, Infallible>>().await
        });
        Body::from_stream(said.chain(silence))
    } else {
        Body::from_stream(said)
    };
    let status = StatusCode::from_u16(script.status).unwrap();
    (status, [("content-type", script.media_type.clone())], body).into_response()
}
