//! What an upstream serves on: TCP, or TLS over it.

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// A connection that was accepted.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes it end with a reset once it is dropped.
    fn reset(&self);
}

impl Connection for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().unwrap();
    }
}

impl Connection for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}
