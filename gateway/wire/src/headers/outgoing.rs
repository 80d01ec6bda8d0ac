//! The headers of a request to an upstream.

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};

use super::{METHOD, NAME, PROTOCOL_VERSION, ParamHeaders, encode};
use crate::upstream_request::UpstreamRequest;

/// All the headers that say what is in `request`; where it goes, and with which token, is for the caller to add.
#[must_use]
pub fn outgoing(request: &UpstreamRequest<'_>, params: &ParamHeaders) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    headers.insert(
        PROTOCOL_VERSION,
        HeaderValue::from_static(crate::PROTOCOL_VERSION),
    );
    headers.insert(METHOD, encode(request.method));
    if let Some(mirrored) = request.name {
        headers.insert(NAME, encode(mirrored));
    }
    for (header, value) in params.iter() {
        headers.insert(header.clone(), value.clone());
    }
    headers
}
