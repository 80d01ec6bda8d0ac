//! Statements that both dialects understand, as data.

use std::borrow::Cow;

use jiff::Timestamp;
use onedoor_log::Partition;
use onedoor_model::ids::Offset;

use super::text::stored;

/// A statement, `$1` standing for the first value.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'static str,
    pub(crate) values: Row<'a>,
}

/// Values in the order of a table's columns.
pub(crate) type Row<'a> = Vec<Value<'a>>;

/// What a column holds: unsigned numbers as the signed ones of the same bits, times as Unix milliseconds, names as their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Option<Cow<'a, str>>),
    Integer(Option<i64>),
}

/// Which kind of values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
}

/// A row, each value written as what it is.
macro_rules! row {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::rows::statement::Value::from($value)),*]
    };
}
pub(crate) use row;

impl Value<'_> {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_deref(),
            Self::Integer(_) => None,
        }
    }

    /// The number, if it is one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => *number,
            Self::Text(_) => None,
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(stored(text)))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(stored))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(match stored(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(stored) => Cow::Owned(stored),
        }))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

/// Of what [`stored`] and [`indexed`](super::text::indexed) gave.
impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<Cow<'a, str>>> for Value<'a> {
    fn from(text: Option<Cow<'a, str>>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(Some(number.cast_signed()))
    }
}

impl From<Option<u64>> for Value<'_> {
    fn from(number: Option<u64>) -> Self {
        Self::Integer(number.map(u64::cast_signed))
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(Some(number.into()))
    }
}

impl From<Option<u32>> for Value<'_> {
    fn from(number: Option<u32>) -> Self {
        Self::Integer(number.map(i64::from))
    }
}

impl From<Offset> for Value<'_> {
    fn from(offset: Offset) -> Self {
        offset.0.into()
    }
}

impl From<Option<Offset>> for Value<'_> {
    fn from(offset: Option<Offset>) -> Self {
        offset.map(|offset| offset.0).into()
    }
}

impl From<Partition> for Value<'_> {
    fn from(partition: Partition) -> Self {
        partition.0.into()
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Integer(Some(time.as_millisecond()))
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Integer(time.map(Timestamp::as_millisecond))
    }
}
