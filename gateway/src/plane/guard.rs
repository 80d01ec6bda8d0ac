//! Before any route: `Host` against an allow-list (DNS rebinding), and headers on every answer.

use std::collections::BTreeSet;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, HOST, X_CONTENT_TYPE_OPTIONS},
    uri::Authority,
};

use crate::refusal::HttpReason;

/// The hosts a plane answers to, as `host` or `host:port`, in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(BTreeSet<String>);

/// A text that is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host name, or host and port")]
pub struct InvalidHost(String);

impl Hosts {
    /// Reads an allow-list.
    ///
    /// # Errors
    /// [`InvalidHost`]
    pub(crate) fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidHost> {
        hosts
            .into_iter()
            .map(|host| match host.parse::<Authority>() {
                Ok(authority) if !host.contains('@') => Ok(authority.as_str().to_ascii_lowercase()),
                Ok(_) | Err(_) => Err(InvalidHost(host.to_owned())),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a request is for one of these hosts: by its one `Host` header, or the authority of an HTTP/2 request.
    fn admit(&self, request: &Request) -> bool {
        let mut named = request.headers().get_all(HOST).iter();
        let host = match (request.uri().authority(), named.next(), named.next()) {
            (authority, Some(host), None) => {
                let Ok(host) = host.to_str() else { return false };
                // An absolute-form target must not name another host than the header.
                if authority.is_some_and(|authority| authority.as_str() != host) {
                    return false;
                }
                host
            }
            (Some(authority), None, None) => authority.as_str(),
            (_, _, Some(_)) | (None, None, None) => return false,
        };
        self.0.contains(&host.to_ascii_lowercase())
    }
}

/// Refuses requests for other hosts. For both planes.
pub(crate) async fn hosts(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if hosts.admit(&request) {
        next.run(request).await
    } else {
        refused(HttpReason::HostNotServed, "This host is not served here.\n")
    }
}

/// Adds the headers that every answer of the data plane has.
pub(super) async fn answers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A refusal by status alone.
pub(super) fn refused(reason: HttpReason, text: &'static str) -> Response {
    (reason.status(), text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(target: &str, hosts: &[&str]) -> Request {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn only_the_listed_hosts_are_served() {
        let hosts = Hosts::new(["door.example:8080", "localhost:8080", "[::1]:8080"]).unwrap();
        for good in [
            "door.example:8080",
            "DOOR.example:8080",
            "localhost:8080",
            "[::1]:8080",
        ] {
            assert!(hosts.admit(&request("/", &[good])), "{good}");
        }
        for bad in [
            "door.example",
            "door.example:80",
            "evil.example:8080",
            "door.example:8080.evil",
            "",
            "x@localhost:8080",
        ] {
            assert!(!hosts.admit(&request("/", &[bad])), "{bad}");
        }
        assert!(!hosts.admit(&request("/", &[])), "no host");
        assert!(
            !hosts.admit(&request("/", &["localhost:8080", "localhost:8080"])),
            "two hosts"
        );
    }

    #[test]
    fn an_absolute_target_names_the_same_host() {
        let hosts = Hosts::new(["localhost:8080"]).unwrap();
        assert!(hosts.admit(&request("http://localhost:8080/", &["localhost:8080"])));
        assert!(
            hosts.admit(&request("http://localhost:8080/", &[])),
            "as HTTP/2 has it"
        );
        assert!(!hosts.admit(&request("http://evil.example/", &["localhost:8080"])));
        assert!(!hosts.admit(&request("http://evil.example/", &[])));
    }

    #[test]
    fn what_is_no_host_is_not_listed() {
        for bad in ["", "a b", "user@host", "http://host"] {
            assert!(Hosts::new([bad]).is_err(), "{bad}");
        }
    }
}
