//! Bearer tokens of tests.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// A bearer token. It does not print itself: a failing test must not put one where the search for tokens looks.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of this text, good or bad.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The claims of a JWT, unverified.
    #[must_use]
    pub fn claims(&self) -> Value {
        let payload = self.0.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    /// The signature part of a JWT: it is in no other token.
    #[must_use]
    pub fn signature(&self) -> &str {
        self.0.rsplit('.').next().unwrap()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
