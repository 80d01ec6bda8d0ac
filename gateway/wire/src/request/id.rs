//! Ids and progress tokens: a JSON string or integer each, kept as it was written so that it can be echoed exactly.

use std::borrow::Cow;

use crate::json::{Decimal, Document, JsonError, Kind, Value};

/// A JSON-RPC id as it was written: a checked JSON string or integer (MCP forbids `null`).
///
/// Equality is that of the text; see [`RequestId::same_value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId<'a>(&'a str);

/// A progress token as it was written: a checked JSON string or integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressToken<'a>(&'a str);

impl<'a> RequestId<'a> {
    /// Reads an id from its JSON text; `None` if that is not exactly one string or integer.
    #[must_use]
    pub fn parse(raw: &'a str) -> Option<Self> {
        parse_string_or_integer(raw).map(Self)
    }

    /// Reads an id; the inner `None` if the value is neither string nor integer.
    pub(crate) fn read(value: Value<'_, 'a>) -> Result<Option<Self>, JsonError> {
        Ok(read_string_or_integer(value)?.map(Self))
    }

    /// The JSON text, to be written as it is.
    #[must_use]
    pub fn as_raw(&self) -> &'a str {
        self.0
    }

    /// Whether `raw`, a checked JSON text, is the same value: escapes and the spelling of numbers do not count.
    #[must_use]
    pub fn same_value(&self, raw: &str) -> bool {
        same_value(self.0, raw)
    }
}

impl<'a> ProgressToken<'a> {
    /// Reads a token from its JSON text; `None` if that is not exactly one string or integer.
    #[must_use]
    pub fn parse(raw: &'a str) -> Option<Self> {
        parse_string_or_integer(raw).map(Self)
    }

    /// Reads a token; the inner `None` if the value is neither string nor integer.
    pub(crate) fn read(value: Value<'_, 'a>) -> Result<Option<Self>, JsonError> {
        Ok(read_string_or_integer(value)?.map(Self))
    }

    /// The JSON text, to be written as it is.
    #[must_use]
    pub fn as_raw(&self) -> &'a str {
        self.0
    }

    /// Whether `raw`, a checked JSON text, is the same value: escapes and the spelling of numbers do not count.
    #[must_use]
    pub fn same_value(&self, raw: &str) -> bool {
        same_value(self.0, raw)
    }
}

fn parse_string_or_integer(raw: &str) -> Option<&str> {
    // The document may have white space around its value; what is kept may not.
    let read = Document::new(raw.as_bytes())
        .ok()?
        .read(read_string_or_integer)
        .ok()??;
    (read.len() == raw.len()).then_some(read)
}

fn read_string_or_integer<'a>(value: Value<'_, 'a>) -> Result<Option<&'a str>, JsonError> {
    let kind = value.kind();
    let raw = value.raw()?;
    Ok(match kind {
        Kind::String => Some(raw),
        Kind::Number => Decimal::is_integer_literal(raw).then_some(raw),
        Kind::Object | Kind::Array | Kind::Bool | Kind::Null => None,
    })
}

/// Compares two checked JSON texts, strings or numbers, by value.
fn same_value(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match (text_of(left), text_of(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => match (Decimal::parse(left), Decimal::parse(right)) {
            (Some(left), Some(right)) => left == right,
            (Some(_) | None, _) => false,
        },
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn text_of(raw: &str) -> Option<Cow<'_, str>> {
    Document::new(raw.as_bytes()).ok()?.read(string).ok()?
}

fn string<'a>(value: Value<'_, 'a>) -> Result<Option<Cow<'a, str>>, JsonError> {
    value.string()
}
