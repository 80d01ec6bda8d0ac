//! The registry's history: every event, and what became of it.

use onedoor_model::{
    envelope::EventData as _,
    ids::{ServerId, Slug},
    registry::Verdict,
};

use super::{
    column,
    statement::{Statement, row},
};
use crate::{
    project::{RegistryEntry, Step},
    query::VerdictKind,
};

/// An event's row. One that was appended twice finds it there.
pub(super) fn write<'a>(step: &Step, entry: &'a RegistryEntry) -> Result<Statement<'a>, sqlx::Error> {
    const SQL: &str = "INSERT INTO registry_history (
            log_offset, source, event_id, time, kind, aggregate, aggregate_id, server_id, slug, change,
            actor, reason, command_id, route, expected, verdict, conflict, won)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        ON CONFLICT (source, event_id) DO NOTHING";
    let event = &entry.envelope;
    let (verdict, conflict) = match &entry.verdict {
        Verdict::Effective => (VerdictKind::Effective, None),
        Verdict::Duplicate => (VerdictKind::Duplicate, None),
        Verdict::Refused(conflict) => (VerdictKind::Refused, Some(conflict.to_string())),
    };
    Ok(Statement {
        sql: SQL,
        values: row![
            step.offset,
            event.source.as_str(),
            event.id.to_string(),
            event.time,
            event.data.kind(),
            entry.subject.aggregate.as_str(),
            entry.subject.id.as_str(),
            entry.subject.server.as_ref().map(ServerId::to_string),
            entry.subject.slug.as_ref().map(Slug::as_str),
            entry.change_json().map_err(column::unwritable)?,
            event.actor.as_ref().map(column::json).transpose()?,
            event.reason.as_deref(),
            event.data.command.id.as_str(),
            event.data.command.route.as_str(),
            event.data.expected.map(|expected| expected.0),
            verdict.as_str(),
            conflict,
            entry.won,
        ],
    })
}
