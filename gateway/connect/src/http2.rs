//! Connections of HTTP/2 (RFC 9113): many requests at a time, each on a stream of its own.
//!
//! On the `h2` crate itself: hyper's client tells neither how many streams the server allows, so that a request might
//! wait in its queue after it was handed over, nor ends an upload whose answer nobody reads any more.

mod body;
mod driver;
mod upload;

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::{Request, Response};
use http_body::Body as _;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::Instant,
};

use crate::{
    body::PooledBody,
    connector::MAX_HEAD,
    lease::{Broken, SendError},
    pool::Slot,
    request::RequestBody,
    written::{Witness, Witnesses},
};
use upload::Upload;

pub(crate) use body::Http2Body;

/// Streams of one connection at once, at most, whatever the server allows.
const MAX_STREAMS: u32 = 128;

/// What is read ahead of one answer's body, in bytes, at most. The connection's window has room for it on every
/// stream, so that a slow reader never holds up another's answer.
const STREAM_WINDOW: u32 = 256 * 1024;

/// What is taken of one streamed request's body before the server has taken it, in bytes, at most.
const SEND_BUFFER: usize = 256 * 1024;

/// A connection. When it is dropped and its last stream has ended, it says so to the server and closes.
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    /// Streams that the server allows at once; closed when the connection has ended.
    allowed: watch::Receiver<usize>,
    in_use: Mutex<InUse>,
    witnesses: Witnesses,
    peer: IpAddr,
    opened: Instant,
    slot: Option<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct InUse {
    streams: usize,
    /// When the last change to or from no stream was.
    since: Instant,
}

/// Leave to open one stream, then the stream itself. Its connection has no more of them than the server allows.
pub(crate) struct Credit(Arc<Connection>);

/// A request on its way, and what is kept until its answer comes.
struct Awaited {
    answer: ResponseFuture,
    upload: Option<Upload>,
    /// The same request, if it can be sent once more.
    again: Option<Box<Request<RequestBody>>>,
    credit: Credit,
}

impl Connection {
    /// Speaks HTTP/2 over a stream, and waits until the server allows requests. It is asked for a sign of life as
    /// often as `ping_every` says, and given up if none comes for as long. Must be called within a Tokio runtime.
    pub(crate) async fn open<S>(
        stream: S,
        witnesses: Witnesses,
        peer: IpAddr,
        slot: Option<Slot>,
        ping_every: Duration,
    ) -> Result<Arc<Self>, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = Builder::new()
            .enable_push(false)
            // None, until the server's settings say how many.
            .initial_max_send_streams(0)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * MAX_STREAMS)
            .max_header_list_size(MAX_HEAD)
            .max_send_buffer_size(SEND_BUFFER)
            .handshake(stream)
            .await?;
        let (allow, mut allowed) = watch::channel(0);
        tokio::spawn(driver::drive(connection, allow, ping_every));
        allowed
            .wait_for(|allowed| *allowed > 0)
            .await
            .map_err(|_| Broken::Ended)?;
        let opened = Instant::now();
        Ok(Arc::new(Self {
            sender,
            allowed,
            in_use: Mutex::new(InUse {
                streams: 0,
                since: opened,
            }),
            witnesses,
            peer,
            opened,
            slot,
        }))
    }

    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// Whether it takes requests: it has not ended, and the server has not said that it will (`GOAWAY`).
    pub(crate) fn is_usable(&self) -> bool {
        let mut sender = self.sender.clone();
        // A sender of its own has nothing pending: the answer is there at once.
        let ready = sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        matches!(ready, Poll::Ready(Ok(()))) && self.allowed.has_changed().is_ok()
    }

    /// How long it has had no stream.
    pub(crate) fn idle_for(&self) -> Duration {
        let used = *self.in_use.lock();
        if used.streams == 0 {
            used.since.elapsed()
        } else {
            Duration::ZERO
        }
    }

    /// Leave to open a stream, if the server allows another one.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<Credit> {
        let allowed = (*self.allowed.borrow()).min(MAX_STREAMS as usize);
        let mut used = self.in_use.lock();
        if used.streams >= allowed || !self.is_usable() {
            return None;
        }
        used.streams += 1;
        Some(Credit(Arc::clone(self)))
    }
}

impl Credit {
    #[cfg(test)]
    pub(crate) fn is_usable(&self) -> bool {
        self.0.is_usable()
    }

    /// Hands over the request, then waits for its answer.
    pub(crate) fn send(
        self,
        request: Request<RequestBody>,
        witness: Option<Arc<dyn Witness>>,
    ) -> impl Future<Output = Result<Response<PooledBody>, SendError>> + Send + 'static {
        let connection = Arc::clone(&self.0);
        // First: the driver may write before the next line.
        if let Some(witness) = &witness {
            connection.witnesses.add(Arc::clone(witness));
        }
        let sent = self.hand_over(request);
        if let Some(witness) = witness.filter(|_| sent.is_err()) {
            connection.witnesses.withdraw(&witness);
        }
        async move { sent?.answer().await }
    }

    fn hand_over(self, request: Request<RequestBody>) -> Result<Awaited, SendError> {
        let (head, body) = request.into_parts();
        let mut sender = self.0.sender.clone();
        let opening = Request::from_parts(head.clone(), ());
        match sender.send_request(opening, body.is_end_stream()) {
            Ok((answer, stream)) => {
                let again = body.copy().map(|body| Box::new(Request::from_parts(head, body)));
                Ok(Awaited {
                    answer,
                    upload: Upload::start(body, stream),
                    again,
                    credit: self,
                })
            }
            Err(source) => Err(SendError::NotSent {
                request: Box::new(Request::from_parts(head, body)),
                source: source.into(),
            }),
        }
    }
}

impl Awaited {
    async fn answer(self) -> Result<Response<PooledBody>, SendError> {
        let Self {
            answer,
            upload,
            again,
            credit,
        } = self;
        match (answer.await, again) {
            (Ok(answer), _) => {
                let (head, stream) = answer.into_parts();
                let body = Http2Body::new(stream, &head.headers, upload, credit);
                Ok(Response::from_parts(head, body.into()))
            }
            (Err(error), Some(request)) if was_not_processed(&error) => Err(SendError::NotSent {
                request,
                source: error.into(),
            }),
            (Err(error), _) => Err(SendError::MaybeSent { source: error.into() }),
        }
    }
}

/// Whether the server says that it has not acted on the stream's request (RFC 9113 §8.7). The library tells a stream
/// of the server's `GOAWAY` only if that names an earlier stream as the last one.
fn was_not_processed(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}

impl Drop for Credit {
    fn drop(&mut self) {
        let mut used = self.0.in_use.lock();
        used.streams -= 1;
        if used.streams == 0 {
            used.since = Instant::now();
        }
        drop(used);
        if let Some(slot) = &self.0.slot {
            slot.tell_one();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("in_use", &*self.in_use.lock())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Credit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credit").field(&self.0.peer).finish()
    }
}
