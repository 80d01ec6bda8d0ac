//! Checks before any route: `Host` and `Origin` against allow-lists (DNS rebinding), and headers on every answer.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS},
    uri::Authority,
};

use crate::door::Door;

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

/// The middleware of the data plane.
pub(crate) async fn guard(State((door, hosts)): State<(Arc<Door>, Hosts)>, request: Request, next: Next) -> Response {
    let mut response = if !hosts.admit(&request) {
        (StatusCode::MISDIRECTED_REQUEST, "This host is not served here.\n").into_response()
    } else if !origin_allowed(&door, request.headers()) {
        (StatusCode::FORBIDDEN, "This origin is not allowed.\n").into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Requests without `Origin` come from no browser page.
fn origin_allowed(door: &Door, headers: &HeaderMap) -> bool {
    let settings = Arc::clone(door.registry.snapshot().settings());
    headers.get_all(ORIGIN).iter().all(|origin| {
        origin.to_str().is_ok_and(|origin| origin == door.public_url || settings.allowed_origins.contains(origin))
    })
}
