//! Asking for calls.

use jiff::Timestamp;
use onedoor_log::Partition;
use onedoor_model::ids::{Offset, Revision, ServerId};
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{
    column::{self, Columns},
    text::indexed,
};
use crate::{
    error::QueryError,
    query::{CallCursor, CallOutcome, CallQuery, CallRow, Page},
};

/// Two calls of one millisecond stand in the order of the log. Every order by time is served by an index that ends in it.
const ORDER: &str = " ORDER BY time DESC, stream DESC, partition DESC, log_offset DESC LIMIT ";

/// The life of the server `$1`, for [`Calls::of_server`].
pub(crate) const LIFE: &str =
    "SELECT slug, registered_revision, retired_revision FROM servers WHERE server_id = $1";

/// Which rows are a server's. The slug of a server is for life, so that the index on slugs serves both.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) slug: String,
    pub(crate) server: Option<Life>,
}

/// The revisions at which a slug meant this server.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: ServerId,
    pub(crate) registered: Revision,
    pub(crate) retired: Option<Revision>,
}

/// A call with its place in the order.
struct Found {
    place: CallCursor,
    call: CallRow,
}

impl Calls {
    /// Those of whatever went by a slug.
    pub(crate) fn of_slug(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            server: None,
        }
    }

    /// Those of one server, whose row of [`LIFE`] this is.
    pub(crate) fn of_server(id: ServerId, row: &impl Columns) -> Result<Self, sqlx::Error> {
        let life = Life {
            id,
            registered: Offset(column::number(row, "registered_revision")?),
            retired: column::number_if_any(row, "retired_revision")?.map(Offset),
        };
        Ok(Self {
            slug: column::text(row, "slug")?,
            server: Some(life),
        })
    }
}

/// Asks for one row more than the page holds, to know whether there are more.
pub(crate) fn statement<DB: Database>(
    query: &CallQuery,
    server: Option<&Calls>,
) -> Result<QueryBuilder<DB>, QueryError>
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let cursor = query.cursor.as_deref().map(CallCursor::read).transpose()?;
    let mut sql = QueryBuilder::new("SELECT * FROM calls WHERE true");
    restrict(&mut sql, query, server, cursor.as_ref());
    sql.push(ORDER).push_bind(i64::from(query.limit.get()) + 1);
    Ok(sql)
}

fn restrict<DB: Database>(
    sql: &mut QueryBuilder<DB>,
    query: &CallQuery,
    server: Option<&Calls>,
    cursor: Option<&CallCursor>,
) where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let text = |text: &String| indexed(text).into_owned();
    if let Some(calls) = server {
        sql.push(" AND slug = ").push_bind(text(&calls.slug));
        if let Some(life) = &calls.server {
            restrict_to_life(sql, life);
        }
    }
    if let Some(tool) = &query.tool {
        sql.push(" AND tool = ").push_bind(text(tool));
    }
    if let Some(user) = &query.user {
        sql.push(" AND (user_id = ").push_bind(text(user));
        sql.push(" OR user_name = ").push_bind(text(user)).push(")");
    }
    if let Some(client) = &query.client {
        sql.push(" AND client = ").push_bind(text(client));
    }
    match query.outcome {
        None => {}
        Some(CallOutcome::Open) => {
            sql.push(" AND outcome IS NULL");
        }
        Some(outcome) => {
            sql.push(" AND outcome = ").push_bind(outcome.as_str().to_owned());
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
        sql.push(", ").push_bind(text(stream));
        sql.push(", ").push_bind(i64::from(*partition));
        sql.push(", ").push_bind(offset.0.cast_signed()).push(")");
    }
}

/// A refused call names its server by slug only, and the revision it was decided on says whose slug it was. It held from the
/// server's registration on, and no longer from its retirement on.
fn restrict_to_life<DB: Database>(sql: &mut QueryBuilder<DB>, life: &Life)
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
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

/// The rows of [`statement`], as a page.
pub(crate) fn page(query: &CallQuery, rows: &[impl Columns]) -> Result<Page<CallRow>, sqlx::Error> {
    let rows = rows.iter().map(found).collect::<Result<_, _>>()?;
    let page = Page::of(rows, query.limit.get() as usize, |found: &Found| {
        found.place.write()
    });
    Ok(Page {
        items: page.items.into_iter().map(|found| found.call).collect(),
        next_cursor: page.next_cursor,
    })
}

fn found(row: &impl Columns) -> Result<Found, sqlx::Error> {
    let Partition(partition) = column::partition(row)?;
    Ok(Found {
        place: CallCursor {
            time: column::number(row, "time")?.cast_signed(),
            stream: column::text(row, "stream")?,
            partition,
            offset: Offset(column::number(row, "log_offset")?),
        },
        call: call(row)?,
    })
}

fn call(row: &impl Columns) -> Result<CallRow, sqlx::Error> {
    Ok(CallRow {
        time: column::time(row, "time")?,
        call: column::named(row, "call_id")?,
        outcome: column::named_if_any(row, "outcome")?.unwrap_or(CallOutcome::Open),
        cause: row.text_if_any("cause")?,
        operation: column::text(row, "operation")?,
        server: row.text_if_any("slug")?,
        server_id: column::named_if_any(row, "server_id")?,
        version: version(row)?,
        stage: row.text_if_any("stage")?,
        tool: row.text_if_any("tool")?,
        issuer: column::text(row, "issuer")?,
        tenant: column::text(row, "tenant")?,
        user: row.text_if_any("user_id")?,
        user_name: row.text_if_any("user_name")?,
        client: column::text(row, "client")?,
        token_id: column::text(row, "token_id")?,
        trace_id: row.text_if_any("trace_id")?,
        required_scope: row.text_if_any("required_scope")?,
        audience: row.text_if_any("audience")?,
        grants: column::parsed(row, "grants")?,
        revision: Offset(column::number(row, "revision")?),
        ended: column::time_if_any(row, "ended")?,
        duration_ms: column::number_if_any(row, "duration_us")?.map(in_milliseconds),
        upstream_ms: column::number_if_any(row, "upstream_us")?.map(in_milliseconds),
        arguments_size: column::number_if_any(row, "arguments_size")?,
        answer_size: column::number_if_any(row, "answer_size")?,
    })
}

fn version(row: &impl Columns) -> Result<Option<u32>, sqlx::Error> {
    const VERSION: &str = "version";
    let version = column::number_if_any(row, VERSION)?.map(u32::try_from);
    version
        .transpose()
        .map_err(|error| column::damaged(VERSION, error))
}

fn in_milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

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
