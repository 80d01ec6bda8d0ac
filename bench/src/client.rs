//! The sender's connections: HTTP/1.1, kept alive, one call at a time.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, HOST},
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::message::{Case, WrongAnswer};

/// How long a call may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// An MCP endpoint to call.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    path: Uri,
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
    /// An endpoint; with a token, calls carry it.
    #[must_use]
    pub fn new(address: SocketAddr, path: Uri, authorization: Option<HeaderValue>) -> Self {
        let mut headers = Case::headers();
        if let Ok(host) = HeaderValue::try_from(address.to_string()) {
            headers.insert(HOST, host);
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        Self {
            address,
            path,
            headers,
            next_id: AtomicU64::new(1),
        }
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
            .send_request(self.target.request(case.body(id)))
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
