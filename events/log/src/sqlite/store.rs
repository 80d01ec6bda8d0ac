//! The writer's side of a database: batches in, one commit, and knowing for certain whether it happened.

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_model::ids::Offset;
use sqlx::{Connection as _, SqliteConnection};

use super::database::{Code, Database, DatabaseError, code};
use crate::{
    clock::log_time,
    error::{EngineError, Refusal},
    limits::RECORD_OVERHEAD,
    port::Bounds,
};

/// A checkpoint is due once about this much was written to the write-ahead log since the last.
const CHECKPOINT_BYTES: u64 = 4 << 20;
/// What a commit writes beside the bytes of its events, about: the pages it touches but does not fill.
const COMMIT_OVERHEAD: u64 = 3 * 4096;
/// With more pages (16 MiB) in the write-ahead log, a checkpoint waits for the reads under way, so that the next commit starts the
/// write-ahead log over. Otherwise reads that overlap for ever could make it grow for ever.
const MAX_WAL_PAGES: i64 = 4 * 1024;

/// Rows in one statement; SQLite takes 32,766 values in one, and a row has four.
const ROWS: usize = 500;

/// Rows of a statement that is kept prepared.
const KEPT_PREPARED: usize = 8;

/// The connection that writes, and what it knows of the records.
#[derive(Debug)]
pub(super) struct Store {
    connection: SqliteConnection,
    /// The weight that is kept; `None`: everything.
    cap: Option<u64>,
    held: Held,
    /// About how much was written since the last checkpoint.
    unsettled: u64,
}

/// Where the records stand.
#[derive(Clone, Copy, Debug)]
struct Held {
    bounds: Bounds,
    /// The time of the newest record.
    last_time: Timestamp,
    /// The position of the newest record.
    last_position: u64,
    /// The position that the next record will get.
    position: u64,
}

/// An event at its place.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    offset: Offset,
    position: u64,
    event: &'a Bytes,
}

/// Why batches were not committed.
#[derive(Debug)]
pub(super) enum Failure {
    /// They are certainly not stored, and will not turn up.
    NotStored(Refusal),
    /// They may be on disk.
    MaybeStored(EngineError),
}

impl Store {
    /// Connects, and reads where the records stand.
    pub(super) async fn open(database: &Database, cap: Option<u64>) -> Result<Self, DatabaseError> {
        let mut connection = database.connect().await?;
        match Held::load(&mut connection, cap.is_none()).await {
            Ok(held) => Ok(Self {
                connection,
                cap,
                held,
                unsettled: 0,
            }),
            Err(error) => {
                // Why it cannot be used matters more than how closing went.
                let _ = connection.close().await;
                Err(error)
            }
        }
    }

    /// What is held.
    pub(super) fn bounds(&self) -> Bounds {
        self.held.bounds
    }

