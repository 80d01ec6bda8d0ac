//! The measured server: answers every call at once, in either era, and checks nothing, so that what is measured is the way to it.
//!
//! Straight calls and calls through the door meet the same one, on a thread of its own.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{net::TcpListener, sync::oneshot};

use crate::message::PROGRESS;

/// The header by which the door names a call.
const CALL_ID: HeaderName = HeaderName::from_static("onedoor-call-id");

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Seen>,
    _stop: oneshot::Sender<Infallible>,
}

/// What the server saw.
#[derive(Debug, Default)]
struct Seen {
    through_the_door: AtomicU64,
    hangs: AtomicBool,
    authorization: Mutex<Option<HeaderValue>>,
}

/// A message, as far as it says what it is.
#[derive(Deserialize)]
struct Message<'a> {
    method: &'a str,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// What an answer needs of a call.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    arguments: &'a RawValue,
    #[serde(borrow, rename = "_meta")]
    meta: Meta<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Upstream {
    /// Starts a server on a free port of this machine.
    ///
    /// # Errors
    /// No port, or no thread.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::<Seen>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&seen);
        thread::Builder::new()
            .name("upstream".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => Ok(()),
                        ended = serve(listener, serving) => ended,
                    }
                })
            })?;
        Ok(Self {
            address,
            seen,
            _stop: stop,
        })
    }

    /// From now on no call is answered.
    pub fn hang(&self) {
        self.seen.hangs.store(true, Ordering::Relaxed);
    }

    /// How many calls came through the door so far.
    #[must_use]
    pub fn calls_through_the_door(&self) -> u64 {
        self.seen.through_the_door.load(Ordering::Relaxed)
    }

    /// `Authorization` of the last call that came through the door.
    #[must_use]
    pub fn last_authorization(&self) -> Option<HeaderValue> {
        self.seen.authorization.lock().clone()
    }
}

async fn serve(listener: std::net::TcpListener, seen: Arc<Seen>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| answer(Arc::clone(&seen), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        // A connection that breaks is counted where the answer is missed.
        tokio::spawn(connection);
    }
}

async fn answer(seen: Arc<Seen>, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    match head.method {
        Method::GET => return Ok(silent_stream()),
        Method::DELETE => return Ok(status(StatusCode::OK)),
        _ => {}
    }
    let body = body.collect().await?.to_bytes();
    match serde_json::from_slice::<Message<'_>>(&body) {
        Ok(Message {
            method: "tools/call", ..
        }) => {}
        Ok(Message {
            method: "initialize",
            id: Some(id),
        }) => return Ok(initialized(id)),
        Ok(Message { id: None, .. }) => return Ok(status(StatusCode::ACCEPTED)),
        // `server/discover` and whatever else: this server has tools and nothing more.
        Ok(Message { id: Some(id), .. }) => return Ok(not_found(id)),
        Err(_) => return Ok(status(StatusCode::BAD_REQUEST)),
    }
    if seen.hangs.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    if head.headers.contains_key(CALL_ID) {
        seen.through_the_door.fetch_add(1, Ordering::Relaxed);
        *seen.authorization.lock() = head.headers.get(AUTHORIZATION).cloned();
    }
    Ok(match serde_json::from_slice::<Call<'_>>(&body) {
        Ok(call) => respond(&call),
        Err(_) => status(StatusCode::BAD_REQUEST),
    })
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = status;
    response
}

fn json(text: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn initialized(id: &RawValue) -> Response<Body> {
    let mut response = json(format!(
        concat!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"protocolVersion":"2025-11-25","capabilities":{{"tools":{{}}}},"#,
            r#""serverInfo":{{"name":"bench","version":"1"}}}}}}"#
        ),
        id.get()
    ));
    response
        .headers_mut()
        .insert("mcp-session-id", HeaderValue::from_static("bench"));
    response
}

fn not_found(id: &RawValue) -> Response<Body> {
    let mut response = json(format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":"Method not found"}}}}"#,
        id.get()
    ));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// A stream that stays open and says nothing.
fn silent_stream() -> Response<Body> {
    let mut response = Response::new(StreamBody::new(stream::pending()).boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn respond(call: &Call<'_>) -> Response<Body> {
    let result = result(call);
    let (media_type, body) = match call.params.meta.progress_token {
        None => ("application/json", Full::new(Bytes::from(result)).boxed_unsync()),
        Some(token) => ("text/event-stream", events(token, &result)),
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn result(call: &Call<'_>) -> String {
    let (id, bytes) = (call.id.get(), call.params.arguments.get().len());
    format!(
        concat!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","isError":false,"#,
            r#""content":[{{"type":"text","text":"{bytes} bytes"}}],"structuredContent":{{"argumentsBytes":{bytes}}}}}}}"#
        ),
        id = id,
        bytes = bytes,
    )
}

fn events(token: &RawValue, result: &str) -> Body {
    let token = token.get();
    let progress = (1..=PROGRESS).map(|step| {
        format!(
            concat!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"#,
                r#""progressToken":{token},"progress":{step},"total":{total}}}}}"#
            ),
            token = token,
            step = step,
            total = PROGRESS,
        )
    });
    let events: Vec<String> = progress
        .chain([result.to_owned()])
        .map(|data| format!("event: message\ndata: {data}\n\n"))
        .collect();
    let frames = stream::unfold(events.into_iter(), |mut events| async {
        let event = events.next()?;
        // Every event is a write of its own, as it is with tools that work between two.
        tokio::task::yield_now().await;
        Some((Ok(Frame::data(Bytes::from(event))), events))
    });
    StreamBody::new(frames).boxed_unsync()
}
