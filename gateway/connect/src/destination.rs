//! Where a connection goes. Pure.

use std::fmt;

use http::{HeaderValue, Uri, uri::Authority};
use rustls::pki_types::ServerName;
use thiserror::Error;
use url::{Host, Position, Url};

/// An origin that can be connected to: scheme, host and port of an http(s) URL. What makes two connections
/// interchangeable, certificate included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    /// The name the server's certificate must bear (and SNI, unless it is an address); none: no TLS.
    pub(crate) tls: Option<ServerName<'static>>,
    /// Host and port, the port only where it is not the scheme's own.
    pub(crate) authority: Authority,
    /// The same as `Host` (RFC 9110 §7.2).
    pub(crate) host_header: HeaderValue,
}

/// A URL that cannot be connected to. The fault of whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnusableUrl {
    /// Neither http nor https.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// No host, or not a name that a certificate can bear.
    #[error("the host is missing or not a valid name")]
    Host,
    /// A user or password: credentials are not kept in URLs.
    #[error("the URL holds a user or a password")]
    UserInfo,
    /// The path or query holds a character that no request may hold.
    #[error("the path or query is not valid")]
    Target,
}

impl Destination {
    /// The origin of a URL.
    ///
    /// # Errors
    /// When it is not one of http or https, or has no host, or holds a password.
    pub fn of(url: &Url) -> Result<Self, UnusableUrl> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(UnusableUrl::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UnusableUrl::UserInfo);
        }
        let host = url.host().ok_or(UnusableUrl::Host)?.to_owned();
        let port = url.port_or_known_default().ok_or(UnusableUrl::Scheme)?;
        let tls = secure.then(|| server_name(&host)).transpose()?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let host_header = HeaderValue::try_from(&authority).map_err(|_| UnusableUrl::Host)?;
        let authority = Authority::try_from(authority).map_err(|_| UnusableUrl::Host)?;
        Ok(Self {
            host,
            port,
            tls,
            authority,
            host_header,
        })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// The path and query of a URL, as a request names them.
pub(crate) fn target(url: &Url) -> Result<Uri, UnusableUrl> {
    url[Position::BeforePath..Position::AfterQuery]
        .parse()
        .map_err(|_| UnusableUrl::Target)
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, UnusableUrl> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| UnusableUrl::Host),
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Destination, UnusableUrl> {
        Destination::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_url_says_where_to_connect_and_whose_certificate_to_ask_for() {
        for (url, shown, authority, server_name) in [
            (
                "http://tools.example/mcp?x=1#y",
                "http://tools.example:80",
                "tools.example",
                None,
            ),
            (
                "https://Tools.Example:443/",
                "https://tools.example:443",
                "tools.example",
                Some("tools.example"),
            ),
            (
                "https://tools.example:8443",
                "https://tools.example:8443",
                "tools.example:8443",
                Some("tools.example"),
            ),
            (
                "https://bücher.example/",
                "https://xn--bcher-kva.example:443",
                "xn--bcher-kva.example",
                Some("xn--bcher-kva.example"),
            ),
            (
                "https://192.0.2.1/",
                "https://192.0.2.1:443",
                "192.0.2.1",
                Some("192.0.2.1"),
            ),
            (
                "https://[2001:db8::1]:9/",
                "https://[2001:db8::1]:9",
                "[2001:db8::1]:9",
                Some("2001:db8::1"),
            ),
            // Other spellings of one address are that address, and are judged as such.
            ("http://0x7f.1/", "http://127.0.0.1:80", "127.0.0.1", None),
            ("http://2130706433/", "http://127.0.0.1:80", "127.0.0.1", None),
        ] {
            let destination = of(url).unwrap();
            assert_eq!(destination.to_string(), shown);
            assert_eq!(destination.authority, authority);
            assert_eq!(destination.host_header, authority);
            assert_eq!(
                destination.tls.map(|name| name.to_str().into_owned()).as_deref(),
                server_name
            );
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for (url, fault) in [
            ("ftp://tools.example/", UnusableUrl::Scheme),
            ("file:///etc/passwd", UnusableUrl::Scheme),
            ("unix:/run/docker.sock", UnusableUrl::Scheme),
            ("https://user@tools.example/", UnusableUrl::UserInfo),
            ("https://:secret@tools.example/", UnusableUrl::UserInfo),
            ("https://a_very-$trange.example/", UnusableUrl::Host),
        ] {
            assert_eq!(of(url), Err(fault), "{url}");
        }
    }

    #[test]
    fn a_target_is_path_and_query() {
        for (url, shown) in [
            ("http://a", "/"),
            ("http://a/b c?d=ü#e", "/b%20c?d=%C3%BC"),
            ("http://a?x", "/?x"),
        ] {
            assert_eq!(target(&Url::parse(url).unwrap()).unwrap(), shown);
        }
    }
}
