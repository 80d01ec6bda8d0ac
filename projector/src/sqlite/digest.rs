//! The digest of a projection in SQLite.

use futures_util::TryStreamExt as _;
use sqlx::{SqliteConnection, SqlitePool};

use super::execute::values;
use crate::rows::digest::{TABLES, TableDigest};

/// The digests of all tables, as they are at one moment.
pub(super) async fn digests(readers: &SqlitePool) -> Result<Vec<TableDigest>, sqlx::Error> {
    let mut transaction = readers.begin().await?;
    let mut digests = Vec::with_capacity(TABLES.len());
    for (table, sql) in TABLES {
        digests.push(digest(&mut transaction, table, sql).await?);
    }
    transaction.rollback().await?;
    Ok(digests)
}

async fn digest(
    connection: &mut SqliteConnection,
    table: &'static str,
    sql: &'static str,
) -> Result<TableDigest, sqlx::Error> {
    let mut digest = TableDigest::empty(table);
    let mut rows = sqlx::query(sql).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        digest.add(&values(&row)?);
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rows::digest, sqlite::Database};

    /// Kept when it suits the projector: see [`TABLES`].
    const NOT_OF_THE_LOG: &str = "registry_state";

    #[tokio::test]
    async fn every_table_is_in_it_and_every_row_counts() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("projection.db"))
            .await
            .unwrap();
        let mut tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name",
        )
        .fetch_all(&database.readers)
        .await
        .unwrap();
        tables.retain(|table| table != NOT_OF_THE_LOG);
        assert_eq!(tables, TABLES.map(|(table, _)| table));

        let mut seen = vec![digest::whole(&database.digests().await.unwrap())];
        for change in [
            "INSERT INTO early_outcomes VALUES ('c', 0, 1, 'succeeded', NULL, 5, 6, 7, 8)",
            "UPDATE early_outcomes SET cause = ''",
            "UPDATE early_outcomes SET cause = 'n'",
            "UPDATE early_outcomes SET upstream_us = NULL",
            "UPDATE early_outcomes SET answer_size = 9",
            "INSERT INTO meta VALUES (1, 'log')",
        ] {
            sqlx::query(change).execute(&database.writer).await.unwrap();
            let digest = digest::whole(&database.digests().await.unwrap());
            assert_eq!(digest::whole(&database.digests().await.unwrap()), digest);
            assert!(!seen.contains(&digest), "{change}");
            seen.push(digest);
        }
    }
}