    /// Stores the batches in one commit and gives the first offset of each. After a failure the store is of no more use: whether
    /// the commit happened is known once the database is opened anew.
    pub(super) async fn commit<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a [Bytes]>,
    ) -> Result<Vec<Offset>, Failure> {
        let (offsets, rows, mut held) = self.lay_out(batches);
        if rows.len() <= ROWS && self.cap.is_none() {
            // A statement of its own is a transaction of its own: one trip to the database's thread instead of three.
            self.insert(held.last_time, &rows).await.map_err(failed_commit)?;
        } else {
            self.write(&rows, &mut held)
                .await
                .map_err(|error| Failure::NotStored(refusal(error)))?;
            sqlx::query("COMMIT")
                .execute(&mut self.connection)
                .await
                .map_err(failed_commit)?;
        }
        self.unsettled += held.position - self.held.position + COMMIT_OVERHEAD;
        self.held = held;
        Ok(offsets)
    }

    /// The rows of a commit, the first offset of each batch, and what is held once they are stored.
    fn lay_out<'a>(&self, batches: impl Iterator<Item = &'a [Bytes]>) -> (Vec<Offset>, Vec<Row<'a>>, Held) {
        let mut held = self.held;
        held.last_time = log_time(held.last_time);
        let (mut offsets, mut rows) = (Vec::new(), Vec::new());
        for batch in batches {
            offsets.push(held.bounds.end);
            for event in batch {
                rows.push(Row {
                    offset: held.bounds.end,
                    position: held.position,
                    event,
                });
                held.add(event.len() as u64);
            }
        }
        (offsets, rows, held)
    }

    /// Everything but the commit.
    async fn write(&mut self, rows: &[Row<'_>], held: &mut Held) -> Result<(), sqlx::Error> {
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        for rows in rows.chunks(ROWS) {
            self.insert(held.last_time, rows).await?;
        }
        if let Some(cap) = self.cap {
            held.bounds.first = self.trim(held, cap).await?;
        }
        Ok(())
    }

    /// One statement for many rows: each statement is a trip to the database's thread and back.
    async fn insert(&mut self, time: Timestamp, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
        let mut insert =
            sqlx::QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO records (offset, time, position, event) ");
        insert.push_values(rows, |mut values, row| {
            values
                .push_bind(to_sql(row.offset.0))
                .push_bind(time.as_millisecond())
                .push_bind(to_sql(row.position))
                .push_bind(row.event.as_ref());
        });
        // Those of few rows come again and again; of the others there would be one for every number of rows.
        insert
            .build()
            .persistent(rows.len() <= KEPT_PREPARED)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Removes the oldest records over the cap, but never the newest, and gives the first that is left.
    async fn trim(&mut self, held: &Held, cap: u64) -> Result<Offset, sqlx::Error> {
        let keep_from = held.position.saturating_sub(cap).min(held.last_position);
        let first: i64 =
            sqlx::query_scalar("SELECT offset FROM records WHERE position >= ? ORDER BY offset LIMIT 1")
                .bind(to_sql(keep_from))
                .fetch_one(&mut self.connection)
                .await?;
        sqlx::query("DELETE FROM records WHERE offset < ?")
            .bind(first)
            .execute(&mut self.connection)
            .await?;
        Ok(Offset(first.unsigned_abs()))
    }

    /// Moves what was committed from the write-ahead log into the database, if that is due. The next commit then starts the
    /// write-ahead log over, which is what keeps it from growing: only the writer, between two commits, can bring it that far.
    pub(super) async fn checkpoint_if_due(&mut self) -> Result<(), sqlx::Error> {
        if self.unsettled < CHECKPOINT_BYTES {
            return Ok(());
        }
        self.unsettled = 0;
        let pages = self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)").await?;
        if pages > MAX_WAL_PAGES {
            self.checkpoint("PRAGMA wal_checkpoint(RESTART)").await?;
        }
        Ok(())
    }

    /// How many pages there are in the write-ahead log.
    async fn checkpoint(&mut self, pragma: &'static str) -> Result<i64, sqlx::Error> {
        let (_busy, pages, _moved): (i64, i64, i64) =
            sqlx::query_as(pragma).fetch_one(&mut self.connection).await?;
        Ok(pages)
    }

    /// Closes the connection. What was begun and not committed is undone.
    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            // Nothing is lost: what was committed is on disk, the rest was not acknowledged.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "closing the log's database failed"
            );
        }
    }
}

impl Held {
    async fn load(connection: &mut SqliteConnection, complete: bool) -> Result<Self, DatabaseError> {
        let oldest: Option<i64> = sqlx::query_scalar("SELECT offset FROM records ORDER BY offset LIMIT 1")
            .fetch_optional(&mut *connection)
            .await?;
        let newest: Option<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT offset, time, position, length(event) FROM records ORDER BY offset DESC LIMIT 1",
        )
        .fetch_optional(&mut *connection)
        .await?;
        let (Some(oldest), Some((offset, time, position, length))) = (oldest, newest) else {
            return Ok(Self::nothing());
        };
        let damaged = || DatabaseError::Unusable(format!("record {offset} is damaged"));
        let number = |value: i64| u64::try_from(value).map_err(|_| damaged());
        if complete && oldest != 0 {
            return Err(DatabaseError::Unusable(format!(
                "the records before offset {oldest} are missing"
            )));
        }
        let mut held = Self {
            bounds: Bounds {
                first: Offset(number(oldest)?),
                end: Offset(number(offset)?),
            },
            last_time: Timestamp::from_millisecond(time).map_err(|_| damaged())?,
            last_position: 0,
            position: number(position)?,
        };
        held.add(number(length)?);
        Ok(held)
    }

    fn nothing() -> Self {
        Self {
            bounds: Bounds::default(),
            last_time: Timestamp::UNIX_EPOCH,
            last_position: 0,
            position: 0,
        }
    }

    /// Counts the record at the end.
    fn add(&mut self, bytes: u64) {
        self.bounds.end = self.bounds.end.next();
        self.last_position = self.position;
        self.position += bytes + RECORD_OVERHEAD;
    }
}

/// What a failure before the commit means.
pub(super) fn refusal(error: sqlx::Error) -> Refusal {
    match code(&error) {
        Some(Code::Full) => Refusal::NoSpace(EngineError::new(error)),
        Some(Code::IoWrite | Code::Corrupt | Code::NotADatabase) | None => {
            Refusal::Engine(EngineError::new(error))
        }
    }
}

/// What a failed commit means. A commit counts once all its pages are in the write-ahead log, the last of them marked: so if a
/// write failed, it does not count, and never will. After any other failure, such as that of the flush, all may be there.
fn failed_commit(error: sqlx::Error) -> Failure {
    match code(&error) {
        Some(Code::Full | Code::IoWrite) => Failure::NotStored(refusal(error)),
        Some(Code::Corrupt | Code::NotADatabase) | None => Failure::MaybeStored(EngineError::new(error)),
    }
}

/// SQLite's integers are signed. Offsets and positions never get that far.
pub(super) fn to_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
