//! Refused calls, counted refusals and failed authentication, out of the stream `denials`.

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuthenticationsFailed, CallDenied, DenialEvent, DenialsCounted},
    envelope::Envelope,
    ids::UserId,
};
use sqlx::SqliteConnection;

use super::{calls::trace_id, column};
use crate::project::Step;

/// Writes what an event of `denials` says. One that was appended twice finds its row there.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &Envelope<DenialEvent>,
) -> Result<(), sqlx::Error> {
    match &event.data {
        DenialEvent::CallDenied(denied) => self::denied(connection, partition, step, event, denied).await,
        DenialEvent::DenialsCounted(counted) => {
            self::counted(connection, partition, step, event, counted).await
        }
        DenialEvent::AuthenticationsFailed(failed) => {
            self::failed(connection, partition, step, event, failed).await
        }
    }
}

async fn denied(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &Envelope<DenialEvent>,
    denied: &CallDenied,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO calls (
            call_id, stream, partition, log_offset, time, source, boot_id, trace_id, operation, slug, tool,
            issuer, tenant, user_id, user_name, client, token_id, grants, revision, outcome, cause, ended)
        VALUES (?, 'denials', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, 'denied', ?, ?)
        ON CONFLICT (call_id, stream, partition) DO NOTHING";
    let caller = &denied.caller;
    sqlx::query(SQL)
        .bind(denied.call.to_string())
        .bind(partition.0)
        .bind(step.offset.0.cast_signed())
        .bind(step.time.as_millisecond())
        .bind(event.source.as_str())
        .bind(event.boot.to_string())
        .bind(event.traceparent.as_deref().and_then(trace_id))
        .bind(&denied.operation)
        .bind(denied.server.as_deref())
        .bind(denied.tool.as_deref())
        .bind(caller.issuer.as_str())
        .bind(caller.tenant.as_str())
        .bind(caller.user.as_ref().map(UserId::as_str))
        .bind(caller.user_name.as_deref())
        .bind(caller.client.as_str())
        .bind(&caller.token_id)
        .bind(denied.revision.0.cast_signed())
        .bind(column::name(&denied.reason)?)
        .bind(step.time.as_millisecond())
        .execute(connection)
        .await?;
    Ok(())
}

async fn counted(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &Envelope<DenialEvent>,
    counted: &DenialsCounted,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO denial_counts (
            partition, log_offset, source, event_id, time, issuer, tenant, user_id, user_name, client, count, since, until)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (partition, source, event_id) DO NOTHING";
    let caller = counted.caller.as_ref();
    sqlx::query(SQL)
        .bind(partition.0)
        .bind(step.offset.0.cast_signed())
        .bind(event.source.as_str())
        .bind(event.id.to_string())
        .bind(step.time.as_millisecond())
        .bind(caller.map(|caller| caller.issuer.as_str()))
        .bind(caller.map(|caller| caller.tenant.as_str()))
        .bind(caller.and_then(|caller| caller.user.as_ref()).map(UserId::as_str))
        .bind(caller.and_then(|caller| caller.user_name.as_deref()))
        .bind(caller.map(|caller| caller.client.as_str()))
        .bind(counted.count.cast_signed())
        .bind(counted.since.as_millisecond())
        .bind(counted.until.as_millisecond())
        .execute(connection)
        .await?;
    Ok(())
}

async fn failed(
    connection: &mut SqliteConnection,
    partition: Partition,
    step: &Step,
    event: &Envelope<DenialEvent>,
    failed: &AuthenticationsFailed,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO failed_authentications (
            partition, log_offset, source, event_id, time, network, reason, count, since, until)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (partition, source, event_id) DO NOTHING";
    sqlx::query(SQL)
        .bind(partition.0)
        .bind(step.offset.0.cast_signed())
        .bind(event.source.as_str())
        .bind(event.id.to_string())
        .bind(step.time.as_millisecond())
        .bind(failed.network.as_deref())
        .bind(&failed.reason)
        .bind(failed.count.cast_signed())
        .bind(failed.since.as_millisecond())
        .bind(failed.until.as_millisecond())
        .execute(connection)
        .await?;
    Ok(())
}
