//! `Mcp-Param-*`: headers that mirror arguments a tool's schema annotates.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{PARAM_PREFIX, decode, encode, single};
use crate::{
    json::{Decimal, Document, JsonError, Kind, Value},
    malformed::Malformed,
};

/// An argument that a header mirrors, as a tool's approved schema says (`x-mcp-header`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderParam {
    header: HeaderName,
    path: Vec<String>,
}

/// The `Mcp-Param-*` headers of a call, written from arguments that the caller's own headers agree with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParamHeaders(Vec<(HeaderName, HeaderValue)>);

/// An argument as a header can mirror it.
#[derive(Debug, PartialEq, Eq)]
enum Argument<'a> {
    /// `null` counts as absent.
    Absent,
    Text(Cow<'a, str>),
    Integer(i64),
    Bool(bool),
    /// Anything else; no header can agree with it.
    NotMirrored,
}

/// Checks the caller's `Mcp-Param-*` headers against `arguments`, the checked text of an object, for the properties
/// the tool annotates. Others are ignored, and not passed on: we could not vouch for them.
///
/// The arguments are gone over again, but only for tools with annotations: which there are is not known when the
/// body is read.
///
/// # Errors
/// When a header is missing, repeated, unreadable, disagrees, or mirrors nothing.
pub fn check_params(
    headers: &HeaderMap,
    arguments: Option<&str>,
    params: &[HeaderParam],
) -> Result<ParamHeaders, Malformed> {
    let mut agreed = Vec::with_capacity(params.len());
    for param in params {
        let name = param.header.as_str();
        let header = single(headers, name)?;
        let argument = argument_at(arguments, &param.path)?;
        match (header, argument.encoded()) {
            (None, None) if argument == Argument::Absent => {}
            (None, _) => return Err(Malformed::HeaderMissing(name.to_owned())),
            (Some(header), encoded) => {
                let text = decode(header).ok_or_else(|| Malformed::HeaderUnreadable(name.to_owned()))?;
                match encoded {
                    Some(encoded) if argument.agrees_with(&text) => {
                        agreed.push((param.header.clone(), encoded));
                    }
                    Some(_) | None => return Err(Malformed::HeaderDisagrees(name.to_owned())),
                }
            }
        }
    }
    Ok(ParamHeaders(agreed))
}

impl HeaderParam {
    /// Whether the header is there.
    pub(crate) fn is_sent(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.header)
    }

    /// The header `Mcp-Param-{suffix}` for the property at `path`, keys from the top of `arguments`; none if the suffix cannot stand in
    /// a header's name.
    #[must_use]
    pub fn new(suffix: &str, path: &[String]) -> Option<Self> {
        let header = HeaderName::from_bytes(format!("{PARAM_PREFIX}{suffix}").as_bytes()).ok()?;
        Some(Self {
            header,
            path: path.to_vec(),
        })
    }
}

impl ParamHeaders {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

impl Argument<'_> {
    /// The header that mirrors the argument.
    fn encoded(&self) -> Option<HeaderValue> {
        match self {
            Self::Text(text) => Some(encode(text)),
            Self::Integer(integer) => Some(HeaderValue::from(*integer)),
            Self::Bool(true) => Some(HeaderValue::from_static("true")),
            Self::Bool(false) => Some(HeaderValue::from_static("false")),
            Self::Absent | Self::NotMirrored => None,
        }
    }

    /// Integers are compared as numbers (MCP 2026-07-28, "Server Validation"), all else as text.
    fn agrees_with(&self, header: &str) -> bool {
        match self {
            Self::Text(text) => text == header,
            Self::Integer(integer) => safe_integer(header) == Some(*integer),
            Self::Bool(true) => header == "true",
            Self::Bool(false) => header == "false",
            Self::Absent | Self::NotMirrored => false,
        }
    }
}

/// The value at `path`, a chain of object keys.
fn argument_at<'a>(arguments: Option<&'a str>, path: &[String]) -> Result<Argument<'a>, JsonError> {
    match arguments {
        Some(text) => Document::new(text.as_bytes())?.read(|value| value_at(value, path)),
        None => Ok(Argument::Absent),
    }
}

/// Recursion goes no deeper than `path`, which comes from a schema of limited depth.
fn value_at<'a>(value: Value<'_, 'a>, path: &[String]) -> Result<Argument<'a>, JsonError> {
    let Some((key, rest)) = path.split_first() else {
        return argument(value);
    };
    let mut found = Argument::Absent;
    value.members(|member, value| {
        if member == key.as_str() {
            found = value_at(value, rest)?;
        }
        Ok::<_, JsonError>(())
    })?;
    Ok(found)
}

fn argument<'a>(value: Value<'_, 'a>) -> Result<Argument<'a>, JsonError> {
    let argument = match value.kind() {
        Kind::Null => Argument::Absent,
        Kind::String => value.string()?.map_or(Argument::NotMirrored, Argument::Text),
        Kind::Bool => Argument::Bool(value.raw()? == "true"),
        Kind::Number => safe_integer(value.raw()?).map_or(Argument::NotMirrored, Argument::Integer),
        Kind::Object | Kind::Array => Argument::NotMirrored,
    };
    Ok(argument)
}

fn safe_integer(number: &str) -> Option<i64> {
    Decimal::parse(number)?.as_safe_integer()
}
