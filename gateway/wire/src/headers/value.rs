//! Header values that mirror text (MCP 2026-07-28, "Value Encoding").

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use std::borrow::Cow;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// The header value for `text`: itself where that is safe, else in Base64 between markers.
#[must_use]
pub fn encode(text: &str) -> HeaderValue {
    let plain = if is_plain(text) {
        HeaderValue::from_str(text).ok()
    } else {
        None
    };
    plain.unwrap_or_else(|| {
        let encoded = format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text));
        #[expect(
            clippy::expect_used,
            reason = "the Base64 alphabet and the markers are visible ASCII"
        )]
        HeaderValue::try_from(encoded).expect("visible ASCII is a header value")
    })
}

/// The text a header value stands for; `None` if it claims to be Base64 and is not, or not of UTF-8.
#[must_use]
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    match value
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX))
    {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?)
            .ok()
            .map(Cow::Owned),
    }
}

fn is_plain(text: &str) -> bool {
    let is_safe = text.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E));
    let is_trimmed = text.trim_matches([' ', '\t']).len() == text.len();
    let looks_encoded = text.starts_with(PREFIX) && text.ends_with(SUFFIX);
    is_safe && is_trimmed && !looks_encoded
}
