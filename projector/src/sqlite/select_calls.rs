//! Asking for calls.

use jiff::Timestamp;
use onedoor_model::ids::{Offset, Revision, ServerId};
use sqlx::{FromRow, QueryBuilder, Row as _, Sqlite, SqlitePool, sqlite::SqliteRow};

use super::column;
use crate::{
    error::{QueryError, StoreError},
    query::{CallCursor, CallOutcome, CallQuery, CallRow, Page, ServerSelector},
};

/// Two calls of one millisecond stand in the order of the log. Every order by time is served by an index that ends in it.
const ORDER: &str = " ORDER BY time DESC, stream DESC, partition DESC, log_offset DESC LIMIT ";

/// A call with its place in the order.
struct Found {
    place: CallCursor,
    call: CallRow,
}

/// Which rows are a server's. The slug of a server is for life, so that the index on slugs serves both.
struct Calls {
    slug: String,
    server: Option<Life>,
}

/// The revisions at which a slug meant this server.
struct Life {
    id: ServerId,
    registered: Revision,
    retired: Option<Revision>,
}

/// The calls that `query` asks for, the newest first.
pub(super) async fn select(readers: &SqlitePool, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
    let cursor = query.cursor.as_deref().map(CallCursor::read).transpose()?;
    let server = match &query.server {
        None => None,
        Some(selector) => match calls_of(readers, selector).await? {
            Some(calls) => Some(calls),
            None => {
                return Ok(Page {
                    items: Vec::new(),
                    next_cursor: None,
                });
            }
        },
    };
    let mut sql = statement(query, server.as_ref(), cursor.as_ref());
    let rows: Vec<Found> = sql
        .build_query_as()
        .fetch_all(readers)
        .await
        .map_err(StoreError::from)?;
    let page = Page::of(rows, query.limit.get() as usize, |found| found.place.write());
    Ok(Page {
        items: page.items.into_iter().map(|found| found.call).collect(),
        next_cursor: page.next_cursor,
    })
}

async fn calls_of(readers: &SqlitePool, selector: &ServerSelector) -> Result<Option<Calls>, StoreError> {
    let id = match selector {
        ServerSelector::Slug(slug) => {
            return Ok(Some(Calls {
                slug: slug.clone(),
                server: None,
            }));
        }
        ServerSelector::Id(id) => *id,
    };
    let row =
        sqlx::query("SELECT slug, registered_revision, retired_revision FROM servers WHERE server_id = ?")
            .bind(id.to_string())
            .fetch_optional(readers)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let life = Life {
        id,
        registered: Offset(column::number(&row, "registered_revision")?),
        retired: column::number_if_any(&row, "retired_revision")?.map(Offset),
    };
    Ok(Some(Calls {
        slug: row.try_get("slug")?,
        server: Some(life),
    }))
}

/// Asks for one row more than the page holds, to know whether there are more.
fn statement(query: &CallQuery, server: Option<&Calls>, cursor: Option<&CallCursor>) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT * FROM calls WHERE true");
    restrict(&mut sql, query, server, cursor);
    sql.push(ORDER).push_bind(i64::from(query.limit.get()) + 1);
    sql
}

fn restrict(
    sql: &mut QueryBuilder<Sqlite>,
    query: &CallQuery,
    server: Option<&Calls>,
    cursor: Option<&CallCursor>,
) {
    if let Some(calls) = server {
        sql.push(" AND slug = ").push_bind(calls.slug.clone());
        if let Some(life) = &calls.server {
            restrict_to_life(sql, life);
        }
    }
    if let Some(tool) = &query.tool {
        sql.push(" AND tool = ").push_bind(tool.clone());
    }
    if let Some(user) = &query.user {
        sql.push(" AND (user_id = ").push_bind(user.clone());
        sql.push(" OR user_name = ").push_bind(user.clone()).push(")");
    }
    if let Some(client) = &query.client {
        sql.push(" AND client = ").push_bind(client.clone());
    }
    match query.outcome {
        None => {}
        Some(CallOutcome::Open) => {
            sql.push(" AND outcome IS NULL");
        }
        Some(outcome) => {
            sql.push(" AND outcome = ").push_bind(outcome.as_str());
        }
    }
    if let Some(since) = query.since {
        sql.push(" AND time >= ").push_bind(first_millisecond(since));
    }
    if let Some(until) = query.until {
        sql.push(" AND time < ").push_bind(first_millisecond(until));
    }
    if let Some(CallCursor {
        time,
        stream,
        partition,
        offset,
    }) = cursor
    {
        // Implied by what follows; said for the indexes that know the time only.
        sql.push(" AND time <= ").push_bind(*time);
        sql.push(" AND (time, stream, partition, log_offset) < (")
            .push_bind(*time);
        sql.push(", ").push_bind(stream.clone());
        sql.push(", ").push_bind(*partition);
        sql.push(", ").push_bind(offset.0.cast_signed()).push(")");
    }
}

