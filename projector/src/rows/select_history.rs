//! Asking for histories.

use onedoor_model::ids::{AggregateVersion, Offset};

use super::{
    ask::Question,
    column::{self, Columns},
};
use crate::{
    error::QueryError,
    query::{HistoryCursor, HistoryQuery, HistoryRow, Page, ServerSelector},
};

/// Asks for one row more than the page holds, to know whether there are more. By name: a column that a later version adds changes nothing.
pub(crate) fn question(query: &HistoryQuery) -> Result<Question, QueryError> {
    let cursor = query.cursor.as_deref().map(HistoryCursor::read).transpose()?;
    let mut question = Question::new(
        "SELECT log_offset, time, kind, aggregate, aggregate_id, server_id, slug, change, actor, reason, command_id, route,
            expected, verdict, conflict, won
        FROM registry_history WHERE ",
    );
    match &query.server {
        ServerSelector::Id(id) => question.sql("server_id = ").value(id.to_string()),
        ServerSelector::Slug(slug) => question.sql("slug = ").value(slug.clone()),
    };
    if let Some(HistoryCursor(offset)) = cursor {
        question.sql(" AND log_offset > ").value(offset);
    }
    question
        .sql(" ORDER BY log_offset LIMIT ")
        .value(i64::from(query.limit.get()) + 1);
    Ok(question)
}

/// The rows of [`question`], as a page.
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
