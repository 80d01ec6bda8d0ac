//! The headers every request has, against its body.

use http::HeaderMap;

use super::{METHOD, NAME, PROTOCOL_VERSION, decode, single};
use crate::{PROTOCOL_VERSION as OURS, malformed::Malformed, meta_key, request::Request};

/// Checks the MCP headers against the message, and that it is of [`crate::PROTOCOL_VERSION`] and carries the `_meta`
/// members every request of that revision must.
///
/// The revision defines no headers for notifications; those that come with one must agree all the same.
///
/// # Errors
/// When a header is missing, repeated, unreadable or disagrees, the revision is not ours, or `_meta` lacks a member.
pub fn check_request(headers: &HeaderMap, request: &Request<'_>) -> Result<(), Malformed> {
    refuse_repeated(headers)?;
    check_version(headers, request)?;
    check_method(headers, request)?;
    check_name(headers, request)
}

/// No `Mcp-*` header may come twice, not even one we do not read: others may read it.
fn refuse_repeated(headers: &HeaderMap) -> Result<(), Malformed> {
    let repeated = headers
        .keys()
        .find(|name| name.as_str().starts_with("mcp-") && headers.get_all(*name).iter().nth(1).is_some());
    match repeated {
        Some(name) => Err(Malformed::HeaderRepeated(name.to_string())),
        None => Ok(()),
    }
}

fn check_version(headers: &HeaderMap, request: &Request<'_>) -> Result<(), Malformed> {
    let header = single(headers, PROTOCOL_VERSION)?;
    let body = request.params.meta.protocol_version.as_deref();
    match (header, body) {
        (None, _) if !request.is_notification() => {
            return Err(Malformed::HeaderMissing(PROTOCOL_VERSION.to_owned()));
        }
        (Some(header), Some(body)) if header != body => {
            return Err(Malformed::HeaderDisagrees(PROTOCOL_VERSION.to_owned()));
        }
        (Some(_) | None, _) => {}
    }
    // An unknown revision comes first: what it requires in `_meta` we cannot know.
    if let Some(requested) = header.or(body).filter(|requested| *requested != OURS) {
        return Err(Malformed::UnsupportedVersion {
            requested: requested.to_owned(),
            supported: vec![OURS],
        });
    }
    if request.is_notification() {
        return Ok(());
    }
    if body.is_none() {
        return Err(Malformed::MetaMissing(meta_key::PROTOCOL_VERSION));
    }
    if !request.params.meta.has_client_capabilities {
        return Err(Malformed::MetaMissing(meta_key::CLIENT_CAPABILITIES));
    }
    Ok(())
}

fn check_method(headers: &HeaderMap, request: &Request<'_>) -> Result<(), Malformed> {
    match single(headers, METHOD)? {
        Some(method) if method == request.method => Ok(()),
        Some(_) => Err(Malformed::HeaderDisagrees(METHOD.to_owned())),
        None if request.is_notification() => Ok(()),
        None => Err(Malformed::HeaderMissing(METHOD.to_owned())),
    }
}

/// A method without a name to mirror must come without the header: someone may have routed by it.
fn check_name(headers: &HeaderMap, request: &Request<'_>) -> Result<(), Malformed> {
    let disagrees = || Malformed::HeaderDisagrees(NAME.to_owned());
    match (single(headers, NAME)?, request.mirrored_name()) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Malformed::HeaderMissing(NAME.to_owned())),
        (Some(_), None) => Err(disagrees()),
        (Some(header), Some(name)) => {
            let decoded = decode(header).ok_or_else(|| Malformed::HeaderUnreadable(NAME.to_owned()))?;
            if decoded == name { Ok(()) } else { Err(disagrees()) }
        }
    }
}
