//! The registry's history: every event, and what became of it.

use onedoor_model::{
    envelope::EventData as _,
    ids::{ServerId, Slug},
    registry::Verdict,
};
use sqlx::SqliteConnection;

use super::column;
use crate::{
    project::{RegistryEntry, Step},
    query::VerdictKind,
};

/// Writes an event's row. One that was appended twice finds it there.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    step: &Step,
    entry: &RegistryEntry,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO registry_history (
            log_offset, source, event_id, time, kind, aggregate, aggregate_id, server_id, slug, change,
            actor, reason, command_id, route, expected, verdict, conflict, won)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (source, event_id) DO NOTHING";
    let event = &entry.envelope;
    let (verdict, conflict) = match &entry.verdict {
        Verdict::Effective => (VerdictKind::Effective, None),
        Verdict::Duplicate => (VerdictKind::Duplicate, None),
        Verdict::Refused(conflict) => (VerdictKind::Refused, Some(conflict.to_string())),
    };
    sqlx::query(SQL)
        .bind(step.offset.0.cast_signed())
        .bind(event.source.as_str())
        .bind(event.id.to_string())
        .bind(event.time.as_millisecond())
        .bind(event.data.kind())
        .bind(entry.subject.aggregate.as_str())
        .bind(&entry.subject.id)
        .bind(entry.subject.server.as_ref().map(ServerId::to_string))
        .bind(entry.subject.slug.as_ref().map(Slug::as_str))
        .bind(
            entry
                .change_json()
                .map_err(|error| sqlx::Error::Encode(error.into()))?,
        )
        .bind(event.actor.as_ref().map(column::json).transpose()?)
        .bind(event.reason.as_deref())
        .bind(event.data.command.id.as_str())
        .bind(&event.data.command.route)
        .bind(event.data.expected.map(|expected| expected.0.cast_signed()))
        .bind(verdict.as_str())
        .bind(conflict)
        .bind(entry.won.map(|won| won.0.cast_signed()))
        .execute(connection)
        .await?;
    Ok(())
}
