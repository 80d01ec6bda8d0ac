//! The connector: from a destination to a connection that can take a request.

use std::{io, net::IpAddr, sync::Arc};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    address::{AddressPolicy, Forbidden},
    connection::{Connection, Lease},
    destination::Destination,
    dial,
    roots::{Roots, RootsError, client_config},
};

/// Headers in an answer's head, at most.
const MAX_HEADERS: usize = 128;

/// An answer's head, in bytes, at most.
const MAX_HEAD: usize = 64 * 1024;

/// What is read ahead of a body, in bytes, at most.
const READ_BUFFER: usize = 256 * 1024;

/// Makes connections. Cheap to clone; clones share TLS sessions.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
}

/// Why there is no connection. Nothing was sent, so the call may be tried again where the variant says so.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The name cannot be resolved. The operator's or the name server's fault; may pass.
    #[error("cannot resolve the server's name")]
    Resolve(#[source] io::Error),
    /// The name has no address. The operator's fault; may pass.
    #[error("the server's name has no address")]
    NoAddress,
    /// An address of the name is not allowed. The fault of whoever registered it; a repeat will not help.
    #[error("the server's address is not allowed")]
    Forbidden(#[from] Forbidden),
    /// No address took the connection. The server's fault; may pass.
    #[error("the server does not take connections")]
    Tcp(#[source] io::Error),
    /// No TLS with the server: its certificate is not trusted, or it speaks no TLS we do. The server's fault.
    #[error("no TLS with the server")]
    Tls(#[source] io::Error),
    /// The connection broke before it could take a request. The server's fault; may pass.
    #[error("the connection broke before it was used")]
    Broken(#[source] hyper::Error),
    /// The deadline passed. The server's fault or the deadline's; may pass.
    #[error("no connection in time: {0} took too long")]
    TimedOut(Stage),
}

/// What a connection was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The name server.
    Resolving,
    /// TCP.
    Connecting,
    /// TLS, and whatever else comes before the first request.
    Handshake,
}

impl Connector {
    /// A connector that trusts these authorities.
    ///
    /// # Errors
    /// When one of them is unusable.
    pub fn new(roots: Roots) -> Result<Self, RootsError> {
        Ok(Self {
            tls: TlsConnector::from(client_config(roots)?),
        })
    }

    /// A connection of its own, closed after its one answer; [`crate::Pool`] keeps them instead.
    ///
    /// # Errors
    /// When there is none by the deadline.
    pub async fn connect(
        &self,
        destination: &Arc<Destination>,
        policy: AddressPolicy<'_>,
        deadline: Instant,
    ) -> Result<Lease, ConnectError> {
        let connection = self.open(destination, policy, deadline).await?;
        Ok(Lease::alone(connection, destination))
    }

    pub(crate) async fn open(
        &self,
        destination: &Destination,
        policy: AddressPolicy<'_>,
        deadline: Instant,
    ) -> Result<Connection, ConnectError> {
        let (stream, peer) = dial::dial(destination, policy, deadline).await?;
        let handshake = async {
            match &destination.tls {
                Some(name) => {
                    let stream = self
                        .tls
                        .connect(name.clone(), stream)
                        .await
                        .map_err(ConnectError::Tls)?;
                    start(stream, peer).await
                }
                None => start(stream, peer).await,
            }
        };
        timeout_at(deadline, handshake)
            .await
            .map_err(|_| ConnectError::TimedOut(Stage::Handshake))?
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolving => "resolving the name",
            Self::Connecting => "connecting",
            Self::Handshake => "the handshake",
        })
    }
}

/// Speaks HTTP/1.1 over a stream, and waits until a request can be taken.
async fn start<S>(stream: S, peer: IpAddr) -> Result<Connection, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(READ_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Broken)?;
    let mut connection = Connection::spawn(sender, driver, peer);
    connection.ready().await.map_err(ConnectError::Broken)?;
    Ok(connection)
}
