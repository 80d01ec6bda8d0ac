//! Moving a partition on: its rows and its offset in one transaction.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{LogId, Offset};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::{execute::execute, write};
use crate::{
    project::Step,
    rows::{
        column,
        offsets::{self, Advance, Move},
        state::Frozen,
    },
};

/// Writes `steps` and moves the partition, both or neither.
///
/// The offset is moved first, and only from where it was thought to stand: **this is what keeps a projector that was overtaken, or
/// was thought dead, from writing anything**. The transaction takes the write lock at its start, so that nobody comes in between.
pub(super) async fn advance(
    writer: &SqlitePool,
    to: Move,
    steps: &[Step],
    state: Option<&Frozen>,
) -> Result<Advance, sqlx::Error> {
    let mut connection = writer.acquire().await?;
    let advance = transact(&mut connection, to, steps, state).await;
    if advance.is_err() {
        // A full or failing disk makes SQLite roll back by itself. sqlx does not learn of it, and would take this connection to be in
        // a transaction for ever.
        connection.close_on_drop();
    }
    advance
}

async fn transact(
    connection: &mut SqliteConnection,
    to: Move,
    steps: &[Step],
    state: Option<&Frozen>,
) -> Result<Advance, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let moved = execute(&mut transaction, to.write()).await?;
    if moved.rows_affected() == 0 {
        let position = position(&mut transaction, to.stream, to.partition).await?;
        transaction.rollback().await?;
        return Ok(Advance::Elsewhere(position));
    }
    write::write(&mut transaction, to.partition, steps).await?;
    if let Some(state) = state {
        execute(&mut transaction, state.write()).await?;
    }
    transaction.commit().await?;
    Ok(Advance::Done)
}

async fn position(
    connection: &mut SqliteConnection,
    stream: Stream,
    partition: Partition,
) -> Result<Offset, sqlx::Error> {
    let next: Option<i64> = sqlx::query_scalar(offsets::POSITION)
        .bind(stream.to_string())
        .bind(i64::from(partition.0))
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
    sqlx::query(offsets::ENLIST)
        .bind(stream.to_string())
        .bind(i64::from(partition.0))
        .execute(&mut *connection)
        .await?;
    position(connection, stream, partition).await
}

/// Takes the log's id, unless there is one.
pub(super) async fn adopt(connection: &mut SqliteConnection, log: LogId) -> Result<LogId, sqlx::Error> {
    sqlx::query(offsets::ADOPT)
        .bind(log.to_string())
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query(offsets::LOG).fetch_one(connection).await?;
    column::named(&row, "log_id")
}
