//! Statements and values of both dialects, as PostgreSQL takes and gives them; and many rows at once.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, Decode, PgConnection, Postgres, Row as _, TypeInfo as _, ValueRef as _,
    postgres::{PgArguments, PgRow, PgValueRef},
    query::Query,
};

use crate::rows::{
    ask::{Question, Speak},
    statement::{Kind, Row, Statement, Value},
};

impl Speak for PgConnection {
    type Row = PgRow;

    async fn ask(&mut self, question: Question) -> Result<Vec<PgRow>, sqlx::Error> {
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

fn bound<'q>(query: Query<'q, Postgres, PgArguments>, values: Row<'_>) -> Query<'q, Postgres, PgArguments> {
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(number) => query.bind(number),
    })
}

/// Inserts rows whose values are in the order of `columns`, in one statement.
pub(super) async fn insert(
    connection: &mut PgConnection,
    table: &str,
    columns: &[(&str, Kind)],
    rows: &[Row<'_>],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let names = columns
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ");
    let sql = format!(
        "INSERT INTO {table} ({names}) SELECT * FROM {}",
        unnested(columns)
    );
    rows_bound(AssertSqlSafe(sql), columns, rows)
        .execute(connection)
        .await?;
    Ok(())
}

/// `unnest` of an array for each column, from `$1` on.
pub(super) fn unnested(columns: &[(&str, Kind)]) -> String {
    let arrays = (1..).zip(columns).map(|(number, (_, kind))| match kind {
        Kind::Text => format!("${number}::text[]"),
        Kind::Integer => format!("${number}::bigint[]"),
    });
    format!("unnest({})", arrays.collect::<Vec<_>>().join(", "))
}

/// A query whose first values are the columns of `rows`, each as an array.
pub(super) fn rows_bound<'q>(
    sql: impl sqlx::SqlSafeStr,
    columns: &[(&str, Kind)],
    rows: &[Row<'_>],
) -> Query<'q, Postgres, PgArguments> {
    let query = sqlx::query(sql);
    (0..).zip(columns).fold(query, |query, (index, (_, kind))| {
        let column = rows.iter().map(|row: &Row<'_>| row.get(index));
        match kind {
            Kind::Text => query.bind(
                column
                    .map(|value| value.and_then(Value::text))
                    .collect::<Vec<_>>(),
            ),
            Kind::Integer => query.bind(
                column
                    .map(|value| value.and_then(Value::integer))
                    .collect::<Vec<_>>(),
            ),
        }
    })
}

/// The values of a row, in the order of its columns.
pub(super) fn values(row: &PgRow) -> Result<Vec<Value<'static>>, sqlx::Error> {
    (0..row.len())
        .map(|index| value(row.try_get_raw(index)?))
        .collect()
}

fn value(value: PgValueRef<'_>) -> Result<Value<'static>, sqlx::Error> {
    Ok(match value.type_info().name() {
        _ if value.is_null() => Value::Text(None),
        "INT8" => Value::Integer(Some(decoded(value)?)),
        _ => Value::Text(Some(Cow::Owned(decoded(value)?))),
    })
}

fn decoded<'r, T: Decode<'r, Postgres>>(value: PgValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(sqlx::Error::Decode)
}
