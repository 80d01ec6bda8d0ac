//! The listeners of `onedoor dev`.

use std::{io, net::Ipv4Addr};

use tokio::net::TcpListener;
use url::Url;

use super::folder::Folder;

/// One listener each.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) data: TcpListener,
    pub(super) admin: TcpListener,
    pub(super) idp: TcpListener,
    pub(super) finance: TcpListener,
    pub(super) hr: TcpListener,
    pub(super) rates: TcpListener,
}

/// A port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on 127.0.0.1:{port} for {what}: stop what uses it, or start with --free-ports")]
pub(super) struct Taken {
    port: u16,
    what: &'static str,
    #[source]
    source: io::Error,
}

impl Ports {
    /// The usual ports; or free ones, which are those of the last run where there was one.
    pub(super) async fn bind(free: bool, folder: &Folder) -> Result<Self, Taken> {
        let last = if free { folder.last_places() } else { None };
        let port = |usual: u16, last: Option<&Url>| match (free, last) {
            (false, _) => usual,
            (true, last) => last.and_then(Url::port).unwrap_or(0),
        };
        Ok(Self {
            data: listen(port(8080, last.as_ref().map(|l| &l.data)), "the data plane").await?,
            admin: listen(port(8081, last.as_ref().map(|l| &l.admin)), "the admin plane").await?,
            idp: listen(port(8082, last.as_ref().map(|l| &l.idp)), "the identity provider").await?,
            finance: listen(
                port(9101, last.as_ref().map(|l| &l.finance)),
                "the finance server",
            )
            .await?,
            hr: listen(port(9102, last.as_ref().map(|l| &l.hr)), "the hr server").await?,
            rates: listen(port(9103, last.as_ref().map(|l| &l.rates)), "the rates service").await?,
        })
    }
}

async fn listen(port: u16, what: &'static str) -> Result<TcpListener, Taken> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|source| Taken { port, what, source })
}
