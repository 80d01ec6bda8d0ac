//! Writing what events say, one by one: here a statement is a call of a function.

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuditEvent, DenialEvent, ToolCallCompleted, ToolCalled},
    envelope::Envelope,
};
use sqlx::SqliteConnection;

use crate::{
    project::{Entry, Step},
    rows::{
        ask::{Speak as _, tell_all},
        boots::{self, Seen},
        calls, counts, outcome, registry,
        statement::{Statement, row},
    },
};

/// Writes what `steps` say.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    partition: Partition,
    steps: &[Step],
) -> Result<(), sqlx::Error> {
    let mut seen = Seen::default();
    for step in steps {
        match &step.entry {
            Entry::Registry(entry) => tell_all(connection, registry::write(step, entry)?).await?,
            Entry::Audit(event) => audit(connection, &mut seen, partition, step, event).await?,
            Entry::Denial(event) => denial(connection, partition, step, event).await?,
        }
    }
    tell_all(connection, seen.take(partition)).await
}

async fn audit(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    partition: Partition,
    step: &Step,
    event: &Envelope<AuditEvent>,
) -> Result<(), sqlx::Error> {
    seen.note(step.offset, event);
    match &event.data {
        AuditEvent::BootOpened(opened) => {
            tell_all(connection, seen.take(partition)).await?;
            let opened = boots::opened(partition, step, event.boot, opened);
            connection.tell(opened).await.map(|_| ())
        }
        AuditEvent::ToolCalled(call) => called(connection, partition, step, event, call).await,
        AuditEvent::ToolCallCompleted(completed) => {
            self::completed(connection, partition, step, completed).await
        }
        AuditEvent::DispatchedLate(late) => connection.tell(calls::late(partition, late)?).await.map(|_| ()),
        AuditEvent::BootClosed(closed) => {
            // Only then are the boot's earlier events of this batch in the table.
            tell_all(connection, seen.take(partition)).await?;
            tell_all(connection, boots::closed(partition, step, closed)?).await
        }
    }
}

/// An event that was appended twice finds its call there. An outcome may be there already: see [`completed`].
async fn called(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &Envelope<AuditEvent>,
    call: &ToolCalled,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO calls (
            call_id, stream, partition, log_offset, time, source, boot_id, trace_id, operation, server_id, slug, version, stage,
            tool, tool_digest, issuer, tenant, user_id, user_name, client, token_id, required_scope, audience, strategy, grants,
            revision, arguments_size, outcome, cause, ended, duration_us, upstream_us, answer_size)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
            $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
            $26, $27, early.outcome, early.cause, early.ended, early.duration_us, early.upstream_us, early.answer_size
        FROM (SELECT 1) LEFT JOIN early_outcomes AS early ON early.call_id = $1 AND early.partition = $3
        WHERE true
        ON CONFLICT (call_id, stream, partition) DO NOTHING";
    let values = calls::called(partition, step, event, call)?;
    connection.tell(Statement { sql: SQL, values }).await?;
    Ok(())
}

/// The first outcome of a call in offset order counts. One may come without its call, where the call's append was not acknowledged:
/// that record may turn up later, or never. It is kept aside, and taken by [`called`].
async fn completed(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &ToolCallCompleted,
) -> Result<(), sqlx::Error> {
    const SET: &str = "UPDATE calls SET outcome = $3, cause = $4, ended = $5, duration_us = $6, upstream_us = $7, answer_size = $8
        WHERE call_id = $1 AND partition = $2 AND stream = 'audit' AND outcome IS NULL";
    const KEEP: &str = "INSERT INTO early_outcomes (
            call_id, partition, outcome, cause, ended, duration_us, upstream_us, answer_size, log_offset)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
        WHERE NOT EXISTS (SELECT 1 FROM calls WHERE call_id = $1 AND partition = $2 AND stream = 'audit')
        ON CONFLICT (call_id, partition) DO NOTHING";
    let mut values = row![event.call.to_string(), partition];
    values.extend(outcome::outcome(step.time, event)?);
    let set = Statement {
        sql: SET,
        values: values.clone(),
    };
    if connection.tell(set).await? == 0 {
        values.extend(row![step.offset]);
        connection.tell(Statement { sql: KEEP, values }).await?;
    }
    Ok(())
}

/// An event of `denials` that was appended twice finds its row there.
async fn denial(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &Envelope<DenialEvent>,
) -> Result<(), sqlx::Error> {
    const CALL: &str = "INSERT INTO calls (
            call_id, stream, partition, log_offset, time, source, boot_id, trace_id, operation, server_id, slug, version, stage,
            tool, tool_digest, issuer, tenant, user_id, user_name, client, token_id, required_scope, audience, strategy, grants,
            revision, arguments_size, outcome, cause, ended, duration_us, upstream_us, answer_size)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
            $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
            $26, $27, $28, $29, $30, $31, $32, $33)
        ON CONFLICT (call_id, stream, partition) DO NOTHING";
    const COUNT: &str = "INSERT INTO denial_counts (
            partition, log_offset, source, event_id, time, issuer, tenant, user_id, user_name, client, count, since, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (partition, source, event_id) DO NOTHING";
    const FAILED: &str = "INSERT INTO failed_authentications (
            partition, log_offset, source, event_id, time, network, reason, count, since, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (partition, source, event_id) DO NOTHING";
    let (sql, values) = match &event.data {
        DenialEvent::CallDenied(denied) => (CALL, calls::denied(partition, step, event, denied)?),
        DenialEvent::DenialsCounted(counted) => (COUNT, counts::denials(partition, step, event, counted)),
        DenialEvent::AuthenticationsFailed(failed) => {
            (FAILED, counts::failed(partition, step, event, failed))
        }
    };
    connection.tell(Statement { sql, values }).await?;
    Ok(())
}