/// A refused call names its server by slug only, and the revision it was decided on says whose slug it was. It held from the
/// server's registration on, and no longer from its retirement on.
fn restrict_to_life(sql: &mut QueryBuilder<Sqlite>, life: &Life) {
    sql.push(" AND (server_id = ").push_bind(life.id.to_string());
    sql.push(" OR server_id IS NULL AND revision >= ")
        .push_bind(life.registered.0.cast_signed());
    if let Some(retired) = life.retired {
        sql.push(" AND revision < ").push_bind(retired.0.cast_signed());
    }
    sql.push(")");
}

/// The first whole millisecond that is not before `time`: the log's times are whole milliseconds.
fn first_millisecond(time: Timestamp) -> i64 {
    let millisecond = time.as_millisecond();
    match Timestamp::from_millisecond(millisecond) {
        Ok(whole) if whole < time => millisecond + 1,
        Ok(_) | Err(_) => millisecond,
    }
}

impl FromRow<'_, SqliteRow> for Found {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            place: CallCursor {
                time: row.try_get("time")?,
                stream: row.try_get("stream")?,
                partition: row.try_get("partition")?,
                offset: Offset(column::number(row, "log_offset")?),
            },
            call: call(row)?,
        })
    }
}

fn call(row: &SqliteRow) -> Result<CallRow, sqlx::Error> {
    Ok(CallRow {
        time: column::time(row, "time")?,
        call: column::named(row, "call_id")?,
        outcome: column::named_if_any(row, "outcome")?.unwrap_or(CallOutcome::Open),
        cause: row.try_get("cause")?,
        operation: row.try_get("operation")?,
        server: row.try_get("slug")?,
        server_id: column::named_if_any(row, "server_id")?,
        version: row.try_get("version")?,
        stage: row.try_get("stage")?,
        tool: row.try_get("tool")?,
        issuer: row.try_get("issuer")?,
        tenant: row.try_get("tenant")?,
        user: row.try_get("user_id")?,
        user_name: row.try_get("user_name")?,
        client: row.try_get("client")?,
        token_id: row.try_get("token_id")?,
        trace_id: row.try_get("trace_id")?,
        required_scope: row.try_get("required_scope")?,
        audience: row.try_get("audience")?,
        grants: column::parsed(row, "grants")?,
        revision: Offset(column::number(row, "revision")?),
        ended: column::time_if_any(row, "ended")?,
        duration_ms: column::number_if_any(row, "duration_us")?.map(in_milliseconds),
        upstream_ms: column::number_if_any(row, "upstream_us")?.map(in_milliseconds),
        arguments_size: column::number_if_any(row, "arguments_size")?,
        answer_size: column::number_if_any(row, "answer_size")?,
    })
}

fn in_milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::Store;

    /// How SQLite would answer.
    async fn plan(
        store: &Store,
        query: &CallQuery,
        calls: Option<&Calls>,
        cursor: Option<&CallCursor>,
    ) -> String {
        let sql = statement(query, calls, cursor).into_string();
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = sqlx::query(explained).fetch_all(&store.readers).await.unwrap();
        steps
            .iter()
            .map(|step| step.get::<String, _>("detail"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[tokio::test]
    async fn every_query_is_answered_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("projection.db")).await.unwrap();
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
            for cursor in [None, Some(&cursor)] {
                let plan = plan(&store, &query, calls, cursor).await;
                assert!(plan.contains(index), "{query:?}: {plan}");
            }
        }
    }

    #[test]
    fn a_range_begins_at_a_whole_millisecond() {
        for (nanoseconds, millisecond) in [
            (0, 0),
            (1, 1),
            (1_000_000, 1),
            (1_000_001, 2),
            (-1, 0),
            (-1_000_000, -1),
            (-1_000_001, -1),
        ] {
            let time = Timestamp::from_nanosecond(nanoseconds).unwrap();
            assert_eq!(first_millisecond(time), millisecond, "{nanoseconds}");
        }
    }
}
