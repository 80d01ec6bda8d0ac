//! Asking for histories.

use onedoor_model::ids::{AggregateVersion, Offset};
use sqlx::{FromRow, QueryBuilder, Row as _, SqlitePool, sqlite::SqliteRow};

use super::column;
use crate::{
    error::{QueryError, StoreError},
    query::{HistoryCursor, HistoryQuery, HistoryRow, Page, ServerSelector},
};

/// The history that `query` asks for, the oldest event first.
pub(super) async fn select(
    readers: &SqlitePool,
    query: &HistoryQuery,
) -> Result<Page<HistoryRow>, QueryError> {
    let cursor = query.cursor.as_deref().map(HistoryCursor::read).transpose()?;
    let limit = query.limit.get();
    let mut sql = QueryBuilder::new("SELECT * FROM registry_history WHERE ");
    match &query.server {
        ServerSelector::Id(id) => sql.push("server_id = ").push_bind(id.to_string()),
        ServerSelector::Slug(slug) => sql.push("slug = ").push_bind(slug.clone()),
    };
    if let Some(HistoryCursor(offset)) = cursor {
        sql.push(" AND log_offset > ").push_bind(offset.0.cast_signed());
    }
    sql.push(" ORDER BY log_offset LIMIT ")
        .push_bind(i64::from(limit) + 1);
    let rows: Vec<HistoryRow> = sql
        .build_query_as()
        .fetch_all(readers)
        .await
        .map_err(StoreError::from)?;
    Ok(Page::of(rows, limit as usize, |row| {
        HistoryCursor(row.revision).write()
    }))
}

impl FromRow<'_, SqliteRow> for HistoryRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            revision: Offset(column::number(row, "log_offset")?),
            time: column::time(row, "time")?,
            kind: row.try_get("kind")?,
            aggregate: column::named(row, "aggregate")?,
            aggregate_id: row.try_get("aggregate_id")?,
            server_id: column::named_if_any(row, "server_id")?,
            server: row.try_get("slug")?,
            change: column::parsed(row, "change")?,
            actor: column::parsed_if_any(row, "actor")?,
            reason: row.try_get("reason")?,
            command: column::named(row, "command_id")?,
            route: row.try_get("route")?,
            expected: column::number_if_any(row, "expected")?.map(AggregateVersion),
            verdict: column::named(row, "verdict")?,
            conflict: row.try_get("conflict")?,
            won: column::number_if_any(row, "won")?.map(Offset),
        })
    }
}
