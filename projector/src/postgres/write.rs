//! Writing what events say, many at once: here a statement is a trip over the network.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuditEvent, DenialEvent},
    envelope::Envelope,
};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::{
    batch::{self, Event, Known, What, Writes},
    days::{self, Day},
    denials,
    execute::{insert, rows_bound, unnested, values},
};
use crate::{
    project::{Entry, Step},
    rows::{
        ask::{Speak as _, tell_all},
        boots::{self, Seen},
        calls::{self, CALL},
        outcome::{self, OUTCOME},
        registry,
        statement::{Kind, Row, Value},
    },
};

/// Writes what `steps` say. They are of one partition, and so all of one stream.
pub(super) async fn write(
    connection: &mut PgConnection,
    partition: Partition,
    steps: &[Step],
) -> Result<(), sqlx::Error> {
    let mut audit = Audit::new(partition);
    let mut denied: Vec<(&Step, &Envelope<DenialEvent>)> = Vec::new();
    for step in steps {
        match &step.entry {
            Entry::Registry(entry) => tell_all(connection, registry::write(step, entry)?).await?,
            Entry::Audit(event) => audit.take(connection, step, event).await?,
            Entry::Denial(event) => denied.push((step, event)),
        }
    }
    audit.flush(connection).await?;
    denials::write(connection, partition, &denied).await
}

/// Events of calls, gathered until they are written together.
struct Audit<'a> {
    partition: Partition,
    seen: Seen,
    events: Vec<Event<'a>>,
}

impl<'a> Audit<'a> {
    fn new(partition: Partition) -> Self {
        Self {
            partition,
            seen: Seen::default(),
            events: Vec::new(),
        }
    }

    async fn take(
        &mut self,
        connection: &mut PgConnection,
        step: &'a Step,
        event: &'a Envelope<AuditEvent>,
    ) -> Result<(), sqlx::Error> {
        self.seen.note(step.offset, event);
        match &event.data {
            AuditEvent::ToolCalled(call) => self.events.push(Event {
                call: call.call.to_string(),
                what: What::Called {
                    time: step.time.as_millisecond(),
                    row: calls::called(self.partition, step, event, call)?,
                },
            }),
            AuditEvent::ToolCallCompleted(completed) => self.events.push(Event {
                call: completed.call.to_string(),
                what: What::Completed {
                    offset: step.offset,
                    outcome: outcome::outcome(step.time, completed)?,
                },
            }),
            // These are about what comes before them, and so find it written.
            AuditEvent::DispatchedLate(late) => {
                self.flush(connection).await?;
                connection.tell(calls::late(self.partition, late)?).await?;
            }
            AuditEvent::BootOpened(opened) => {
                self.flush(connection).await?;
                connection
                    .tell(boots::opened(self.partition, step, event.boot, opened))
                    .await?;
            }
            AuditEvent::BootClosed(closed) => {
                self.flush(connection).await?;
                tell_all(connection, boots::closed(self.partition, step, closed)?).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        tell_all(connection, self.seen.take(self.partition)).await?;
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            return Ok(());
        }
        let times = events.iter().filter_map(|event| match &event.what {
            What::Called { time, .. } => Some(*time),
            What::Completed { .. } => None,
        });
        days::make(connection, &days::of(times)).await?;
        let known = known(connection, self.partition, &events).await?;
        let writes = batch::resolve(self.partition, events, known);
        put(connection, self.partition, writes).await
    }
}

/// What the tables say of the calls that `events` are about.
async fn known(
    connection: &mut PgConnection,
    partition: Partition,
    events: &[Event<'_>],
) -> Result<HashMap<String, Known<'static>>, sqlx::Error> {
    const SQL: &str =
        "SELECT wanted.id, keys.time, early.outcome, early.cause, early.ended, early.duration_us,
            early.upstream_us, early.answer_size
        FROM unnest($1::text[]) AS wanted (id)
        LEFT JOIN audit_keys AS keys ON keys.id = wanted.id AND keys.stream = 'audit' AND keys.partition = $2
        LEFT JOIN early_outcomes AS early ON early.call_id = wanted.id AND early.partition = $2
        WHERE keys.id IS NOT NULL OR early.call_id IS NOT NULL";
    let wanted: BTreeSet<&str> = events.iter().map(|event| event.call.as_str()).collect();
    let rows = sqlx::query(SQL)
        .bind(wanted.into_iter().collect::<Vec<_>>())
        .bind(i64::from(partition.0))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let outcome = values(row)?.split_off(2);
            let early = row.try_get::<Option<&str>, _>("outcome")?.map(|_| outcome);
            let time = row.try_get("time")?;
            Ok((row.try_get("id")?, Known { time, early }))
        })
        .collect()
}

async fn put(
    connection: &mut PgConnection,
    partition: Partition,
    writes: Writes<'_>,
) -> Result<(), sqlx::Error> {
    const EARLY: [(&str, Kind); 3] = [
        ("call_id", Kind::Text),
        ("partition", Kind::Integer),
        ("log_offset", Kind::Integer),
    ];
    insert(
        connection,
        "calls",
        &[&CALL[..], &OUTCOME].concat(),
        &writes.calls,
    )
    .await?;
    denials::remember(connection, "audit", partition, &writes.keys).await?;
    insert(
        connection,
        "early_outcomes",
        &[&EARLY[..], &OUTCOME].concat(),
        &writes.early,
    )
    .await?;
    end(connection, partition, writes.outcomes).await
}

/// Gives calls that are there their outcomes, where they have none, in the table of each one's day.
async fn end(
    connection: &mut PgConnection,
    partition: Partition,
    outcomes: Vec<Row<'_>>,
) -> Result<(), sqlx::Error> {
    const KEY: [(&str, Kind); 2] = [("call_id", Kind::Text), ("time", Kind::Integer)];
    let mut by_day: BTreeMap<Day, Vec<Row<'_>>> = BTreeMap::new();
    for row in outcomes {
        let time = row.get(1).and_then(Value::integer).unwrap_or_default();
        by_day.entry(Day::of(time)).or_default().push(row);
    }
    let columns = [&KEY[..], &OUTCOME].concat();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let set: Vec<_> = OUTCOME
        .iter()
        .map(|(name, _)| format!("{name} = ended_now.{name}"))
        .collect();
    for (day, rows) in by_day {
        // The test for an outcome is written so that no index of open calls answers it: there may be many, and each row has a key.
        let sql = format!(
            "UPDATE {calls} AS calls SET {set} FROM {rows} AS ended_now ({names})
            WHERE calls.call_id = ended_now.call_id AND calls.time = ended_now.time AND calls.stream = 'audit'
                AND calls.partition = $9 AND coalesce(calls.outcome, '') = ''",
            calls = day.table("calls"),
            set = set.join(", "),
            rows = unnested(&columns),
            names = names.join(", "),
        );
        rows_bound(AssertSqlSafe(sql), &columns, &rows)
            .bind(i64::from(partition.0))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
