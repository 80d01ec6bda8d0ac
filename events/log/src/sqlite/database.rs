//! A database file: opening it, making sure that it is ours, and that it keeps what it is given.

use std::{path::PathBuf, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{
    error::{EngineError, OpenError},
    port::Stream,
};

/// `PRAGMA user_version`: how the rows are laid out. `schema.sql` sets it.
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// How many reads go on at once; more wait.
const READERS: u32 = 4;

/// How long the writer waits for whoever reads, when it must: for a checkpoint, once the write-ahead log is large. Our own reads are
/// shorter; others, such as a backup, may be long, but are not to hold appends up. Nobody else writes.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// When a commit counts as done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Durability {
    /// When it would survive a crash of the machine: the write-ahead log is flushed at every commit.
    Full,
    /// When it would survive a crash of this process: the write-ahead log is flushed at checkpoints. After a crash of the machine the
    /// newest records may be gone, and those that are there are whole.
    Process,
    /// At once. Only there to show that the tests would notice.
    #[cfg(test)]
    None,
}

/// The file of one stream.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) stream: Stream,
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// It is damaged, or something else, or does not do what it must.
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl Database {
    /// The one connection that writes.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, DatabaseError> {
        let mut connection = self.options().connect().await?;
        match self.set_up(&mut connection).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                // Why it cannot be used matters more than how closing went.
                let _ = connection.close().await;
                Err(error)
            }
        }
    }

    /// Connections that can only read. They never make the writer wait.
    pub(super) async fn readers(&self) -> Result<SqlitePool, sqlx::Error> {
        SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(self.options().read_only(true))
            .await
    }

    pub(super) fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging()
    }

    async fn set_up(&self, connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
        // First of all, so that a file of somebody else is left as it is.
        let new = self.is_new(connection).await?;
        // Readers and the writer do not wait for each other.
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL")
            .fetch_one(&mut *connection)
            .await?;
        if mode != "wal" {
            return Err(DatabaseError::Unusable(format!(
                "its journal mode is {mode}, and cannot be wal"
            )));
        }
        set_durability(connection, self.durability).await?;
        // Checkpoints are the writer's task, between commits: no commit waits for one.
        for pragma in [
            "PRAGMA wal_autocheckpoint = 0",
            "PRAGMA journal_size_limit = 16777216",
        ] {
            sqlx::query(pragma).execute(&mut *connection).await?;
        }
        if new {
            self.create(connection).await?;
        }
        Ok(())
    }

    /// Whether there is nothing in the file yet. A file that is not of this stream is an error.
    async fn is_new(&self, connection: &mut SqliteConnection) -> Result<bool, DatabaseError> {
        let application: i64 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut *connection)
            .await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *connection)
            .await?;
        let objects: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *connection)
            .await?;
        if (application, version, objects) == (0, 0, 0) {
            Ok(true)
        } else if application != application_id(self.stream) {
            Err(DatabaseError::Unusable(format!(
                "it is a database, but not of stream {}",
                self.stream
            )))
        } else if version != SCHEMA_VERSION {
            Err(DatabaseError::Unusable(format!(
                "its schema is {version}, not {SCHEMA_VERSION}"
            )))
        } else {
            Ok(false)
        }
    }

    async fn create(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
        let name = format!("PRAGMA application_id = {}", application_id(self.stream));
        sqlx::query(AssertSqlSafe(name))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// How failing to open looks to whoever opens the log.
    pub(super) fn open_error(&self, error: DatabaseError) -> OpenError {
        let path = self.path.clone();
        match error {
            DatabaseError::Unusable(reason) => OpenError::Unusable { path, reason },
            DatabaseError::Sql(error) => match code(&error) {
                Some(Code::Corrupt | Code::NotADatabase) => OpenError::Unusable {
                    path,
                    reason: error.to_string(),
                },
                Some(Code::Full | Code::IoWrite) | None => OpenError::Engine {
                    path,
                    source: EngineError::new(error),
                },
            },
        }
    }
}

/// Makes commits wait for the disk, and makes sure that they do.
async fn set_durability(
    connection: &mut SqliteConnection,
    durability: Durability,
) -> Result<(), DatabaseError> {
    let (set, level) = match durability {
        Durability::Full => ("PRAGMA synchronous = FULL", 2),
        Durability::Process => ("PRAGMA synchronous = NORMAL", 1),
        #[cfg(test)]
        Durability::None => ("PRAGMA synchronous = OFF", 0),
    };
    sqlx::query(set).execute(&mut *connection).await?;
    // On macOS a plain fsync does not reach the disk. Elsewhere these change nothing.
    for pragma in ["PRAGMA fullfsync = ON", "PRAGMA checkpoint_fullfsync = ON"] {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    let is: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&mut *connection)
        .await?;
    if is == level {
        Ok(())
    } else {
        Err(DatabaseError::Unusable(format!(
            "its commits cannot be made to wait for the disk: synchronous is {is}"
        )))
    }
}

/// `PRAGMA application_id`: "1d" and the stream, so that no file is taken for another.
fn application_id(stream: Stream) -> i64 {
    match stream {
        Stream::Registry => 0x3164_0001,
        Stream::Audit => 0x3164_0002,
        Stream::Denials => 0x3164_0003,
        Stream::Control => 0x3164_0004,
    }
}

/// The SQLite result codes that mean something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// `SQLITE_FULL`: no room.
    Full,
    /// `SQLITE_IOERR_WRITE`: a write failed for another reason, such as a quota.
    IoWrite,
    /// `SQLITE_CORRUPT`.
    Corrupt,
    /// `SQLITE_NOTADB`.
    NotADatabase,
}

/// What SQLite said, if it is one of the codes that mean something to us.
pub(super) fn code(error: &sqlx::Error) -> Option<Code> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    match (code, code & 0xff) {
        (778, _) => Some(Code::IoWrite),
        (_, 13) => Some(Code::Full),
        (_, 11) => Some(Code::Corrupt),
        (_, 26) => Some(Code::NotADatabase),
        _ => None,
    }
}
