//! The outer form of a JSON Web Token (RFC 7515 compact serialization), read strictly before anyone verifies it.
//!
//! The signature is **not** verified here: nothing this module returns may be trusted until it has been.

#[cfg(test)]
mod tests;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;

use crate::{
    bearer::MAX_TOKEN,
    json::{Document, JsonError, Value},
};

/// What a token says, unverified. Prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct UnverifiedJwt {
    /// The signature algorithm the header names.
    pub alg: String,
    /// The key the header names.
    pub kid: Option<String>,
    /// The media type the header names.
    pub typ: Option<String>,
    /// The claims: the text of a JSON object, checked.
    pub payload: Vec<u8>,
}

impl fmt::Debug for UnverifiedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedJwt(…)")
    }
}

/// Why a text is not a token. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwtFault {
    /// Longer than [`crate::bearer::MAX_TOKEN`].
    #[error("token too long")]
    TooLong,
    /// Not three parts.
    #[error("not three parts")]
    Parts,
    /// A part is empty: an empty signature is no signature.
    #[error("empty {0}")]
    Empty(Part),
    /// A part is not base64url without padding (RFC 7515 section 2).
    #[error("{0} is not base64url")]
    Base64(Part),
    /// A part is not JSON we read.
    #[error("{part} is not JSON")]
    Json {
        /// Which.
        part: Part,
        /// What is wrong with it.
        source: JsonError,
    },
    /// Header or payload is not an object.
    #[error("{0} is not an object")]
    NotAnObject(Part),
    /// `crit` or `b64` (RFC 7797): an extension that changes what the signature means.
    #[error("header has an extension")]
    Extension,
    /// A header member is not a string, or `alg` is missing.
    #[error("'{0}' is missing or not a string")]
    Header(&'static str),
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The JOSE header.
    Header,
    /// The claims.
    Payload,
    /// The signature.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// The members of a JOSE header we read.
#[derive(Default)]
struct JoseHeader {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
}

/// Splits a compact JWS into its parts and reads them strictly; the signature is left for others to verify.
///
/// # Errors
/// When it is not one we read.
pub fn split(token: &str) -> Result<UnverifiedJwt, JwtFault> {
    if token.len() > MAX_TOKEN {
        return Err(JwtFault::TooLong);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(JwtFault::Parts)?;
    let (header, payload) = signing_input.split_once('.').ok_or(JwtFault::Parts)?;
    if payload.contains('.') {
        return Err(JwtFault::Parts);
    }
    let header = read_header(&decode(Part::Header, header)?)?;
    let payload = decode(Part::Payload, payload)?;
    read_object(Part::Payload, &payload, |_, _| Ok(()))?;
    decode(Part::Signature, signature)?;
    let alg = header.alg.ok_or(JwtFault::Header("alg"))?;
    Ok(UnverifiedJwt {
        alg,
        kid: header.kid,
        typ: header.typ,
        payload,
    })
}

fn read_header(text: &[u8]) -> Result<JoseHeader, JwtFault> {
    let mut header = JoseHeader::default();
    read_object(Part::Header, text, |key, value| {
        match key {
            "alg" => header.alg = Some(string("alg", value)?),
            "kid" => header.kid = Some(string("kid", value)?),
            "typ" => header.typ = Some(string("typ", value)?),
            "crit" | "b64" => return Err(HeaderFault::Header(JwtFault::Extension)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(header)
}

/// A fault on the way through a part: of its JSON, or of what it says.
enum HeaderFault {
    Json(JsonError),
    Header(JwtFault),
}

impl From<JsonError> for HeaderFault {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

fn read_object<'a>(
    part: Part,
    text: &'a [u8],
    mut visit: impl FnMut(&str, Value<'_, 'a>) -> Result<(), HeaderFault>,
) -> Result<(), JwtFault> {
    let read = Document::new(text)
        .map_err(HeaderFault::Json)
        .and_then(|document| document.read(|value| value.members(|key, value| visit(&key, value))));
    match read {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(JwtFault::NotAnObject(part)),
        Err(HeaderFault::Json(source)) => Err(JwtFault::Json { part, source }),
        Err(HeaderFault::Header(fault)) => Err(fault),
    }
}

fn string(member: &'static str, value: Value<'_, '_>) -> Result<String, HeaderFault> {
    match value.string()? {
        Some(text) => Ok(text.into_owned()),
        None => Err(HeaderFault::Header(JwtFault::Header(member))),
    }
}

fn decode(part: Part, text: &str) -> Result<Vec<u8>, JwtFault> {
    if text.is_empty() {
        return Err(JwtFault::Empty(part));
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtFault::Base64(part))
}
