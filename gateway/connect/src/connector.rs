//! The connector: from a destination to a connection that can take a request.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use rustls::RootCertStore;
use thiserror::Error;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    address::{AddressPolicy, Forbidden},
    destination::Destination,
    dial, http1, http2,
    lease::{Broken, Lease, Line},
    pool::{PoolLimits, Slot},
    tls,
    written::Witnessed,
};

/// An answer's head, in bytes, at most.
pub(crate) const MAX_HEAD: u32 = 64 * 1024;

/// Makes connections. Cheap to clone; clones share TLS sessions.
#[derive(Clone)]
pub struct Connector {
    pub(crate) tls: TlsConnector,
    /// Whom `tls` trusts.
    pub(crate) roots: Arc<RootCertStore>,
}

/// A connection that takes requests.
#[derive(Debug)]
pub(crate) enum Connection {
    Http1(http1::Connection),
    Http2(Arc<http2::Connection>),
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
    Broken(#[source] Broken),
    /// The deadline passed. The server's fault or the deadline's; may pass.
    #[error("no connection in time: {0} took too long")]
    TimedOut(Stage),
}

/// What a connection was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Another request's end: there are as many connections as there may be.
    Waiting,
    /// The name server.
    Resolving,
    /// TCP.
    Connecting,
    /// TLS, and whatever else comes before the first request.
    Handshake,
}

impl Connector {
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
        let ping_every = PoolLimits::default().ping_every;
        let line = match self.open(destination, policy, deadline, ping_every, None).await? {
            Connection::Http1(connection) => Line::Http1(connection, None),
            Connection::Http2(connection) => {
                let credit = connection.reserve();
                Line::Http2(credit.ok_or(ConnectError::Broken(Broken::Ended))?)
            }
        };
        Ok(Lease::new(line, destination))
    }

    pub(crate) async fn open(
        &self,
        destination: &Destination,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        ping_every: Duration,
        slot: Option<Slot>,
    ) -> Result<Connection, ConnectError> {
        let (stream, peer) = dial::dial(destination, policy, deadline).await?;
        let handshake = self.handshake(destination, stream, peer, ping_every, slot);
        timeout_at(deadline, handshake)
            .await
            .map_err(|_| ConnectError::TimedOut(Stage::Handshake))?
    }

    /// Whether HTTP/1.1 or HTTP/2 is spoken is agreed on in TLS (ALPN, RFC 7301); without, it is HTTP/1.1.
    async fn handshake(
        &self,
        destination: &Destination,
        stream: TcpStream,
        peer: IpAddr,
        ping_every: Duration,
        slot: Option<Slot>,
    ) -> Result<Connection, ConnectError> {
        let stream = Witnessed::new(stream);
        let witnesses = stream.witnesses();
        let Some(name) = &destination.tls else {
            let opened = http1::Connection::open(stream, witnesses, peer, slot).await;
            return opened.map(Connection::Http1).map_err(broken);
        };
        let stream = self
            .tls
            .connect(name.clone(), stream)
            .await
            .map_err(ConnectError::Tls)?;
        if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2) {
            let opened = http2::Connection::open(stream, witnesses, peer, slot, ping_every).await;
            opened.map(Connection::Http2).map_err(ConnectError::Broken)
        } else {
            let opened = http1::Connection::open(stream, witnesses, peer, slot).await;
            opened.map(Connection::Http1).map_err(broken)
        }
    }
}

fn broken(error: hyper::Error) -> ConnectError {
    ConnectError::Broken(error.into())
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting for another request's end",
            Self::Resolving => "resolving the name",
            Self::Connecting => "connecting",
            Self::Handshake => "the handshake",
        })
    }
}
