//! Moving a partition on: its rows and its offset in one transaction.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{LogId, Offset};
use sqlx::{Connection as _, PgConnection, PgPool};

use super::{PATIENCE, execute::execute, write};
use crate::{
    error::StoreError,
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
/// was thought dead, from writing anything**. Its row stays locked until the end, so that nobody comes in between; and whoever wants
/// to see everything stand still needs no more than a lock on its table.
pub(super) async fn advance(
    writers: &PgPool,
    to: Move,
    steps: &[Step],
    state: Option<&Frozen>,
) -> Result<Advance, StoreError> {
    let mut connection = writers.acquire().await?;
    let advance = tokio::time::timeout(PATIENCE, transact(&mut connection, to, steps, state)).await;
    match advance {
        Ok(Ok(advance)) => Ok(advance),
        Ok(Err(error)) => {
            connection.close_on_drop();
            Err(error.into())
        }
        Err(_) => {
            connection.close_on_drop();
            Err(StoreError::Silent(PATIENCE))
        }
    }
}

async fn transact(
    connection: &mut PgConnection,
    to: Move,
    steps: &[Step],
    state: Option<&Frozen>,
) -> Result<Advance, sqlx::Error> {
    let mut transaction = connection.begin().await?;
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
    connection: &mut PgConnection,
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
    writers: &PgPool,
    stream: Stream,
    partition: Partition,
) -> Result<Offset, sqlx::Error> {
    let mut connection = writers.acquire().await?;
    sqlx::query(offsets::ENLIST)
        .bind(stream.to_string())
        .bind(i64::from(partition.0))
        .execute(&mut *connection)
        .await?;
    position(&mut connection, stream, partition).await
}

/// Takes the log's id, unless there is one.
pub(super) async fn adopt(writers: &PgPool, log: LogId) -> Result<LogId, sqlx::Error> {
    let mut connection = writers.acquire().await?;
    sqlx::query(offsets::ADOPT)
        .bind(log.to_string())
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query(offsets::LOG).fetch_one(&mut *connection).await?;
    column::named(&row, "log_id")
}
