//! Opening a store: the file, whether it is ours, and its tables.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::OpenError;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

/// `PRAGMA application_id`, set by the first migration.
const APPLICATION_ID: i64 = 0x3164_6f72;
/// Rows name people and what they did: the file is for its owner only. What SQLite puts beside it gets the same permissions.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// How many reads go on at once; more wait.
const READERS: u32 = 4;
/// How long to wait for a projector in another process.
const BUSY: Duration = Duration::from_secs(5);

/// The writer and the readers of the store in a file.
pub(super) async fn open(path: &Path) -> Result<(SqlitePool, SqlitePool), OpenError> {
    make_file(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    check_ours(path).await?;
    let database = |source| database_error(path, source);
    let writer = pool(1).connect_with(writing(path)).await.map_err(database)?;
    MIGRATIONS
        .run(&writer)
        .await
        .map_err(|error| migrate_error(path, error))?;
    let readers = pool(READERS)
        .connect_with(options(path).read_only(true))
        .await
        .map_err(database)?;
    Ok((writer, readers))
}

fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .open(path)?;
    // Also of a file that was there: copied back from a backup, it may be readable by all.
    fs::set_permissions(path, Permissions::from_mode(FILE_MODE))
}

/// Before anything is changed, so that a file of somebody else is left as it is.
async fn check_ours(path: &Path) -> Result<(), OpenError> {
    let database = |source| database_error(path, source);
    let mut connection = options(path).connect().await.map_err(database)?;
    let found = identity(&mut connection).await;
    // What was found matters more than how closing went.
    let _ = connection.close().await;
    match found.map_err(database)? {
        (0, 0) | (APPLICATION_ID, _) => Ok(()),
        _ => Err(OpenError::NotAProjection {
            path: path.to_owned(),
            reason: "it is a database of something else".to_owned(),
        }),
    }
}

/// The application id, and the number of tables and indexes.
async fn identity(connection: &mut SqliteConnection) -> Result<(i64, i64), sqlx::Error> {
    let application = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    let objects = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(connection)
        .await?;
    Ok((application, objects))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

/// `synchronous = NORMAL`: a crash of the machine may take back the last commits, but rows and offsets together, and never leaves a
/// damaged file under WAL. What was taken back is projected again: the log, which is flushed at every commit, is the truth.
fn writing(path: &Path) -> SqliteConnectOptions {
    options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
}

/// Connections to a file neither break nor grow old.
fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn migrate_error(path: &Path, error: MigrateError) -> OpenError {
    if let MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) = error {
        database_error(path, source)
    } else {
        OpenError::OtherVersion {
            path: path.to_owned(),
            source: error,
        }
    }
}

fn database_error(path: &Path, source: sqlx::Error) -> OpenError {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    let path = path.to_owned();
    let code = source
        .as_database_error()
        .and_then(|error| error.code()?.parse::<i32>().ok());
    match code.map(|code| code & 0xff) {
        Some(CORRUPT | NOT_A_DATABASE) => OpenError::NotAProjection {
            path,
            reason: source.to_string(),
        },
        Some(_) | None => OpenError::Database { path, source },
    }
}
