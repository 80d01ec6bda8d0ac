//! A connection in use: one request, one answer.

use std::{fmt, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, Uri, Version, header::HOST, uri::PathAndQuery};
use http_body_util::Full;
use hyper::{
    client::conn::http1,
    rt::{Read, Write},
};
use thiserror::Error;
use tokio::task::AbortHandle;

use crate::{body::PooledBody, destination::Destination, pool::Shelf};

/// A request's body: whole, in memory.
pub type RequestBody = Full<Bytes>;

/// An HTTP/1.1 connection. Dropping it closes the socket at once, whatever is under way on it.
pub(crate) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    driver: AbortHandle,
    peer: IpAddr,
}

/// A connection that is ready to take one request. It goes back to its pool when the answer was read to its end;
/// until then, dropping the lease, the answer to come, or the answer's body closes it.
#[derive(Debug)]
#[must_use = "a lease that is dropped closes its connection"]
pub struct Lease {
    connection: Connection,
    destination: Arc<Destination>,
    shelf: Option<Arc<Shelf>>,
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// Not one byte of the request was written: the connection closed before. It may be sent once more, on a fresh
    /// connection.
    #[error("the connection closed before the request was written")]
    NotSent {
        /// The request, as it was addressed.
        request: Box<Request<RequestBody>>,
        /// What became of the connection.
        source: hyper::Error,
    },
    /// The request may have been read and acted on: it must not be sent again. The server's fault: it closed, reset,
    /// or answered with something that is not HTTP.
    #[error("the connection broke after the request may have been written")]
    MaybeSent {
        /// What became of the connection.
        source: hyper::Error,
    },
}

impl Connection {
    /// Takes a connection into use. Must be called within a Tokio runtime, which drives it.
    pub(crate) fn spawn<S>(
        sender: http1::SendRequest<RequestBody>,
        driver: http1::Connection<S, RequestBody>,
        peer: IpAddr,
    ) -> Self
    where
        S: Read + Write + Unpin + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer is told; on an idle connection it concerns nobody.
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Self {
            sender,
            driver: driver.abort_handle(),
            peer,
        }
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
}

impl Lease {
    /// A connection that no pool wants back.
    pub(crate) fn alone(connection: Connection, destination: &Arc<Destination>) -> Self {
        Self {
            connection,
            destination: Arc::clone(destination),
            shelf: None,
        }
    }

    pub(crate) fn pooled(connection: Connection, destination: &Arc<Destination>, shelf: &Arc<Shelf>) -> Self {
        Self {
            connection,
            destination: Arc::clone(destination),
            shelf: Some(Arc::clone(shelf)),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    /// Sends the request; the future is its answer.
    ///
    /// The **call** hands the request to the connection, which was ready for it, and nothing is awaited on the way:
    /// what the caller checked just before still holds when the connection's task, woken by the call, writes it. Once
    /// the call has returned, the request counts as sent, whether or not the future is polled; dropping the future
    /// closes the connection.
    ///
    /// `Host` and the form of the target are set here (RFC 9112 §3.2.1): the request says what, the lease says where.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(
        mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<PooledBody>, SendError>> + Send + 'static {
        let request = self.addressed(request);
        let answer = self.connection.sender.try_send_request(request);
        async move {
            match answer.await {
                Ok(answer) => Ok(answer.map(|body| PooledBody::new(body, self.connection, self.shelf))),
                Err(mut error) => Err(match error.take_message() {
                    Some(request) => SendError::NotSent {
                        request: Box::new(request),
                        source: error.into_error(),
                    },
                    None => SendError::MaybeSent {
                        source: error.into_error(),
                    },
                }),
            }
        }
    }

    fn addressed(&self, mut request: Request<RequestBody>) -> Request<RequestBody> {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        *request.version_mut() = Version::HTTP_11;
        request
            .headers_mut()
            .insert(HOST, self.destination.authority.clone());
        request
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
