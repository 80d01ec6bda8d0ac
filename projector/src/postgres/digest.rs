//! The digest of a projection in PostgreSQL.

use futures_util::TryStreamExt as _;
use sqlx::{Connection as _, PgConnection};

use super::execute::values;
use crate::rows::digest::{TABLES, TableDigest};

/// The digests of all tables, as they are at one moment.
pub(super) async fn at_one_moment(connection: &mut PgConnection) -> Result<Vec<TableDigest>, sqlx::Error> {
    let mut transaction = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let digests = digests(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(digests)
}

/// The digests of all tables, while nobody writes.
pub(super) async fn digests(connection: &mut PgConnection) -> Result<Vec<TableDigest>, sqlx::Error> {
    let mut digests = Vec::with_capacity(TABLES.len());
    for (table, sql) in TABLES {
        let mut digest = TableDigest::empty(table);
        let mut rows = sqlx::query(sql).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            digest.add(&values(&row)?);
        }
        drop(rows);
        digests.push(digest);
    }
    Ok(digests)
}
