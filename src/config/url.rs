//! URLs that others know a plane by, and the hosts that follow from them.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use url::{Host, Url};

use super::source::{Fault, Given};

/// An origin, as others know it.
#[derive(Clone, Debug)]
pub(super) struct Origin(Url);

impl Origin {
    /// Reads a URL that has nothing but an origin.
    pub(super) fn read(given: &Given<String>) -> Result<Self, Fault> {
        const HINT: &str = "give an origin such as https://onedoor.example.com";
        let url = Url::parse(&given.value)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or_else(|| given.fault(format!("{:?} is no http(s) URL", given.value), HINT))?;
        let is_origin = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_origin {
            Ok(Self(url))
        } else {
            Err(given.fault("must have no path, query or user", HINT))
        }
    }

    /// The origin of another plane on the same host.
    pub(super) fn beside(&self, secure: bool, port: u16) -> Option<Self> {
        let mut url = self.0.clone();
        url.set_scheme(if secure { "https" } else { "http" }).ok()?;
        url.set_port(Some(port)).ok()?;
        Some(Self(url))
    }

    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it can be reached from this machine only.
    pub(super) fn is_loopback(&self) -> bool {
        self.0.host_str().is_some_and(is_here)
    }

    /// As text, without a trailing slash.
    pub(super) fn text(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// What `Host` may be for it: a port that is the scheme's own may be written or left out.
    pub(super) fn hosts(&self) -> Vec<String> {
        let name = self.0.host_str().unwrap_or_default();
        match (self.0.port(), self.0.port_or_known_default()) {
            (None, Some(port)) => vec![name.to_owned(), format!("{name}:{port}")],
            (Some(port), _) => vec![format!("{name}:{port}")],
            (None, None) => vec![name.to_owned()],
        }
    }
}

/// Whether a host is this machine: a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_here(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// What `Host` may be for whoever asks a loopback listener directly, as health checks do.
pub(super) fn loopback_hosts(listen: SocketAddr) -> Vec<String> {
    if !listen.ip().is_loopback() {
        return Vec::new();
    }
    let port = listen.port();
    let address = match listen.ip() {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    };
    vec![address, format!("localhost:{port}")]
}

/// Whether a text is a host, or host and port.
pub(super) fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok()
}

/// The URL of a part around Onedoor: with one of these schemes, and without a password.
pub(super) fn part(given: &Given<String>, schemes: &[&str], example: &str) -> Result<Url, Fault> {
    let url = Url::parse(&given.value)
        .ok()
        .filter(|url| schemes.contains(&url.scheme()) && url.has_host())
        // It is not told back: it may hold a password.
        .ok_or_else(|| {
            given.fault(
                format!("is no {} URL", schemes.join(" or ")),
                format!("write it as {example}"),
            )
        })?;
    if url.password().is_some() {
        return Err(given.fault(
            "holds a password",
            "take it out, and give `password = \"env:NAME\"` or \"file:/absolute/path\" beside it",
        ));
    }
    Ok(url)
}
