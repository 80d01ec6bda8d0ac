//! Headers that say in what form the body comes and the answer may go.

use http::{
    HeaderMap,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};

use crate::malformed::Malformed;

/// Checks `Content-Type`, `Content-Encoding` and `Accept`. Needs no body.
///
/// # Errors
/// When the body is not plain JSON in UTF-8, or the client cannot take both forms of an answer.
pub fn check_transport(headers: &HeaderMap) -> Result<(), Malformed> {
    // Even `identity`: nobody sends it, and a body with two readings is what these rules are against.
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Malformed::ContentEncoding);
    }
    if !is_json(headers) {
        return Err(Malformed::ContentType);
    }
    if !accepts(headers, "application/json") || !accepts(headers, "text/event-stream") {
        return Err(Malformed::NotAcceptable);
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(is_harmless_parameter)
}

/// JSON is UTF-8 whatever a parameter says (RFC 8259 section 11); one that says otherwise is refused.
fn is_harmless_parameter(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    }
}

/// Whether `Accept` lists `media_type` itself: MCP asks for both types by name, so a wildcard is not enough.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| is_range_of(range, media_type))
}

fn is_range_of(range: &str, media_type: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(media_type))
        && !parts.any(is_zero_weight)
}

/// `q=0`: not acceptable (RFC 9110 section 12.4.2).
fn is_zero_weight(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, weight)| {
        name.trim().eq_ignore_ascii_case("q")
            && weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
    })
}
