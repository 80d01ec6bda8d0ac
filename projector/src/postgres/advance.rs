//! Moving a partition on: its rows and its offset in one transaction.

use sqlx::{Connection as _, PgConnection, PgPool};

use super::{PATIENCE, write};
use crate::{
    error::StoreError,
    project::Step,
    rows::{
        ask::Speak as _,
        offsets::{Advance, Move},
        state::Frozen,
    },
};

/// Writes `steps` and moves the partition, both or neither.
///
/// The row of its offset stays locked until the end, so that nobody comes in between (see [`Move::make`]); and whoever wants to see
/// everything stand still needs no more than a lock on its table.
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
