//! Asking for histories.

use onedoor_model::ids::{AggregateVersion, Offset};
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{
    column::{self, Columns},
    text::stored,
};
use crate::{
    error::QueryError,
    query::{HistoryCursor, HistoryQuery, HistoryRow, Page, ServerSelector},
};

/// Asks for one row more than the page holds, to know whether there are more.
pub(crate) fn statement<DB: Database>(query: &HistoryQuery) -> Result<QueryBuilder<DB>, QueryError>
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let cursor = query.cursor.as_deref().map(HistoryCursor::read).transpose()?;
    let mut sql = QueryBuilder::new("SELECT * FROM registry_history WHERE ");
    match &query.server {
        ServerSelector::Id(id) => sql.push("server_id = ").push_bind(id.to_string()),
        ServerSelector::Slug(slug) => sql.push("slug = ").push_bind(stored(slug).into_owned()),
    };
    if let Some(HistoryCursor(offset)) = cursor {
        sql.push(" AND log_offset > ").push_bind(offset.0.cast_signed());
    }
    sql.push(" ORDER BY log_offset LIMIT ")
        .push_bind(i64::from(query.limit.get()) + 1);
    Ok(sql)
}

/// The rows of [`statement`], as a page.
pub(crate) fn page(query: &HistoryQuery, rows: &[impl Columns]) -> Result<Page<HistoryRow>, sqlx::Error> {
    let rows = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok(Page::of(rows, query.limit.get() as usize, |row: &HistoryRow| {
        HistoryCursor(row.revision).write()
    }))
}

fn event(row: &impl Columns) -> Result<HistoryRow, sqlx::Error> {
    Ok(HistoryRow {
        revision: Offset(column::number(row, "log_offset")?),
        time: column::time(row, "time")?,
        kind: column::text(row, "kind")?,
        aggregate: column::named(row, "aggregate")?,
        aggregate_id: column::text(row, "aggregate_id")?,
        server_id: column::named_if_any(row, "server_id")?,
        server: row.text_if_any("slug")?,
        change: column::parsed(row, "change")?,
        actor: column::parsed_if_any(row, "actor")?,
        reason: row.text_if_any("reason")?,
        command: column::named(row, "command_id")?,
        route: column::text(row, "route")?,
        expected: column::number_if_any(row, "expected")?.map(AggregateVersion),
        verdict: column::named(row, "verdict")?,
        conflict: row.text_if_any("conflict")?,
        won: column::number_if_any(row, "won")?.map(Offset),
    })
}
