//! Reading records back.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use onedoor_model::ids::Offset;
use sqlx::SqlitePool;

use super::store::to_sql;
use crate::{
    error::{EngineError, ReadError},
    limits::MAX_READ_BYTES,
    port::Record,
};

/// The database holds something that was never put there, or lacks something that was.
#[derive(Debug, thiserror::Error)]
#[error("record {0} is missing or damaged")]
struct Damaged(Offset);

/// The records from `from` on and before `end`, which are durable and were not removed when the caller looked.
pub(super) async fn read(
    readers: SqlitePool,
    from: Offset,
    end: Offset,
    max_records: usize,
) -> Result<Vec<Record>, ReadError> {
    let mut rows = sqlx::query_as::<_, (i64, i64, Vec<u8>)>(
        "SELECT offset, time, event FROM records WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
    )
    .bind(to_sql(from.0))
    .bind(to_sql(end.0))
    .bind(i64::try_from(max_records).unwrap_or(i64::MAX))
    .fetch(&readers);
    let mut records = Vec::new();
    let (mut next, mut bytes) = (from, 0);
    while bytes < MAX_READ_BYTES
        && let Some((offset, time, event)) = rows.try_next().await.map_err(read_error)?
    {
        if offset != to_sql(next.0) {
            break;
        }
        bytes += event.len();
        let time = Timestamp::from_millisecond(time).map_err(|_| damaged(next))?;
        records.push(Record {
            offset: next,
            time,
            bytes: Bytes::from(event),
        });
        next = next.next();
    }
    drop(rows);
    if records.is_empty() && from < end && max_records > 0 {
        return Err(missing(&readers, from).await?);
    }
    Ok(records)
}

/// Why there is no record where there was one: it was removed meanwhile, or should be there.
async fn missing(readers: &SqlitePool, from: Offset) -> Result<ReadError, ReadError> {
    let first: Option<i64> = sqlx::query_scalar("SELECT offset FROM records ORDER BY offset LIMIT 1")
        .fetch_optional(readers)
        .await
        .map_err(read_error)?;
    Ok(
        match first.and_then(|first| u64::try_from(first).ok()).map(Offset) {
            Some(first) if first > from => ReadError::Truncated { first },
            Some(_) | None => damaged(from),
        },
    )
}

fn damaged(offset: Offset) -> ReadError {
    ReadError::Engine(EngineError::new(Damaged(offset)))
}

fn read_error(error: sqlx::Error) -> ReadError {
    if matches!(error, sqlx::Error::PoolClosed) {
        ReadError::Closed
    } else {
        ReadError::Engine(EngineError::new(error))
    }
}
