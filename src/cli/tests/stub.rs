//! An admin API that answers by script and remembers what it was asked.

use std::{collections::VecDeque, io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;

/// A running stub. It ends with the test's runtime.
pub(super) struct Stub {
    pub(super) url: String,
    shared: Arc<Shared>,
}

/// A request it got.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    /// Path and query as they were sent.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// One answer of a script.
pub(super) struct Reply(Response);

struct Shared {
    script: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Stub {
    /// Answers one request after the other; a request more than there are answers gets a 500.
    pub(super) async fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            seen: Mutex::new(Vec::new()),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    /// Method and target of all requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.target))
            .collect()
    }
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    pub(super) fn text(status: u16, body: impl Into<Body>) -> Self {
        Self((StatusCode::from_u16(status).unwrap(), body.into()).into_response())
    }

    /// The connection breaks before the answer is whole.
    pub(super) fn lost() -> Self {
        let broken = stream::iter([Err::<Bytes, _>(io::Error::other("cable cut"))]);
        Self(Body::from_stream(broken).into_response())
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    shared.seen.lock().push(Seen {
        method,
        target: uri.to_string(),
        headers,
        body,
    });
    match shared.script.lock().pop_front() {
        Some(Reply(response)) => response,
        None => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "no answer is left in the script",
        )
            .into_response(),
    }
}
