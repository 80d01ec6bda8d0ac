//! Moving a partition on: its rows and its offset in one transaction.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{LogId, Offset};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::{
    boots::{self, Seen},
    calls, column, denials, registry,
};
use crate::project::{Entry, Step};

/// What became of an advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Rows and offset are written.
    Done,
    /// Nothing is written: the partition stands here, not where the advance started. Another projector was faster.
    Elsewhere(Offset),
}

/// Writes `steps` and moves the partition from `from` to `next`, both or neither.
///
/// The offset is moved first, and only from where it was thought to stand: **this is what keeps a projector that was overtaken, or
/// was thought dead, from writing anything**. The transaction takes the write lock at its start, so that nobody comes in between.
pub(super) async fn advance(
    writer: &SqlitePool,
    stream: Stream,
    partition: Partition,
    from: Offset,
    next: Offset,
    steps: &[Step],
) -> Result<Advance, sqlx::Error> {
    let mut connection = writer.acquire().await?;
    let advance = transact(&mut connection, stream, partition, from, next, steps).await;
    if advance.is_err() {
        // A full or failing disk makes SQLite roll back by itself. sqlx does not learn of it, and would take this connection to be in
        // a transaction for ever.
        connection.close_on_drop();
    }
    advance
}

async fn transact(
    connection: &mut SqliteConnection,
    stream: Stream,
    partition: Partition,
    from: Offset,
    next: Offset,
    steps: &[Step],
) -> Result<Advance, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let moved = sqlx::query("UPDATE offsets SET next = ? WHERE stream = ? AND partition = ? AND next = ?")
        .bind(next.0.cast_signed())
        .bind(stream.to_string())
        .bind(partition.0)
        .bind(from.0.cast_signed())
        .execute(&mut *transaction)
        .await?;
    if moved.rows_affected() == 0 {
        let position = position(&mut transaction, stream, partition).await?;
        transaction.rollback().await?;
        return Ok(Advance::Elsewhere(position));
    }
    write(&mut transaction, partition, steps).await?;
    transaction.commit().await?;
    Ok(Advance::Done)
}

async fn write(
    connection: &mut SqliteConnection,
    partition: Partition,
    steps: &[Step],
) -> Result<(), sqlx::Error> {
    let mut seen = Seen::default();
    for step in steps {
        match &step.entry {
            Entry::Registry(entry) => registry::write(connection, step, entry).await?,
            Entry::Audit(event) => calls::write(connection, &mut seen, partition, step, event).await?,
            Entry::Denial(event) => denials::write(connection, partition, step, event).await?,
        }
    }
    boots::flush(connection, &mut seen, partition).await
}

/// The first offset that is not projected yet.
pub(super) async fn position(
    connection: &mut SqliteConnection,
    stream: Stream,
    partition: Partition,
) -> Result<Offset, sqlx::Error> {
    let next: Option<i64> = sqlx::query_scalar("SELECT next FROM offsets WHERE stream = ? AND partition = ?")
        .bind(stream.to_string())
        .bind(partition.0)
        .fetch_optional(connection)
        .await?;
    Ok(Offset(next.unwrap_or(0).cast_unsigned()))
}

/// Makes sure that the partition has an offset to move.
pub(super) async fn enlist(
    connection: &mut SqliteConnection,
    stream: Stream,
    partition: Partition,
) -> Result<Offset, sqlx::Error> {
    sqlx::query("INSERT INTO offsets (stream, partition, next) VALUES (?, ?, 0) ON CONFLICT DO NOTHING")
        .bind(stream.to_string())
        .bind(partition.0)
        .execute(&mut *connection)
        .await?;
    position(connection, stream, partition).await
}

/// The log's id, if there is one.
pub(super) async fn log(connection: &mut SqliteConnection) -> Result<Option<LogId>, sqlx::Error> {
    let row = sqlx::query("SELECT log_id FROM meta")
        .fetch_optional(connection)
        .await?;
    row.map(|row| column::named(&row, "log_id")).transpose()
}

/// Takes the log's id, unless there is one.
pub(super) async fn adopt(connection: &mut SqliteConnection, log: LogId) -> Result<LogId, sqlx::Error> {
    sqlx::query("INSERT INTO meta (one, log_id) VALUES (1, ?) ON CONFLICT DO NOTHING")
        .bind(log.to_string())
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query("SELECT log_id FROM meta")
        .fetch_one(connection)
        .await?;
    column::named(&row, "log_id")
}
