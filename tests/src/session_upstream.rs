//! An upstream of the session revisions at the network's edge: it does what the tool called says, and keeps what it was sent.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use uuid::Uuid;

use crate::{manifest::Manifest, wait};

/// The tools, by what they do.
const TOOLS: [&str; 9] = [
    // Answers in JSON, with its arguments.
    "echo",
    // Answers once it was let go, after progress, in a stream without event ids.
    "held",
    // Asks the user, and answers with what it was told.
    "asks",
    // Asks the user, and thinks better of it.
    "gives_up",
    // Asks everything there is to ask, and answers with all it was told.
    "asks_all",
    // Says where its stream is, makes progress, and answers whoever comes back for the rest.
    "resumable",
    // Makes progress until it is cancelled, and then answers nothing.
    "until_cancelled",
    // Does not know the session any more.
    "forgets",
    // Answers another request.
    "wrong_id",
];

/// The id under which the server asks.
const ASKED: u64 = 7;

/// An upstream. Dropped, it closes its connections.
#[derive(Debug)]
pub struct SessionUpstream {
    /// Its MCP endpoint.
    pub url: String,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

/// What an upstream was sent.
#[derive(Debug, Default)]
struct Seen {
    /// It names no sessions, so it has neither a stream of its own nor an end of one.
    is_plain: bool,
    received: watch::Sender<Vec<Received>>,
    /// Answers of `held` and `resumable` go out once this is set.
    released: watch::Sender<bool>,
    /// Ids of requests whose streams wait for a client that comes back, by the last event sent.
    broken_off: Mutex<HashMap<String, Value>>,
    /// Streams that are open.
    open: watch::Sender<usize>,
}

/// A request that was read whole.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Received {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Value,
}

/// A stream to the gateway.
struct Events {
    to: mpsc::Sender<Bytes>,
    seen: Arc<Seen>,
    /// How much had been received when it was opened.
    from: usize,
}

impl SessionUpstream {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(Seen::default()).await
    }

    /// Starts one that names no sessions, so it has neither a stream of its own nor an end of one.
    pub async fn start_plain() -> Self {
        Self::start_with(Seen {
            is_plain: true,
            ..Seen::default()
        })
        .await
    }

    async fn start_with(seen: Seen) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::new(seen);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            seen,
            _tasks: tasks,
        }
    }

    /// A manifest for it, with all its tools.
    #[must_use]
    pub fn manifest(&self, slug: &str) -> Manifest {
        let mut manifest = Manifest::new(slug, &self.url, TOOLS);
        manifest.protocol_versions = None;
        manifest
    }

    /// Everything it was sent.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.seen.received.borrow().clone()
    }

    /// Those of its messages that have this method; responses have none.
    #[must_use]
    pub fn messages(&self, method: Option<&str>) -> Vec<Received> {
        let mut received = self.received();
        received.retain(|one| one.method == Method::POST && one.body["method"].as_str() == method);
        received
    }

    /// Waits for a message of this method.
    pub async fn message(&self, method: Option<&str>) -> Received {
        wait::until("a message", async || self.messages(method).pop()).await
    }

    /// Lets answers go that are held back.
    pub fn release(&self) {
        self.seen.released.send_replace(true);
    }

    /// Waits until so many streams are open.
    pub async fn open_streams(&self, number: usize) {
        let mut open = self.seen.open.subscribe();
        let reached = open.wait_for(|open| *open == number);
        wait::within("the number of open streams", reached).await.unwrap();
    }
}

