//! The MCP headers against the message.

use http::HeaderMap;

use super::{METHOD, NAME, PROTOCOL_VERSION, decode, single};
use crate::{
    PROTOCOL_VERSION as OURS,
    malformed::Malformed,
    meta_key,
    request::{Request, mirrored_name},
    session::Message,
};

/// Whether a header that mirrors the message must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mirror {
    Required,
    /// It must agree all the same: someone may have routed by it.
    Optional,
}

/// Checks the MCP headers against the message, and that it is of [`crate::PROTOCOL_VERSION`] and carries the `_meta`
/// members every request of that revision must. `supported` are the revisions the endpoint has.
///
/// The revision defines no headers for notifications; those that come with one must agree all the same.
///
/// # Errors
/// When a header is missing, repeated, unreadable or disagrees, the revision is another or not supported, or `_meta`
/// lacks a member.
pub fn check_request(
    headers: &HeaderMap,
    request: &Request<'_>,
    supported: &[&'static str],
) -> Result<(), Malformed> {
    refuse_repeated(headers)?;
    check_version(headers, request, supported)?;
    let mirror = if request.is_notification() {
        Mirror::Optional
    } else {
        Mirror::Required
    };
    check_method(headers, Some(&request.method), mirror)?;
    check_name(headers, request.mirrored_name(), mirror)
}

/// Checks those headers of a message in a session that mirror it, if there are any, and that none is repeated.
pub(crate) fn check_if_sent(headers: &HeaderMap, message: Option<&Message<'_>>) -> Result<(), Malformed> {
    refuse_repeated(headers)?;
    let method = message.and_then(Message::method);
    let params = message.and_then(Message::params);
    let name = method
        .zip(params)
        .and_then(|(method, params)| mirrored_name(method, params));
    check_method(headers, method, Mirror::Optional)?;
    check_name(headers, name, Mirror::Optional)
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

fn check_version(
    headers: &HeaderMap,
    request: &Request<'_>,
    supported: &[&'static str],
) -> Result<(), Malformed> {
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
    let is_ours = |requested: &str| requested == OURS && supported.contains(&OURS);
    if let Some(requested) = header.or(body).filter(|requested| !is_ours(requested)) {
        return Err(Malformed::UnsupportedVersion {
            requested: requested.to_owned(),
            supported: supported.to_vec(),
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

/// A message without a method must come without the header, as one without a name without its.
fn check_method(headers: &HeaderMap, method: Option<&str>, mirror: Mirror) -> Result<(), Malformed> {
    match (single(headers, METHOD)?, method) {
        (Some(header), Some(method)) if header == method => Ok(()),
        (Some(_), _) => Err(Malformed::HeaderDisagrees(METHOD.to_owned())),
        (None, Some(_)) if mirror == Mirror::Required => Err(Malformed::HeaderMissing(METHOD.to_owned())),
        (None, _) => Ok(()),
    }
}

fn check_name(headers: &HeaderMap, name: Option<&str>, mirror: Mirror) -> Result<(), Malformed> {
    let disagrees = || Malformed::HeaderDisagrees(NAME.to_owned());
    match (single(headers, NAME)?, name) {
        (None, Some(_)) if mirror == Mirror::Required => Err(Malformed::HeaderMissing(NAME.to_owned())),
        (None, _) => Ok(()),
        (Some(_), None) => Err(disagrees()),
        (Some(header), Some(name)) => {
            let decoded = decode(header).ok_or_else(|| Malformed::HeaderUnreadable(NAME.to_owned()))?;
            if decoded == name { Ok(()) } else { Err(disagrees()) }
        }
    }
}
