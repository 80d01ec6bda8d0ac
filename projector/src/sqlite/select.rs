//! Asking the tables.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, LogId, Offset};
use sqlx::SqlitePool;

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

pub(super) async fn positions(readers: &SqlitePool) -> Result<Vec<(Stream, Partition, Offset)>, sqlx::Error> {
    let rows = sqlx::query(offsets::POSITIONS).fetch_all(readers).await?;
    offsets::positions(&rows)
}

pub(super) async fn log(readers: &SqlitePool) -> Result<Option<LogId>, sqlx::Error> {
    let row = sqlx::query(offsets::LOG).fetch_optional(readers).await?;
    row.map(|row| column::named(&row, "log_id")).transpose()
}

pub(super) async fn state(readers: &SqlitePool) -> Result<Option<Frozen>, sqlx::Error> {
    let row = sqlx::query(Frozen::READ).fetch_optional(readers).await?;
    row.map(|row| Frozen::read(&row)).transpose()
}

/// The calls that `query` asks for, the newest first.
pub(super) async fn calls(readers: &SqlitePool, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
    let server = match &query.server {
        None => None,
        Some(ServerSelector::Slug(slug)) => Some(Calls::of_slug(slug)),
        Some(ServerSelector::Id(id)) => {
            let server = sqlx::query(select_calls::LIFE).bind(id.to_string());
            match server.fetch_optional(readers).await.map_err(StoreError::from)? {
                Some(row) => Some(Calls::of_server(*id, &row).map_err(StoreError::from)?),
                None => return Ok(Page::of(Vec::new(), 0, |_| String::new())),
            }
        }
    };
    let mut sql = select_calls::statement(query, server.as_ref())?;
    let rows = sql.build().fetch_all(readers).await.map_err(StoreError::from)?;
    Ok(select_calls::page(query, &rows).map_err(StoreError::from)?)
}

/// The history that `query` asks for, the oldest event first.
pub(super) async fn history(
    readers: &SqlitePool,
    query: &HistoryQuery,
) -> Result<Page<HistoryRow>, QueryError> {
    let mut sql = select_history::statement(query)?;
    let rows = sql.build().fetch_all(readers).await.map_err(StoreError::from)?;
    Ok(select_history::page(query, &rows).map_err(StoreError::from)?)
}

/// Boots that are not closed, or wrote something after they were.
pub(super) async fn open_boots(readers: &SqlitePool, except: BootId) -> Result<Vec<OpenBoot>, sqlx::Error> {
    let rows = sqlx::query(boots::OPEN)
        .bind(except.to_string())
        .fetch_all(readers)
        .await?;
    rows.iter().map(boots::open).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use jiff::Timestamp;
    use onedoor_model::ids::ServerId;
    use sqlx::Row as _;

    use super::*;
    use crate::{
        query::{CallCursor, CallOutcome},
        rows::select_calls::Life,
        sqlite::Database,
    };

    /// How SQLite would answer.
    async fn plan(database: &Database, query: &CallQuery, calls: Option<&Calls>) -> String {
        let sql = select_calls::statement::<sqlx::Sqlite>(query, calls)
            .unwrap()
            .into_string();
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = sqlx::query(explained).fetch_all(&database.readers).await.unwrap();
        steps
            .iter()
            .map(|step| step.get::<String, _>("detail"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[tokio::test]
    async fn every_query_is_answered_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("projection.db"))
            .await
            .unwrap();
        let all = CallQuery::all(NonZeroU32::MIN);
        let text = Some("x".to_owned());
        let since = Some(Timestamp::UNIX_EPOCH);
        let life = Life {
            id: ServerId(uuid::Uuid::nil()),
            registered: Offset(1),
            retired: Some(Offset(2)),
        };
        let calls = Calls {
            slug: "x".to_owned(),
            server: Some(life),
        };
        let cursor = CallCursor {
            time: 0,
            stream: "audit".to_owned(),
            partition: 0,
            offset: Offset(0),
        };
        let table = [
            (all.clone(), None, "calls_by_time"),
            (CallQuery { since, ..all.clone() }, None, "calls_by_time (time"),
            (
                CallQuery { since, ..all.clone() },
                Some(&calls),
                "calls_by_slug (slug=? AND time",
            ),
            (
                CallQuery {
                    tool: text.clone(),
                    since,
                    ..all.clone()
                },
                None,
                "calls_by_tool (tool=? AND time",
            ),
            (
                CallQuery {
                    client: text.clone(),
                    since,
                    ..all.clone()
                },
                None,
                "calls_by_client (client=? AND time",
            ),
            (
                CallQuery {
                    user: text.clone(),
                    ..all.clone()
                },
                None,
                "calls_by_user (user_id=?",
            ),
            (
                CallQuery {
                    user: text,
                    ..all.clone()
                },
                None,
                "calls_by_user_name (user_name=?",
            ),
            (
                CallQuery {
                    outcome: Some(CallOutcome::Open),
                    ..all
                },
                None,
                "calls_open",
            ),
        ];
        for (query, calls, index) in table {
            for cursor in [None, Some(cursor.write())] {
                let query = CallQuery {
                    cursor,
                    ..query.clone()
                };
                let plan = plan(&database, &query, calls).await;
                assert!(plan.contains(index), "{query:?}: {plan}");
            }
        }
    }
}
