//! Moving a partition on: its rows and its offset in one transaction.

use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::write;
use crate::{
    project::Step,
    rows::{
        ask::Speak as _,
        offsets::{Advance, Move},
        state::Frozen,
    },
};

/// Writes `steps` and moves the partition, both or neither. The transaction takes the write lock at its start, so that nobody comes in
/// between.
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
    let advance = to.make(&mut *transaction).await?;
    if let Advance::Elsewhere(_) = advance {
        transaction.rollback().await?;
        return Ok(advance);
    }
    write::write(&mut transaction, to.partition, steps).await?;
    if let Some(state) = state {
        transaction.tell(state.write()).await?;
    }
    transaction.commit().await?;
    Ok(advance)
}
