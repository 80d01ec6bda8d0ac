//! Calls and their outcomes, out of the stream `audit`.

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuditEvent, Outcome, ToolCallCompleted, ToolCalled},
    envelope::Envelope,
};
use serde::Deserialize;
use sqlx::SqliteConnection;

use super::{
    boots::{self, Seen},
    column,
};
use crate::project::Step;

/// Writes what an event of `audit` says.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    partition: Partition,
    step: &Step,
    event: &Envelope<AuditEvent>,
) -> Result<(), sqlx::Error> {
    seen.note(step.offset, event);
    match &event.data {
        AuditEvent::BootOpened(opened) => {
            boots::opened(connection, seen, partition, step, event.boot, opened).await
        }
        AuditEvent::ToolCalled(call) => called(connection, partition, step, event, call).await,
        AuditEvent::ToolCallCompleted(completed) => {
            self::completed(connection, partition, step, completed).await
        }
        AuditEvent::DispatchedLate(_) => Ok(()),
        AuditEvent::BootClosed(closed) => boots::closed(connection, seen, partition, step, closed).await,
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
            call_id, partition, stream, log_offset, time, source, boot_id, trace_id, operation, server_id, slug, version, stage,
            tool, tool_digest, issuer, tenant, user_id, user_name, client, token_id, required_scope, audience, strategy, grants,
            revision, arguments_size, outcome, cause, ended, duration_us, upstream_us, answer_size)
        SELECT ?1, ?2, 'audit', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
            ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
            ?25, ?26, early.outcome, early.cause, early.ended, early.duration_us, early.upstream_us, early.answer_size
        FROM (SELECT 1) LEFT JOIN early_outcomes AS early ON early.call_id = ?1 AND early.partition = ?2
        WHERE true
        ON CONFLICT (call_id, stream, partition) DO NOTHING";
    let caller = &call.caller;
    sqlx::query(SQL)
        .bind(call.call.to_string())
        .bind(partition.0)
        .bind(step.offset.0.cast_signed())
        .bind(step.time.as_millisecond())
        .bind(event.source.as_str())
        .bind(event.boot.to_string())
        .bind(event.traceparent.as_deref().and_then(trace_id))
        .bind(&call.operation)
        .bind(call.server.to_string())
        .bind(call.slug.as_str())
        .bind(call.version.0)
        .bind(call.stage.to_string())
        .bind(call.tool.as_str())
        .bind(call.tool_digest.to_string())
        .bind(caller.issuer.as_str())
        .bind(caller.tenant.as_str())
        .bind(caller.user.as_ref().map(onedoor_model::ids::UserId::as_str))
        .bind(caller.user_name.as_deref())
        .bind(caller.client.as_str())
        .bind(&caller.token_id)
        .bind(call.required_scope.as_str())
        .bind(&call.audience)
        .bind(&call.strategy)
        .bind(column::json(&call.grants)?)
        .bind(call.revision.0.cast_signed())
        .bind(call.arguments_size.cast_signed())
        .execute(connection)
        .await?;
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
    const SET: &str = "UPDATE calls SET outcome = ?3, cause = ?4, ended = ?5, duration_us = ?6, upstream_us = ?7, answer_size = ?8
        WHERE call_id = ?1 AND partition = ?2 AND stream = 'audit' AND outcome IS NULL";
    const KEEP: &str = "INSERT INTO early_outcomes (
            call_id, partition, outcome, cause, ended, duration_us, upstream_us, answer_size, log_offset)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
        WHERE NOT EXISTS (SELECT 1 FROM calls WHERE call_id = ?1 AND partition = ?2 AND stream = 'audit')
        ON CONFLICT (call_id, partition) DO NOTHING";
    let call = event.call.to_string();
    let OutcomeColumns { outcome, cause } = OutcomeColumns::of(event.outcome)?;
    let query = |sql| {
        sqlx::query(sql)
            .bind(&call)
            .bind(partition.0)
            .bind(&outcome)
            .bind(cause.as_deref())
            .bind(step.time.as_millisecond())
            .bind(event.duration_us.cast_signed())
            .bind(event.upstream_us.map(u64::cast_signed))
            .bind(event.answer_size.cast_signed())
    };
    if query(SET).execute(&mut *connection).await?.rows_affected() == 0 {
        query(KEEP)
            .bind(step.offset.0.cast_signed())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// An outcome as its event writes it: one vocabulary in log and tables.
#[derive(Deserialize)]
struct OutcomeColumns {
    outcome: String,
    cause: Option<String>,
}

impl OutcomeColumns {
    fn of(outcome: Outcome) -> Result<Self, sqlx::Error> {
        let columns = serde_json::to_value(outcome).and_then(serde_json::from_value);
        columns.map_err(|error| sqlx::Error::Encode(error.into()))
    }
}

/// The trace id of a `traceparent` (W3C Trace Context §3.2): 32 lower-case hexadecimal digits, not all 0.
pub(super) fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    let valid = id.len() == 32
        && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && id.bytes().any(|digit| digit != b'0');
    valid.then_some(id)
}

#[cfg(test)]
mod tests {
    use onedoor_model::audit::{CancelCause, NotDispatchedReason, UpstreamFault};

    use super::*;

    #[test]
    fn a_trace_id_is_taken_only_where_there_is_one() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        let zero = "0".repeat(32);
        for bad in [
            "",
            "00",
            "00-",
            "00-abc-00f067aa0ba902b7-01",
            &format!("00-{zero}-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
        assert_eq!(
            trace_id(&format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase())),
            None
        );
    }

    #[test]
    fn outcomes_are_named_as_queries_name_them() {
        use crate::query::CallOutcome;
        let table = [
            (Outcome::Succeeded, CallOutcome::Succeeded, None),
            (Outcome::ToolError, CallOutcome::ToolError, None),
            (
                Outcome::UpstreamError(UpstreamFault::TooLarge),
                CallOutcome::UpstreamError,
                Some("too_large"),
            ),
            (
                Outcome::Cancelled(CancelCause::TokenExpired),
                CallOutcome::Cancelled,
                Some("token_expired"),
            ),
            (Outcome::TimedOut, CallOutcome::TimedOut, None),
            (
                Outcome::NotDispatched(NotDispatchedReason::NoTokenB),
                CallOutcome::NotDispatched,
                Some("no_token_b"),
            ),
            (Outcome::Unknown, CallOutcome::Unknown, None),
        ];
        for (outcome, name, reason) in table {
            let columns = OutcomeColumns::of(outcome).unwrap();
            assert_eq!(
                (columns.outcome.as_str(), columns.cause.as_deref()),
                (name.as_str(), reason)
            );
        }
    }
}
