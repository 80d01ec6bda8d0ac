//! Asking the tables.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, LogId, Offset};
use sqlx::PgPool;

use super::patiently;
use crate::{
    error::{QueryError, StoreError},
    query::{CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page, ServerSelector},
    rows::{
        boots, column, offsets,
        select_calls::{self, Calls},
        select_history,
        state::Frozen,
    },
};

pub(super) async fn positions(readers: &PgPool) -> Result<Vec<(Stream, Partition, Offset)>, sqlx::Error> {
    let rows = sqlx::query(offsets::POSITIONS).fetch_all(readers).await?;
    offsets::positions(&rows)
}

pub(super) async fn log(readers: &PgPool) -> Result<Option<LogId>, sqlx::Error> {
    let row = sqlx::query(offsets::LOG).fetch_optional(readers).await?;
    row.map(|row| column::named(&row, "log_id")).transpose()
}

pub(super) async fn state(readers: &PgPool) -> Result<Option<Frozen>, sqlx::Error> {
    let row = sqlx::query(Frozen::READ).fetch_optional(readers).await?;
    row.map(|row| Frozen::read(&row)).transpose()
}

/// The calls that `query` asks for, the newest first.
pub(super) async fn calls(readers: &PgPool, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
    let server = match &query.server {
        None => None,
        Some(ServerSelector::Slug(slug)) => Some(Calls::of_slug(slug)),
        Some(ServerSelector::Id(id)) => {
            let server = sqlx::query(select_calls::LIFE).bind(id.to_string());
            match patiently(server.fetch_optional(readers)).await? {
                Some(row) => Some(Calls::of_server(*id, &row).map_err(StoreError::from)?),
                None => return Ok(Page::of(Vec::new(), 0, |_| String::new())),
            }
        }
    };
    let mut sql = select_calls::statement(query, server.as_ref())?;
    let rows = patiently(sql.build().fetch_all(readers)).await?;
    Ok(select_calls::page(query, &rows).map_err(StoreError::from)?)
}

/// The history that `query` asks for, the oldest event first.
pub(super) async fn history(readers: &PgPool, query: &HistoryQuery) -> Result<Page<HistoryRow>, QueryError> {
    let mut sql = select_history::statement(query)?;
    let rows = patiently(sql.build().fetch_all(readers)).await?;
    Ok(select_history::page(query, &rows).map_err(StoreError::from)?)
}

/// Boots that are not closed, or wrote something after they were.
pub(super) async fn open_boots(readers: &PgPool, except: BootId) -> Result<Vec<OpenBoot>, sqlx::Error> {
    let rows = sqlx::query(boots::OPEN)
        .bind(except.to_string())
        .fetch_all(readers)
        .await?;
    rows.iter().map(boots::open).collect()
}