impl Received {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap_or_default().to_bytes();
    let received = Received {
        method: parts.method,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    seen.received.send_modify(|all| all.push(received.clone()));
    match (&received.method, received.body["method"].as_str()) {
        (&Method::DELETE | &Method::GET, _) if seen.is_plain => {
            StatusCode::METHOD_NOT_ALLOWED.into_response()
        }
        (&Method::DELETE, _) => StatusCode::OK.into_response(),
        (&Method::GET, _) => respond(seen, |events| listened(events, received)),
        (_, Some("initialize")) => initialized(&seen, &received.body),
        (_, Some("logging/setLevel")) => result(&received.body, &json!({})),
        (_, Some("tools/call")) => match received.body["params"]["name"].as_str() {
            Some("echo") => result(&received.body, &text(&received.body["params"]["arguments"])),
            Some("forgets") => StatusCode::NOT_FOUND.into_response(),
            Some("wrong_id") => result(&json!({ "id": "another" }), &text(&json!(1))),
            _ => respond(seen, |events| called(events, received.body)),
        },
        // As servers of the session revisions alone do, and the reference server.
        (_, Some("server/discover")) => {
            let error = json!({ "code": -32_000, "message": "Bad Request: Server not initialized" });
            let body = json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string();
            (
                StatusCode::BAD_REQUEST,
                [("content-type", "application/json")],
                body,
            )
                .into_response()
        }
        (_, _) => StatusCode::ACCEPTED.into_response(),
    }
}

fn initialized(seen: &Seen, request: &Value) -> Response {
    let mut response = result(
        request,
        &json!({
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": { "tools": {}, "logging": {} },
            "serverInfo": { "name": "edge", "version": "1" },
        }),
    );
    if !seen.is_plain {
        let id = Uuid::new_v4().to_string();
        response
            .headers_mut()
            .insert("mcp-session-id", id.parse().unwrap());
    }
    response
}

async fn called(events: Events, request: Value) {
    let (id, token) = (&request["id"], &request["params"]["_meta"]["progressToken"]);
    let answer = |content: &Value| json!({ "jsonrpc": "2.0", "id": id, "result": text(content) });
    let progress = json!({
        "jsonrpc": "2.0", "method": "notifications/progress",
        "params": { "progressToken": token, "progress": 1 },
    });
    let ask = |id: u64, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": {} });
    match request["params"]["name"].as_str().unwrap() {
        "held" => {
            events.send(None, &progress).await;
            events.released().await;
            events.send(None, &answer(&json!("held"))).await;
        }
        "asks" => {
            events.send(None, &ask(ASKED, "elicitation/create")).await;
            let told = events.told(ASKED).await;
            events.send(None, &answer(&told)).await;
        }
        "gives_up" => {
            events.send(None, &ask(ASKED, "elicitation/create")).await;
            let params = json!({ "requestId": ASKED });
            let given_up = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
            events.send(None, &given_up).await;
            events.send(None, &answer(&json!("given up"))).await;
        }
        "asks_all" => {
            let asked = ["ping", "roots/list", "sampling/createMessage", "nonsense"];
            let mut told = Vec::new();
            for (id, method) in (ASKED..).zip(asked) {
                events.send(None, &ask(id, method)).await;
                told.push(events.told(id).await);
            }
            events.send(None, &answer(&json!(told))).await;
        }
        "resumable" => {
            let stream = Uuid::new_v4();
            let last = format!("{stream}/1");
            events.seen.broken_off.lock().insert(last.clone(), id.clone());
            events.send(Some(&format!("{stream}/0")), &Value::Null).await;
            events.send(Some(&last), &progress).await;
            events.to.closed().await;
        }
        "until_cancelled" => {
            events.send(None, &progress).await;
            events.seen_message("notifications/cancelled").await;
        }
        other => panic!("no such tool: {other}"),
    }
}

async fn listened(events: Events, request: Received) {
    let Some(last) = request.header("last-event-id") else {
        let params = json!({ "level": "info", "data": "listening" });
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params });
        events.send(Some("listened"), &message).await;
        let ask = json!({ "jsonrpc": "2.0", "id": ASKED, "method": "roots/list" });
        events.send(None, &ask).await;
        return events.to.closed().await;
    };
    let id = events.seen.broken_off.lock().get(last).cloned();
    tokio::select! {
        () = events.to.closed() => return,
        () = events.released() => {}
    }
    let answer = json!({ "jsonrpc": "2.0", "id": id, "result": text(&json!("resumed")) });
    events.send(Some("resumed"), &answer).await;
}

impl Events {
    async fn send(&self, id: Option<&str>, data: &Value) {
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        let data = if data.is_null() {
            String::new()
        } else {
            data.to_string()
        };
        // A gateway that has gone does not matter.
        let _ = self.to.send(Bytes::from(format!("{id}data: {data}\n\n"))).await;
    }

    async fn released(&self) {
        let _ = self
            .seen
            .released
            .subscribe()
            .wait_for(|released| *released)
            .await;
    }

    /// The response to what was asked under this id: result or error.
    async fn told(&self, id: u64) -> Value {
        let response = self
            .received(|received| received.body["method"].is_null() && received.body["id"] == id)
            .await;
        let body = response.body;
        [&body["result"], &body["error"]["code"]]
            .into_iter()
            .find(|one| !one.is_null())
            .cloned()
            .unwrap()
    }

    async fn seen_message(&self, method: &str) {
        self.received(|received| received.body["method"] == method).await;
    }

    /// The first of these that comes after this stream was opened.
    async fn received(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        let mut received = self.seen.received.subscribe();
        let news = |all: &Vec<Received>| all[self.from..].iter().find(|one| wanted(one)).cloned();
        let all = received.wait_for(|all| news(all).is_some()).await.unwrap();
        news(&all).unwrap()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.seen.open.send_modify(|open| *open -= 1);
    }
}

/// A stream that this writes, until the gateway closes it.
fn respond<W: Future<Output = ()> + Send + 'static>(
    seen: Arc<Seen>,
    write: impl FnOnce(Events) -> W + Send + 'static,
) -> Response {
    let (to, from) = mpsc::channel(1);
    seen.open.send_modify(|open| *open += 1);
    let from_here = seen.received.borrow().len();
    tokio::spawn(write(Events {
        to,
        seen,
        from: from_here,
    }));
    let events = stream::unfold(from, async |mut from| {
        let event = from.recv().await?;
        Some((Ok::<_, Infallible>(event), from))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
}

fn result(request: &Value, result: &Value) -> Response {
    let body = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }).to_string();
    ([("content-type", "application/json")], body).into_response()
}

/// A tool's result.
fn text(content: &Value) -> Value {
    json!({ "content": [{ "type": "text", "text": content.to_string() }], "isError": false })
}
