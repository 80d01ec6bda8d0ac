//! The sender's connections: HTTP/1.1, kept alive, one call at a time.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::message::{Case, Era, WrongAnswer};

/// The header that names a session.
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// How long a call may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// An MCP endpoint to call.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    path: Uri,
    era: Era,
    headers: HeaderMap,
    next_id: AtomicU64,
}

/// A connection that is opened when it is needed, and again after a failure.
#[derive(Debug)]
pub struct Connection<'a> {
    target: &'a Target,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// When parts of a right answer were there.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The first bytes of the body: with server-sent events, the first event.
    pub first: Instant,
    /// All of it.
    pub last: Instant,
}

/// A call that got no right answer.
#[derive(Debug, thiserror::Error)]
pub enum CallFailed {
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    /// No answer in time.
    #[error("no answer within {PATIENCE:?}")]
    TooSlow,
    /// Another answer.
    #[error(transparent)]
    Wrong(#[from] WrongAnswer),
}

impl Target {
    /// An endpoint; with a token, calls carry it. In the session era a session must be [opened](Self::open_session) first.
    #[must_use]
    pub fn new(address: SocketAddr, path: Uri, era: Era, authorization: Option<HeaderValue>) -> Self {
        let mut headers = era.headers();
        if let Ok(host) = HeaderValue::try_from(address.to_string()) {
            headers.insert(HOST, host);
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        Self {
            address,
            path,
            era,
            headers,
            next_id: AtomicU64::new(1),
        }
    }

    /// Opens a session, and keeps its id for every request that follows.
    ///
    /// # Errors
    /// [`CallFailed`]
    pub async fn open_session(&mut self) -> Result<(), CallFailed> {
        let initialize = concat!(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
            r#""capabilities":{},"clientInfo":{"name":"onedoor-bench","version":"1"}}}"#
        );
        let answer = self.post(Bytes::from_static(initialize.as_bytes())).await?;
        let id = answer.headers().get(SESSION_ID).cloned();
        let (StatusCode::OK, Some(id)) = (answer.status(), id) else {
            return Err(WrongAnswer::Status(answer.status().as_u16()).into());
        };
        self.headers.insert(SESSION_ID, id);
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let answer = self.post(Bytes::from_static(initialized.as_bytes())).await?;
        match answer.status() {
            StatusCode::ACCEPTED => Ok(()),
            status => Err(WrongAnswer::Status(status.as_u16()).into()),
        }
    }

    /// Opens the session's stream from the server, which says nothing; it is closed by dropping it.
    ///
    /// # Errors
    /// [`CallFailed`]
    pub async fn open_stream(&self) -> Result<Response<Incoming>, CallFailed> {
        let mut request = self.request(Bytes::new());
        *request.method_mut() = Method::GET;
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        request.headers_mut().remove(CONTENT_TYPE);
        let answer = open(self.address).await?.send_request(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => Err(WrongAnswer::Status(status.as_u16()).into()),
        }
    }

    async fn post(&self, body: Bytes) -> Result<Response<Bytes>, CallFailed> {
        let answer = open(self.address).await?.send_request(self.request(body)).await?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// A connection to it, not yet open.
    #[must_use]
    pub fn connection(&self) -> Connection<'_> {
        Connection {
            target: self,
            open: None,
        }
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Connection<'_> {
    /// Opens the connection, so that the first call need not.
    ///
    /// # Errors
    /// [`CallFailed`]
    pub async fn warm(&mut self) -> Result<(), CallFailed> {
        self.open = Some(open(self.target.address).await?);
        Ok(())
    }

    /// Makes a call and reads and checks the whole answer.
    ///
    /// # Errors
    /// [`CallFailed`]
    pub async fn call(&mut self, case: Case) -> Result<Answered, CallFailed> {
        tokio::time::timeout(PATIENCE, self.exchange(case))
            .await
            .map_err(|_| CallFailed::TooSlow)?
    }

    async fn exchange(&mut self, case: Case) -> Result<Answered, CallFailed> {
        let mut sender = match self.open.take() {
            Some(sender) => sender,
            None => open(self.target.address).await?,
        };
        let id = self.target.next_id.fetch_add(1, Ordering::Relaxed);
        sender.ready().await?;
        let (head, mut body) = sender
            .send_request(self.target.request(case.body(self.target.era, id)))
            .await?
            .into_parts();
        let (mut first, mut bytes) = (None, Vec::new());
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                first.get_or_insert_with(Instant::now);
                bytes.extend_from_slice(&data);
            }
        }
        let last = Instant::now();
        self.open = Some(sender);
        case.check(id, head.status.as_u16(), &head.headers, &bytes)?;
        Ok(Answered {
            first: first.unwrap_or(last),
            last,
        })
    }
}

async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, CallFailed> {
    let stream = TcpStream::connect(address).await.map_err(CallFailed::Connect)?;
    stream.set_nodelay(true).map_err(CallFailed::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // How it ended is told to whoever sends next.
    tokio::spawn(connection);
    Ok(sender)
}
