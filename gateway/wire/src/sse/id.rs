//! Where a stream is: what a client that lost it goes on from.

use http::HeaderValue;

/// Longest event id that is read from an upstream, in bytes. Ours, which seal one, are longer.
pub const MAX_EVENT_ID: usize = 1 << 10;

/// An event id: text that can stand in an `id` field and in a `Last-Event-ID` header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventId(String);

impl EventId {
    /// Reads an id; `None` if it is empty, not UTF-8, or has control characters.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let is_good = !text.is_empty() && !text.chars().any(char::is_control);
        is_good.then(|| Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The header's value.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        #[expect(
            clippy::expect_used,
            reason = "no control characters: `parse` is the only way to make one"
        )]
        HeaderValue::from_bytes(self.0.as_bytes()).expect("text without control characters is a header value")
    }
}
