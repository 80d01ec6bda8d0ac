//! Values out of columns, and into them.

use jiff::Timestamp;
use onedoor_log::Partition;
use serde::{
    Serialize,
    de::{DeserializeOwned, IntoDeserializer as _, value::Error},
};
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

/// A row of either database.
pub(crate) trait Columns {
    /// A column of text.
    fn text_if_any(&self, column: &'static str) -> Result<Option<String>, sqlx::Error>;

    /// A column of numbers.
    fn integer_if_any(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error>;
}

impl Columns for SqliteRow {
    fn text_if_any(&self, column: &'static str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn integer_if_any(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }
}

impl Columns for PgRow {
    fn text_if_any(&self, column: &'static str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn integer_if_any(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }
}

/// A value as JSON text.
pub(crate) fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(unwritable)
}

/// The text that a name serializes as.
pub(crate) fn name(value: &impl Serialize) -> Result<String, sqlx::Error> {
    let value = serde_json::to_value(value).map_err(unwritable)?;
    let text = value
        .as_str()
        .ok_or_else(|| unwritable(format!("{value} is not a name")));
    text.map(str::to_owned)
}

/// Text.
pub(crate) fn text(row: &impl Columns, column: &'static str) -> Result<String, sqlx::Error> {
    present(row.text_if_any(column)?, column)
}

/// A name out of a text column.
pub(crate) fn named<T: DeserializeOwned>(row: &impl Columns, column: &'static str) -> Result<T, sqlx::Error> {
    present(named_if_any(row, column)?, column)
}

/// A name out of a text column, if there is one.
pub(crate) fn named_if_any<T: DeserializeOwned>(
    row: &impl Columns,
    column: &'static str,
) -> Result<Option<T>, sqlx::Error> {
    let Some(text) = row.text_if_any(column)? else {
        return Ok(None);
    };
    let value = T::deserialize(text.into_deserializer());
    value.map(Some).map_err(|error: Error| damaged(column, error))
}

/// A value out of a column of JSON text, if there is one.
pub(crate) fn parsed_if_any<T: DeserializeOwned>(
    row: &impl Columns,
    column: &'static str,
) -> Result<Option<T>, sqlx::Error> {
    let Some(text) = row.text_if_any(column)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| damaged(column, error))
}

/// A value out of a column of JSON text.
pub(crate) fn parsed<T: DeserializeOwned>(
    row: &impl Columns,
    column: &'static str,
) -> Result<T, sqlx::Error> {
    present(parsed_if_any(row, column)?, column)
}

/// A time, if there is one.
pub(crate) fn time_if_any(
    row: &impl Columns,
    column: &'static str,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let Some(time) = row.integer_if_any(column)? else {
        return Ok(None);
    };
    Timestamp::from_millisecond(time)
        .map(Some)
        .map_err(|error| damaged(column, error))
}

/// A time.
pub(crate) fn time(row: &impl Columns, column: &'static str) -> Result<Timestamp, sqlx::Error> {
    present(time_if_any(row, column)?, column)
}

/// An unsigned number, if there is one.
pub(crate) fn number_if_any(row: &impl Columns, column: &'static str) -> Result<Option<u64>, sqlx::Error> {
    Ok(row.integer_if_any(column)?.map(i64::cast_unsigned))
}

/// An unsigned number.
pub(crate) fn number(row: &impl Columns, column: &'static str) -> Result<u64, sqlx::Error> {
    present(number_if_any(row, column)?, column)
}

/// The number of a partition.
pub(crate) fn partition(row: &impl Columns) -> Result<Partition, sqlx::Error> {
    const PARTITION: &str = "partition";
    u32::try_from(number(row, PARTITION)?)
        .map(Partition)
        .map_err(|error| damaged(PARTITION, error))
}

pub(crate) fn damaged(
    column: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    }
}

/// A value that has no place in a table.
pub(crate) fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Encode(error.into())
}

fn present<T>(value: Option<T>, column: &str) -> Result<T, sqlx::Error> {
    value.ok_or_else(|| damaged(column, "it is NULL"))
}
