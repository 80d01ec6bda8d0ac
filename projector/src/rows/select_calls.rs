//! Asking for calls.

use jiff::Timestamp;
use onedoor_log::Partition;
use onedoor_model::ids::{Offset, Revision, ServerId};

use super::{
    ask::Question,
    column::{self, Columns},
    text::indexed,
};
use crate::{
    error::QueryError,
    query::{CallCursor, CallOutcome, CallQuery, CallRow, Page},
};

/// Two calls of one millisecond stand in the order of the log. Every order by time is served by an index that ends in it.
const ORDER: &str = " ORDER BY time DESC, stream DESC, partition DESC, log_offset DESC LIMIT ";

/// By name: a column that a later version adds changes nothing for those who read.
const SELECT: &str = "SELECT call_id, stream, partition, log_offset, time, trace_id, operation, server_id, slug, version, stage, tool,
        issuer, tenant, user_id, user_name, client, token_id, required_scope, audience, grants, revision, arguments_size,
        outcome, cause, ended, duration_us, upstream_us, answer_size, late
    FROM calls WHERE true";

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

    /// Those of one server, whose row of [`life`] this is.
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

/// The life of a server, for [`Calls::of_server`].
pub(crate) fn life(server: ServerId) -> Question {
    let mut question =
        Question::new("SELECT slug, registered_revision, retired_revision FROM servers WHERE server_id = ");
    question.value(server.to_string());
    question
}

/// Asks for one row more than the page holds, to know whether there are more.
///
/// A user goes by an id or by a name. Asked for both at once, PostgreSQL may read every call of every day; so they are two
/// questions, each answered by its index, and then one order.
pub(crate) fn question(query: &CallQuery, server: Option<&Calls>) -> Result<Question, QueryError> {
    let cursor = query.cursor.as_deref().map(CallCursor::read).transpose()?;
    let mut question = Question::new("");
    let part = |question: &mut Question| {
        question.sql(SELECT);
        restrict(question, query, server, cursor.as_ref());
    };
    match &query.user {
        None => part(&mut question),
        Some(user) => {
            let user = indexed(user).into_owned();
            question.sql("SELECT * FROM (SELECT * FROM (");
            part(&mut question);
            question.sql(" AND user_id = ").value(user.clone());
            in_order(&mut question, query);
            question.sql(") AS by_id UNION ALL SELECT * FROM (");
            part(&mut question);
            question.sql(" AND user_name = ").value(user.clone());
            question
                .sql(" AND (user_id IS NULL OR user_id <> ")
                .value(user)
                .sql(")");
            in_order(&mut question, query);
            question.sql(") AS by_name) AS by_either");
        }
    }
    in_order(&mut question, query);
    Ok(question)
}

fn in_order(question: &mut Question, query: &CallQuery) {
    question.sql(ORDER).value(i64::from(query.limit.get()) + 1);
}

/// All that is asked for, but for the user.
fn restrict(question: &mut Question, query: &CallQuery, server: Option<&Calls>, cursor: Option<&CallCursor>) {
    let text = |text: &String| indexed(text).into_owned();
    if let Some(calls) = server {
        question.sql(" AND slug = ").value(text(&calls.slug));
        if let Some(life) = &calls.server {
            restrict_to_life(question, life);
        }
    }
    if let Some(tool) = &query.tool {
        question.sql(" AND tool = ").value(text(tool));
    }
    if let Some(client) = &query.client {
        question.sql(" AND client = ").value(text(client));
    }
    match query.outcome {
        None => {}
        Some(CallOutcome::Open) => {
            question.sql(" AND outcome IS NULL");
        }
        Some(outcome) => {
            question.sql(" AND outcome = ").value(outcome.as_str());
        }
    }
    if let Some(since) = query.since {
        question.sql(" AND time >= ").value(first_millisecond(since));
    }
    if let Some(until) = query.until {
        question.sql(" AND time < ").value(first_millisecond(until));
    }
    if let Some(CallCursor {
        time,
        stream,
        partition,
        offset,
    }) = cursor
    {
        // Implied by what follows; said for the indexes that know the time only.
        question.sql(" AND time <= ").value(*time);
        question
            .sql(" AND (time, stream, partition, log_offset) < (")
            .value(*time);
        question.sql(", ").value(text(stream));
        question.sql(", ").value(*partition);
        question.sql(", ").value(*offset).sql(")");
    }
}

/// A refused call names its server by slug only, and the revision it was decided on says whose slug it was. It held from the
/// server's registration on, and no longer from its retirement on.
fn restrict_to_life(question: &mut Question, life: &Life) {
    question.sql(" AND (server_id = ").value(life.id.to_string());
    question
        .sql(" OR server_id IS NULL AND revision >= ")
        .value(life.registered);
    if let Some(retired) = life.retired {
        question.sql(" AND revision < ").value(retired);
    }
    question.sql(")");
}

/// The first whole millisecond that is not before `time`: the log's times are whole milliseconds.
fn first_millisecond(time: Timestamp) -> i64 {
    let millisecond = time.as_millisecond();
    match Timestamp::from_millisecond(millisecond) {
        Ok(whole) if whole < time => millisecond + 1,
        Ok(_) | Err(_) => millisecond,
    }
}

/// The rows of [`question`], as a page.
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
        late: row.text_if_any("late")?,
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
