//! Token B itself.

use std::fmt;

use http::HeaderValue;

/// RFC 6750 §2.1.
const SCHEME: &str = "Bearer ";

/// A token for one tool's audience, for the caller. Never printed.
#[derive(Clone)]
pub struct TokenB(HeaderValue);

impl TokenB {
    /// From a token's text; `None` where it cannot stand in a header.
    pub(crate) fn bearer(token: &str) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("{SCHEME}{token}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// The `Authorization` header that carries it.
    #[must_use]
    pub fn into_header(self) -> HeaderValue {
        self.0
    }

    /// Its text, to keep it. It must reach no log, no event, no answer.
    pub(crate) fn expose(&self) -> &[u8] {
        let bytes = self.0.as_bytes();
        bytes.strip_prefix(SCHEME.as_bytes()).unwrap_or(bytes)
    }

    /// Its size in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for TokenB {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenB(…)")
    }
}
