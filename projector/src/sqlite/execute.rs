//! Statements and values of both dialects, as SQLite takes and gives them.

use std::borrow::Cow;

use sqlx::{
    Decode, Row as _, Sqlite, SqliteConnection, TypeInfo as _, ValueRef as _,
    sqlite::{SqliteQueryResult, SqliteRow, SqliteValueRef},
};

use crate::rows::statement::{Statement, Value};

pub(super) async fn execute(
    connection: &mut SqliteConnection,
    statement: Statement<'_>,
) -> Result<SqliteQueryResult, sqlx::Error> {
    let query = sqlx::query(statement.sql);
    let bound = statement
        .values
        .into_iter()
        .fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text.map(Cow::into_owned)),
            Value::Integer(number) => query.bind(number),
        });
    bound.execute(connection).await
}

pub(super) async fn execute_all(
    connection: &mut SqliteConnection,
    statements: impl IntoIterator<Item = Statement<'_>>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        execute(connection, statement).await?;
    }
    Ok(())
}

/// The values of a row, in the order of its columns.
pub(super) fn values(row: &SqliteRow) -> Result<Vec<Value<'static>>, sqlx::Error> {
    (0..row.len())
        .map(|index| value(row.try_get_raw(index)?))
        .collect()
}

fn value(value: SqliteValueRef<'_>) -> Result<Value<'static>, sqlx::Error> {
    Ok(match value.type_info().name() {
        _ if value.is_null() => Value::Text(None),
        "INTEGER" => Value::Integer(Some(decoded(value)?)),
        _ => Value::Text(Some(Cow::Owned(decoded(value)?))),
    })
}

fn decoded<'r, T: Decode<'r, Sqlite>>(value: SqliteValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(sqlx::Error::Decode)
}
