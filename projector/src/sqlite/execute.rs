//! Statements and values of both dialects, as SQLite takes and gives them.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, Decode, Row as _, Sqlite, SqliteConnection, TypeInfo as _, ValueRef as _,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow, SqliteValueRef},
};

use crate::rows::{
    ask::{Question, Speak},
    statement::{Row, Statement, Value},
};

impl Speak for SqliteConnection {
    type Row = SqliteRow;

    async fn ask(&mut self, question: Question) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let Question { sql, values } = question;
        bound(sqlx::query(AssertSqlSafe(sql)), values)
            .fetch_all(self)
            .await
    }

    async fn tell(&mut self, statement: Statement<'_>) -> Result<u64, sqlx::Error> {
        let Statement { sql, values } = statement;
        let written = bound(sqlx::query(sql), values).execute(self).await?;
        Ok(written.rows_affected())
    }
}

fn bound<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    values: Row<'_>,
) -> Query<'q, Sqlite, SqliteArguments> {
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text.map(Cow::into_owned)),
        Value::Integer(number) => query.bind(number),
    })
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
