//! The bearer token of a request (RFC 6750 section 2.1): from one `Authorization` header, never from the query.

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use thiserror::Error;

/// Longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// A bearer token as the caller sent it, not verified. Prints as nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BearerToken<'a>(&'a str);

/// A bearer token that outlives its request. Prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedToken(Box<str>);

/// Why there is no token to check. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BearerFault {
    /// No `Authorization` header: the challenge names no error (RFC 6750 section 3.1).
    #[error("no Authorization header")]
    Missing,
    /// More than one.
    #[error("repeated Authorization header")]
    Repeated,
    /// Another scheme than Bearer.
    #[error("the Authorization scheme is not Bearer")]
    WrongScheme,
    /// Nothing after the scheme.
    #[error("empty token")]
    Empty,
    /// A character no token has (RFC 6750 `b64token`).
    #[error("invalid character in the token")]
    InvalidCharacter,
    /// Longer than [`MAX_TOKEN`].
    #[error("token too long")]
    TooLong,
}

/// The request's bearer token.
///
/// # Errors
/// When there is not exactly one, well-formed.
pub fn bearer(headers: &HeaderMap) -> Result<BearerToken<'_>, BearerFault> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(BearerFault::Missing)?;
    if values.next().is_some() {
        return Err(BearerFault::Repeated);
    }
    let (scheme, rest) = split_at_space(value.as_bytes());
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(BearerFault::WrongScheme);
    }
    BearerToken::parse(rest.trim_ascii())
}

impl<'a> BearerToken<'a> {
    /// Reads a token's text.
    ///
    /// # Errors
    /// When it is empty, too long, or not a `b64token`.
    pub fn parse(text: &'a [u8]) -> Result<Self, BearerFault> {
        if text.is_empty() {
            return Err(BearerFault::Empty);
        }
        if text.len() > MAX_TOKEN {
            return Err(BearerFault::TooLong);
        }
        let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
        let (body, _) = text.split_at(text.len() - padding);
        if body.is_empty() || !body.iter().all(|byte| is_b64token(*byte)) {
            return Err(BearerFault::InvalidCharacter);
        }
        std::str::from_utf8(text)
            .map(Self)
            .map_err(|_| BearerFault::InvalidCharacter)
    }

    /// The same token, for work that goes on when its request is gone.
    #[must_use]
    pub fn into_owned(self) -> OwnedToken {
        OwnedToken(self.0.into())
    }

    /// The token's text. It must reach no log, no file, no upstream.
    #[must_use]
    pub fn expose(&self) -> &'a str {
        self.0
    }
}

impl OwnedToken {
    /// The token as it came.
    #[must_use]
    pub fn borrowed(&self) -> BearerToken<'_> {
        BearerToken(&self.0)
    }
}

impl fmt::Debug for OwnedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedToken(…)")
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

fn split_at_space(value: &[u8]) -> (&[u8], &[u8]) {
    value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()))
}

fn is_b64token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<String, BearerFault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers).map(|token| token.expose().to_owned())
    }

    #[test]
    fn one_well_formed_token_is_taken() {
        for value in [
            "Bearer abc.DEF-_~+/12==",
            "bearer abc.DEF-_~+/12==",
            "BEARER   abc.DEF-_~+/12== ",
        ] {
            assert_eq!(
                read(&[value.as_bytes()]).as_deref(),
                Ok("abc.DEF-_~+/12=="),
                "{value}"
            );
        }
        let longest = format!("Bearer {}", "x".repeat(MAX_TOKEN));
        assert!(read(&[longest.as_bytes()]).is_ok());
    }

    #[test]
    fn each_refusal() {
        let too_long = format!("Bearer {}", "x".repeat(MAX_TOKEN + 1));
        let table: &[(&[&[u8]], BearerFault)] = &[
            (&[], BearerFault::Missing),
            (&[b"Bearer a", b"Bearer a"], BearerFault::Repeated),
            (&[b"Bearer a", b"Basic b"], BearerFault::Repeated),
            (&[b"Basic YTpi"], BearerFault::WrongScheme),
            (&[b"Bearerabc"], BearerFault::WrongScheme),
            (&[b"Bearer\tabc"], BearerFault::WrongScheme),
            (&[b""], BearerFault::WrongScheme),
            (&[b"Bearer"], BearerFault::Empty),
            (&[b"Bearer  "], BearerFault::Empty),
            (&[b"Bearer a b"], BearerFault::InvalidCharacter),
            (&[b"Bearer a,b"], BearerFault::InvalidCharacter),
            (&[b"Bearer a, Bearer b"], BearerFault::InvalidCharacter),
            (&[b"Bearer \"a\""], BearerFault::InvalidCharacter),
            (&[b"Bearer a=b"], BearerFault::InvalidCharacter),
            (&[b"Bearer =="], BearerFault::InvalidCharacter),
            (&[b"Bearer \xC3\xA9"], BearerFault::InvalidCharacter),
            (&[too_long.as_bytes()], BearerFault::TooLong),
        ];
        for (values, fault) in table {
            assert_eq!(read(values), Err(*fault), "{fault}");
        }
    }

    #[test]
    fn a_token_prints_as_nothing() {
        let token = BearerToken::parse(b"secret").unwrap();
        assert_eq!(
            format!("{token:?} {:?}", Some(token)),
            "BearerToken(…) Some(BearerToken(…))"
        );
    }
}
