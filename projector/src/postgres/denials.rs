//! Refused calls, counted refusals and failed authentication, many at once.

use std::collections::BTreeSet;

use onedoor_log::Partition;
use onedoor_model::{audit::DenialEvent, envelope::Envelope};
use sqlx::PgConnection;

use super::{days, execute::insert};
use crate::{
    project::Step,
    rows::{
        calls::{self, CALL},
        counts,
        outcome::OUTCOME,
        statement::{Kind, Row, row},
    },
};

/// Writes what events of `denials` say. One that was appended twice finds its key there.
pub(super) async fn write(
    connection: &mut PgConnection,
    partition: Partition,
    events: &[(&Step, &Envelope<DenialEvent>)],
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let times = events.iter().map(|(step, _)| step.time.as_millisecond());
    days::make(connection, &days::of(times)).await?;
    let mut fresh = fresh(connection, partition, events).await?;
    let (mut denied, mut counted, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut keys = Vec::new();
    for (step, event) in events {
        // Only the first of this batch, too.
        let key = key(event);
        if !fresh.remove(&key) {
            continue;
        }
        keys.push(row![key, step.time]);
        match &event.data {
            DenialEvent::CallDenied(call) => denied.push(calls::denied(partition, step, event, call)?),
            DenialEvent::DenialsCounted(count) => {
                counted.push(counts::denials(partition, step, event, count));
            }
            DenialEvent::AuthenticationsFailed(count) => {
                failed.push(counts::failed(partition, step, event, count));
            }
        }
    }
    insert(connection, "calls", &[&CALL[..], &OUTCOME].concat(), &denied).await?;
    insert(connection, "denial_counts", &counts::DENIALS, &counted).await?;
    insert(connection, "failed_authentications", &counts::FAILED, &failed).await?;
    remember(connection, "denials", partition, &keys).await
}

/// What tells an event's row from all others: the call, or for counts the event.
fn key(event: &Envelope<DenialEvent>) -> String {
    match &event.data {
        DenialEvent::CallDenied(denied) => denied.call.to_string(),
        DenialEvent::DenialsCounted(_) | DenialEvent::AuthenticationsFailed(_) => {
            format!("{} {}", event.id, event.source)
        }
    }
}

/// The keys of `events` that are not in the tables.
async fn fresh(
    connection: &mut PgConnection,
    partition: Partition,
    events: &[(&Step, &Envelope<DenialEvent>)],
) -> Result<BTreeSet<String>, sqlx::Error> {
    const SQL: &str = "SELECT keys.id FROM unnest($1::text[]) AS wanted (id)
        JOIN audit_keys AS keys ON keys.id = wanted.id AND keys.stream = 'denials' AND keys.partition = $2";
    let mut fresh: BTreeSet<String> = events.iter().map(|(_, event)| key(event)).collect();
    let known: Vec<String> = sqlx::query_scalar(SQL)
        .bind(fresh.iter().collect::<Vec<_>>())
        .bind(i64::from(partition.0))
        .fetch_all(connection)
        .await?;
    for key in known {
        fresh.remove(&key);
    }
    Ok(fresh)
}

/// Notes at which time the rows with these ids are: see `audit_keys`. `keys` are ids and times.
pub(super) async fn remember(
    connection: &mut PgConnection,
    stream: &'static str,
    partition: Partition,
    keys: &[Row<'_>],
) -> Result<(), sqlx::Error> {
    const COLUMNS: [(&str, Kind); 4] = [
        ("id", Kind::Text),
        ("time", Kind::Integer),
        ("stream", Kind::Text),
        ("partition", Kind::Integer),
    ];
    let rows: Vec<Row<'_>> = keys
        .iter()
        .map(|key| key.iter().cloned().chain(row![stream, partition]).collect())
        .collect();
    insert(connection, "audit_keys", &COLUMNS, &rows).await
}
