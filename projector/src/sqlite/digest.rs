//! The digest of a projection.

use futures_util::TryStreamExt as _;
use onedoor_model::ids::Digest;
use sqlx::{
    Decode, Row as _, Sqlite, SqliteConnection, SqlitePool, TypeInfo as _, ValueRef as _,
    sqlite::{SqliteRow, SqliteValueRef},
};

/// Every table, in the order of its key.
pub(super) const TABLES: &[(&str, &str)] = &[
    ("blocks", "SELECT * FROM blocks ORDER BY block_id"),
    ("boots", "SELECT * FROM boots ORDER BY boot_id, partition"),
    ("calls", "SELECT * FROM calls ORDER BY call_id, stream, partition"),
    (
        "denial_counts",
        "SELECT * FROM denial_counts ORDER BY partition, source, event_id",
    ),
    (
        "disabled_tools",
        "SELECT * FROM disabled_tools ORDER BY server_id, tool",
    ),
    (
        "early_outcomes",
        "SELECT * FROM early_outcomes ORDER BY call_id, partition",
    ),
    (
        "failed_authentications",
        "SELECT * FROM failed_authentications ORDER BY partition, source, event_id",
    ),
    ("grants", "SELECT * FROM grants ORDER BY grant_id"),
    ("issuers", "SELECT * FROM issuers ORDER BY name"),
    ("meta", "SELECT * FROM meta ORDER BY one"),
    ("offsets", "SELECT * FROM offsets ORDER BY stream, partition"),
    (
        "registry_history",
        "SELECT * FROM registry_history ORDER BY log_offset",
    ),
    (
        "server_versions",
        "SELECT * FROM server_versions ORDER BY server_id, version",
    ),
    ("servers", "SELECT * FROM servers ORDER BY server_id"),
    ("settings", "SELECT * FROM settings ORDER BY one"),
    ("tools", "SELECT * FROM tools ORDER BY server_id, version, tool"),
];

/// A digest over all rows, as they are at one moment.
pub(super) async fn digest(readers: &SqlitePool) -> Result<Digest, sqlx::Error> {
    let mut transaction = readers.begin().await?;
    let mut digest = Digest::of(b"");
    for (table, sql) in TABLES {
        digest = chained(digest, table.as_bytes());
        digest = rows(&mut transaction, digest, sql).await?;
    }
    transaction.rollback().await?;
    Ok(digest)
}

async fn rows(
    connection: &mut SqliteConnection,
    before: Digest,
    sql: &'static str,
) -> Result<Digest, sqlx::Error> {
    let mut digest = before;
    let mut rows = sqlx::query(sql).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        digest = chained(digest, &bytes(&row)?);
    }
    Ok(digest)
}

/// A row's values, written so that no two rows are alike unless they are equal.
fn bytes(row: &SqliteRow) -> Result<Vec<u8>, sqlx::Error> {
    let mut bytes = Vec::new();
    for index in 0..row.len() {
        let value = row.try_get_raw(index)?;
        let (kind, content) = match value.type_info().name() {
            _ if value.is_null() => (b'n', Vec::new()),
            "INTEGER" => (b'i', decode::<i64>(value)?.to_be_bytes().to_vec()),
            _ => (b't', decode::<String>(value)?.into_bytes()),
        };
        bytes.push(kind);
        bytes.extend((content.len() as u64).to_be_bytes());
        bytes.extend(content);
    }
    Ok(bytes)
}

fn decode<'r, T: Decode<'r, Sqlite>>(value: SqliteValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(sqlx::Error::Decode)
}

fn chained(before: Digest, bytes: &[u8]) -> Digest {
    Digest::of(&[before.as_bytes().as_slice(), bytes].concat())
}

#[cfg(test)]
mod tests {
    use crate::Store;

    use super::*;

    #[tokio::test]
    async fn every_table_is_in_it_and_every_row_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("projection.db")).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name",
        )
        .fetch_all(&store.readers)
        .await
        .unwrap();
        assert_eq!(tables, TABLES.iter().map(|(table, _)| *table).collect::<Vec<_>>());

        let mut seen = vec![store.digest().await.unwrap()];
        for change in [
            "INSERT INTO early_outcomes VALUES ('c', 0, 1, 'succeeded', NULL, 5, 6, 7, 8)",
            "UPDATE early_outcomes SET cause = ''",
            "UPDATE early_outcomes SET cause = 'n'",
            "UPDATE early_outcomes SET upstream_us = NULL",
            "UPDATE early_outcomes SET answer_size = 9",
            "INSERT INTO meta VALUES (1, 'log')",
        ] {
            sqlx::query(change).execute(&store.writer).await.unwrap();
            let digest = store.digest().await.unwrap();
            assert_eq!(store.digest().await.unwrap(), digest);
            assert!(!seen.contains(&digest), "{change}");
            seen.push(digest);
        }
    }
}
