//! The tables: made and brought up to date by projectors, found by everybody else.

use sqlx::{
    AssertSqlSafe, PgConnection, PgPool,
    error::DatabaseError,
    migrate::{MigrateError, Migrator},
};

use crate::error::StoreError;

/// `undefined_table` (PostgreSQL, appendix A).
const NO_TABLE: &str = "42P01";

fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!("../migrations/postgres");
    // By our own lock, which is the schema's; sqlx's is the whole database's.
    migrations.set_locking(false);
    migrations
}

/// The version of the tables that this version of Onedoor writes, and the least that it reads.
fn version() -> i64 {
    migrations()
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Makes the schema and its tables, or brings them up to date, one process at a time.
pub(super) async fn migrate(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SHOW server_encoding")
        .fetch_one(&mut *connection)
        .await?;
    if found != "UTF8" {
        return Err(StoreError::Encoding { found });
    }
    sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(lock(schema))
        .execute(&mut *connection)
        .await?;
    // A role that may make tables in the schema need not be one that may make schemas.
    let there: bool = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(schema)
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
            .execute(&mut *connection)
            .await?;
    }
    let migrated = migrations().run_direct(None, &mut *connection, false).await;
    sqlx::query("SELECT pg_advisory_unlock(hashtextextended($1, 0))")
        .bind(lock(schema))
        .execute(connection)
        .await?;
    migrated.map_err(|error| migrate_error(schema, error))
}

/// The name of the lock under which a schema's tables are changed.
fn lock(schema: &str) -> String {
    format!("onedoor migrations {schema}")
}

fn migrate_error(schema: &str, error: MigrateError) -> StoreError {
    if let MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) = error {
        source.into()
    } else {
        StoreError::OtherVersion {
            schema: schema.to_owned(),
            source: error,
        }
    }
}

/// Whether there are tables, and new enough ones. Newer ones are good, too: what this version reads goes only a release later.
pub(super) async fn check(readers: &PgPool, schema: &str) -> Result<(), StoreError> {
    let schema = schema.to_owned();
    let found = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(readers)
        .await;
    let found: Option<i64> = match found {
        Err(error) if is_no_table(&error) => None,
        found => found?,
    };
    let wanted = version();
    match found {
        Some(found) if found >= wanted => Ok(()),
        Some(found) => Err(StoreError::Older {
            schema,
            found,
            wanted,
        }),
        None => Err(StoreError::Missing { schema }),
    }
}

fn is_no_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == NO_TABLE)
}
