//! Connections of HTTP/1.1: one request at a time.

mod body;

use std::{fmt, net::IpAddr, pin::pin, sync::Arc};

use http::{Request, Response};
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};

use crate::{
    body::PooledBody,
    connector::MAX_HEAD,
    lease::SendError,
    pool::{Shelf, Slot},
    request::RequestBody,
    written::{Witness, Witnesses},
};

pub(crate) use body::Http1Body;

/// Headers in an answer's head, at most.
const MAX_HEADERS: usize = 128;

/// What is read ahead of a body, in bytes, at most.
const READ_BUFFER: usize = 256 * 1024;

/// A connection. Dropping it closes the socket at once, whatever is under way on it.
pub(crate) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    driver: Driver,
    witnesses: Witnesses,
    peer: IpAddr,
    slot: Option<Slot>,
}

/// The task that reads and writes; it ends with the connection, and the connection with it.
struct Driver(JoinHandle<()>);

impl Connection {
    /// Speaks HTTP/1.1 over a stream, and waits until a request can be taken.
    pub(crate) async fn open<S>(
        stream: S,
        witnesses: Witnesses,
        peer: IpAddr,
        slot: Option<Slot>,
    ) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD as usize)
            .max_buf_size(READ_BUFFER)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer is told; on an idle connection it concerns nobody.
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        let mut connection = Self {
            sender,
            driver: Driver(driver),
            witnesses,
            peer,
            slot,
        };
        connection.ready().await?;
        Ok(connection)
    }

    /// Waits until a request can be taken.
    pub(crate) async fn ready(&mut self) -> Result<(), hyper::Error> {
        self.sender.ready().await
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Hands over the request, then waits for its answer.
    pub(crate) fn send(
        self,
        request: Request<RequestBody>,
        shelf: Option<Arc<Shelf>>,
        witness: Option<Arc<dyn Witness>>,
    ) -> impl Future<Output = Result<Response<PooledBody>, SendError>> + Send + 'static {
        let Self {
            mut sender,
            mut driver,
            witnesses,
            peer,
            slot,
        } = self;
        // First: the driver may write before the next line.
        if let Some(witness) = witness {
            witnesses.add(witness);
        }
        let answer = sender.try_send_request(request);
        async move {
            let mut answer = pin!(answer);
            let answered = tokio::select! {
                biased;
                answered = answer.as_mut() => answered.map(|answer| {
                    let connection = Self { sender, driver, witnesses, peer, slot };
                    answer.map(|body| Http1Body::held(body, connection, shelf))
                }),
                _ = &mut driver.0 => {
                    // A request that came in just as the task ended lies in a queue that nobody reads; it comes back
                    // when the queue goes.
                    drop(sender);
                    answer.await.map(|answer| answer.map(Http1Body::last))
                }
            };
            answered
                .map(|answer| answer.map(PooledBody::from))
                .map_err(unanswered)
        }
    }
}

fn unanswered(mut error: TrySendError<Request<RequestBody>>) -> SendError {
    match error.take_message() {
        Some(request) => SendError::NotSent {
            request: Box::new(request),
            source: error.into_error().into(),
        },
        None => SendError::MaybeSent {
            source: error.into_error().into(),
        },
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
