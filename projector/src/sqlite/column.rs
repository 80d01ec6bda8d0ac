//! Values as columns hold them: times as Unix milliseconds, unsigned numbers as the signed ones of the same bits, names as their text.

use jiff::Timestamp;
use serde::{
    Serialize,
    de::{DeserializeOwned, IntoDeserializer as _, value::Error},
};
use sqlx::{Row as _, sqlite::SqliteRow};

/// A value as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// The text that a name serializes as.
pub(super) fn name(value: &impl Serialize) -> Result<String, sqlx::Error> {
    let value = serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let text = value
        .as_str()
        .ok_or_else(|| sqlx::Error::Encode(format!("{value} is not a name").into()));
    text.map(str::to_owned)
}

/// A name out of a text column.
pub(super) fn named<T: DeserializeOwned>(row: &SqliteRow, column: &'static str) -> Result<T, sqlx::Error> {
    named_if_any(row, column)?.ok_or_else(|| damaged(column, "it is NULL"))
}

/// A name out of a text column, if there is one.
pub(super) fn named_if_any<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, sqlx::Error> {
    let Some(text) = row.try_get::<Option<String>, _>(column)? else {
        return Ok(None);
    };
    let value = T::deserialize(text.into_deserializer());
    value.map(Some).map_err(|error: Error| damaged(column, error))
}

/// A value out of a column of JSON text, if there is one.
pub(super) fn parsed_if_any<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, sqlx::Error> {
    let Some(text) = row.try_get::<Option<String>, _>(column)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| damaged(column, error))
}

/// A value out of a column of JSON text.
pub(super) fn parsed<T: DeserializeOwned>(row: &SqliteRow, column: &'static str) -> Result<T, sqlx::Error> {
    parsed_if_any(row, column)?.ok_or_else(|| damaged(column, "it is NULL"))
}

/// A time, if there is one.
pub(super) fn time_if_any(row: &SqliteRow, column: &'static str) -> Result<Option<Timestamp>, sqlx::Error> {
    let Some(time) = row.try_get::<Option<i64>, _>(column)? else {
        return Ok(None);
    };
    Timestamp::from_millisecond(time)
        .map(Some)
        .map_err(|error| damaged(column, error))
}

/// A time.
pub(super) fn time(row: &SqliteRow, column: &'static str) -> Result<Timestamp, sqlx::Error> {
    time_if_any(row, column)?.ok_or_else(|| damaged(column, "it is NULL"))
}

/// An unsigned number, if there is one.
pub(super) fn number_if_any(row: &SqliteRow, column: &'static str) -> Result<Option<u64>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
}

/// An unsigned number.
pub(super) fn number(row: &SqliteRow, column: &'static str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

fn damaged(column: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    }
}
