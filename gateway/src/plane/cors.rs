//! Cross-origin requests (Fetch standard §3.3, CORS): which web pages may call, and read what is answered.
//!
//! There are no cookies here, so a page can only use a token that it has. Requests without `Origin` come from no page.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

use super::guard::refused;
use crate::{door::Door, refusal::HttpReason};

/// What a page may send: all that any route takes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// What a page may read beside the body: how to get a token, which session this is, which call it was.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Retry-After, Mcp-Session-Id, MCP-Protocol-Version, Onedoor-Call-Id",
);

/// Seconds for which a browser may remember that it may send a request; what it sends is checked all the same.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// For what takes a token: pages of the door's own origin, and of those an administrator allowed. Others are refused.
pub(super) async fn allowed(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return next.run(request).await,
        (Some(origin), None) if may_call(&door, origin) => origin.clone(),
        (Some(_), _) => return refused(HttpReason::OriginNotAllowed, "This origin is not allowed.\n"),
    };
    answered(origin, request, next).await
}

/// For what tells how to get a token: pages of any origin. Said in every answer, as some may be kept for others.
pub(super) async fn open(request: Request, next: Next) -> Response {
    answered(HeaderValue::from_static("*"), request, next).await
}

fn may_call(door: &Door, origin: &HeaderValue) -> bool {
    let snapshot = door.registry.snapshot();
    let allowed = &snapshot.settings().allowed_origins;
    origin
        .to_str()
        .is_ok_and(|origin| origin == door.public_url || allowed.contains(origin))
}

/// The answer to a page that may read it; to its browser, where that asks first.
async fn answered(origin: HeaderValue, request: Request, next: Next) -> Response {
    let mut response = match preflight(request.method(), request.headers()) {
        Some(headers) => (StatusCode::NO_CONTENT, headers).into_response(),
        None => {
            let mut response = next.run(request).await;
            response
                .headers_mut()
                .insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

/// What a browser that asks first is told. Any header may be sent: `Mcp-Param-*` are the tools' own.
fn preflight(method: &Method, headers: &HeaderMap) -> Option<[(HeaderName, HeaderValue); 3]> {
    let asks = method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    asks.then(|| {
        [
            (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                asked.unwrap_or(HeaderValue::from_static("")),
            ),
            (ACCESS_CONTROL_MAX_AGE, REMEMBERED),
        ]
    })
}
