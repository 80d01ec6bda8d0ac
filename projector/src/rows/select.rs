//! Asking the tables, whichever database keeps them.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, LogId, Offset};

use super::{
    ask::Ask,
    boots, column, offsets,
    select_calls::{self, Calls},
    select_history,
    state::Frozen,
};
use crate::{
    error::{QueryError, StoreError},
    query::{CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page, ServerSelector},
};

pub(crate) async fn positions(database: &impl Ask) -> Result<Vec<(Stream, Partition, Offset)>, StoreError> {
    let rows = database.ask(offsets::all()).await?;
    Ok(offsets::positions(&rows)?)
}

pub(crate) async fn log(database: &impl Ask) -> Result<Option<LogId>, StoreError> {
    let rows = database.ask(offsets::log()).await?;
    Ok(rows.first().map(|row| column::named(row, "log_id")).transpose()?)
}

pub(crate) async fn state(database: &impl Ask) -> Result<Option<Frozen>, StoreError> {
    let rows = database.ask(Frozen::kept()).await?;
    Ok(rows.first().map(Frozen::read).transpose()?)
}

/// The calls that `query` asks for, the newest first.
pub(crate) async fn calls(database: &impl Ask, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
    let server = match &query.server {
        None => None,
        Some(ServerSelector::Slug(slug)) => Some(Calls::of_slug(slug)),
        Some(ServerSelector::Id(id)) => match database.ask(select_calls::life(*id)).await?.first() {
            Some(row) => Some(Calls::of_server(*id, row).map_err(StoreError::from)?),
            None => return Ok(Page::of(Vec::new(), 0, |_| String::new())),
        },
    };
    let rows = database
        .ask(select_calls::question(query, server.as_ref())?)
        .await?;
    Ok(select_calls::page(query, &rows).map_err(StoreError::from)?)
}

/// The history that `query` asks for, the oldest event first.
pub(crate) async fn history(
    database: &impl Ask,
    query: &HistoryQuery,
) -> Result<Page<HistoryRow>, QueryError> {
    let rows = database.ask(select_history::question(query)?).await?;
    Ok(select_history::page(query, &rows).map_err(StoreError::from)?)
}

/// The boots that are open, but for one.
pub(crate) async fn open_boots(database: &impl Ask, except: BootId) -> Result<Vec<OpenBoot>, StoreError> {
    let rows = database.ask(boots::opened_but(except)).await?;
    Ok(rows.iter().map(boots::open).collect::<Result<_, _>>()?)
}
