//! A connection in hand: one request, one answer.

use std::sync::Arc;

use futures_util::future::Either;
use http::{Request, Response};
use thiserror::Error;

use crate::{
    body::PooledBody, destination::Destination, head, http1, http2, pool::Shelf, request::RequestBody,
    written::Witness,
};

/// What is needed to send one request: a connection that takes it at once and, over HTTP/2, leave to open a stream.
///
/// Over HTTP/1.1 the connection goes back to its pool when the answer was read to its end; until then, dropping the
/// lease, the answer to come, or the answer's body closes it. Over HTTP/2 dropping them ends the stream, and nothing
/// else on the connection.
#[derive(Debug)]
#[must_use = "a lease that is dropped gives up its connection"]
pub struct Lease {
    line: Line,
    destination: Arc<Destination>,
}

/// What a request goes out on.
#[derive(Debug)]
pub(crate) enum Line {
    /// A connection, and where it is wanted back.
    Http1(http1::Connection, Option<Arc<Shelf>>),
    /// One stream of a connection.
    Http2(http2::Credit),
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// The request was certainly not acted on: not one byte of it was written, or the server says so (HTTP/2's
    /// `REFUSED_STREAM`, or `GOAWAY` with an earlier stream: RFC 9113 §8.7). It may be sent once more, on a fresh
    /// connection.
    #[error("the server did not take the request")]
    NotSent {
        /// The request, as it was addressed.
        request: Box<Request<RequestBody>>,
        /// What became of the connection or stream.
        source: Broken,
    },
    /// The request may have been read and acted on, or its streamed body is gone: it must not be sent again. The
    /// server's fault (it closed, reset, or answered with something that is not HTTP), unless the streamed body failed.
    #[error("the connection broke after the request may have been written")]
    MaybeSent {
        /// What became of the connection or stream.
        source: Broken,
    },
}

/// What became of a connection, or of one stream of it. The server's fault, or the network's.
#[derive(Debug, Error)]
pub enum Broken {
    /// A connection of HTTP/1.1 broke.
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    /// A connection of HTTP/2 or a stream of it broke.
    #[error(transparent)]
    Http2(#[from] h2::Error),
    /// The connection ended without saying why.
    #[error("the connection ended")]
    Ended,
}

impl Lease {
    pub(crate) fn new(line: Line, destination: &Arc<Destination>) -> Self {
        Self {
            line,
            destination: Arc::clone(destination),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_closed(&self) -> bool {
        match &self.line {
            Line::Http1(connection, _) => connection.is_closed(),
            Line::Http2(credit) => !credit.is_usable(),
        }
    }

    /// Sends the request; the future is its answer.
    ///
    /// The **call** hands the request to the connection, which was ready for it, and nothing is awaited on the way:
    /// what the caller checked just before still holds when the connection's task, woken by the call, writes it. Once
    /// the call has returned, the request counts as sent, whether or not the future is polled; dropping the future
    /// ends the exchange. Must be called within a Tokio runtime.
    ///
    /// Where it goes, how its body is framed, and what concerns the connection is set here: the request says what, the
    /// lease says where. The answer may come before a streamed body has ended; the body is read on as long as the
    /// answer is.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(
        self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<PooledBody>, SendError>> + Send + 'static {
        self.hand_over(request, None)
    }

    /// The same, and tells when the request was written.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send_witnessed(
        self,
        request: Request<RequestBody>,
        witness: Arc<dyn Witness>,
    ) -> impl Future<Output = Result<Response<PooledBody>, SendError>> + Send + 'static {
        self.hand_over(request, Some(witness))
    }

    fn hand_over(
        self,
        request: Request<RequestBody>,
        witness: Option<Arc<dyn Witness>>,
    ) -> impl Future<Output = Result<Response<PooledBody>, SendError>> + Send + 'static {
        match self.line {
            Line::Http1(connection, shelf) => {
                let request = head::for_http1(request, &self.destination);
                Either::Left(connection.send(request, shelf, witness))
            }
            Line::Http2(credit) => {
                let request = head::for_http2(request, &self.destination);
                Either::Right(credit.send(request, witness))
            }
        }
    }
}
