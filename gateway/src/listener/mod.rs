//! Serving a router on a listener, in plain text or TLS, within limits of heads and time, until drained.

mod activity;
#[cfg(test)]
mod tests;
mod tls;

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use futures_util::FutureExt as _;
use http::{
    HeaderValue, Request, Response, Version,
    header::{CONNECTION, STRICT_TRANSPORT_SECURITY},
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tower::ServiceExt as _;

use self::activity::{Activity, Answer, QUIET};
pub use self::tls::{Tls, TlsError};
use crate::metrics::Counted;

/// How long a client may take to send a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// A request's head, in bytes, at most: the token may have 16 KiB.
const HEAD_BYTES: usize = 64 << 10;

/// Headers in a request at most.
const HEADERS: usize = 100;

/// Streams of one HTTP/2 connection at once.
const H2_STREAMS: u32 = 128;

/// Connections of a listener at once, those that are still shaking hands included.
const CONNECTIONS: usize = 10_000;

/// How long accepting rests after it failed, as it does when the process has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A browser that was here once comes back in TLS only, for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Where a plane listens, and how it is spoken to there.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
}

/// How serving ends: these are cancelled in this order.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Each answer of HTTP/1 says that its connection closes (RFC 9112 §9.6), so that its client connects anew, and elsewhere.
    pub(crate) leaving: CancellationToken,
    /// No more connections are taken. Those of HTTP/2 are told to go away; those of HTTP/1 are closed when they are quiet.
    pub(crate) stop: CancellationToken,
    /// What is still under way is not waited for.
    pub(crate) cut: CancellationToken,
}

/// A connection that was accepted, before anything was said on it.
struct Connection {
    server: Arc<auto::Builder<TokioExecutor>>,
    router: Router,
    peer: SocketAddr,
    tls: Option<Tls>,
    ending: Ending,
    _slot: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Listener {
    /// A listener in plain text: on loopback, or behind something that speaks TLS for it.
    #[must_use]
    pub fn plain(socket: TcpListener) -> Self {
        Self { socket, tls: None }
    }

    /// A listener in TLS.
    #[must_use]
    pub fn tls(socket: TcpListener, tls: Tls) -> Self {
        let tls = Some(tls);
        Self { socket, tls }
    }
}

/// Serves until `stop`, each connection counted, then lets requests under way end; `cut` ends the wait for them.
pub(crate) async fn serve(
    Listener { socket, tls }: Listener,
    router: Router,
    count: impl Fn() -> Counted + Send,
    ending: Ending,
) {
    let server = Arc::new(protocols());
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    let _renewal = tls
        .clone()
        .map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.renew())));
    let begin = |(stream, peer, slot)| {
        let connection = Connection {
            server: Arc::clone(&server),
            router: router.clone(),
            peer,
            tls: tls.clone(),
            ending: ending.clone(),
            _slot: slot,
            _counted: count(),
        };
        connections.spawn(connection.run(stream));
    };
    while let Some(Some(accepted)) = ending.stop.run_until_cancelled(accept(&socket, &slots)).await {
        begin(accepted);
    }
    // Clients whose connections the system has taken meanwhile are served, too.
    while let Some(Some(accepted)) = accept(&socket, &slots).now_or_never() {
        begin(accepted);
    }
    drop(socket);
    connections.close();
    ending.cut.run_until_cancelled(connections.wait()).await;
}

fn protocols() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES as u32)
        .max_concurrent_streams(H2_STREAMS)
        .keep_alive_interval(Duration::from_secs(30));
    server
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(connections).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers leave at once; a socket that cannot do it still serves.
                let _ = stream.set_nodelay(true);
                return Some((stream, peer, slot));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

impl Connection {
    /// Shakes hands where the listener speaks TLS, then answers requests. Who is slow to shake hands does not hold up the end.
    async fn run(self, stream: TcpStream) {
        let Some(tls) = self.tls.clone() else {
            return self.answer_all(stream).await;
        };
        let slow = async {
            self.ending.stop.cancelled().await;
            tokio::time::sleep(QUIET).await;
        };
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            () = slow => return,
        };
        match shaken {
            Ok(stream) => self.answer_all(stream).await,
            Err(error) => {
                let peer = self.peer;
                tracing::debug!(error = &error as &dyn std::error::Error, %peer, "no TLS connection came about");
            }
        }
    }

    async fn answer_all<I>(self, io: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            server,
            router,
            peer,
            tls,
            ending,
            _slot,
            _counted,
        } = self;
        let activity = Activity::new();
        let stop = async {
            ending.stop.cancelled().await;
            activity.quiet().await;
        };
        let (leaving, seen) = (ending.leaving.clone(), Arc::clone(&activity));
        let secure = tls.is_some();
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, leaving) = (router.clone(), leaving.clone());
            let (version, under_way) = (request.version(), seen.request(request.version()));
            async move {
                let mut response = answer(router, request, peer, secure).await?;
                if leaving.is_cancelled() && version <= Version::HTTP_11 {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Ok::<Response<Answer>, Infallible>(response.map(|body| under_way.until(body)))
            }
        });
        let mut connection = pin!(server.serve_connection(TokioIo::new(io), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // The client's doing: it went away, was too slow, or sent no HTTP.
            tracing::debug!(error = &*error, %peer, "a connection ended");
        }
    }
}

async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    secure: bool,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = router.oneshot(request.map(Body::new)).await?;
    if secure {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    Ok(response)
}
