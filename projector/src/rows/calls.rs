//! Calls, let through or refused, as rows of `calls`.

use onedoor_log::Partition;
use onedoor_model::{
    audit::{CallDenied, DispatchedLate, ToolCalled},
    envelope::Envelope,
    ids::UserId,
};

use super::{
    column,
    statement::{Kind, Row, Statement, row},
    text::indexed,
};
use crate::project::Step;

/// The columns that say what was called; those of [`OUTCOME`](super::outcome::OUTCOME) follow.
pub(crate) const CALL: [(&str, Kind); 27] = [
    ("call_id", Kind::Text),
    ("stream", Kind::Text),
    ("partition", Kind::Integer),
    ("log_offset", Kind::Integer),
    ("time", Kind::Integer),
    ("source", Kind::Text),
    ("boot_id", Kind::Text),
    ("trace_id", Kind::Text),
    ("operation", Kind::Text),
    ("server_id", Kind::Text),
    ("slug", Kind::Text),
    ("version", Kind::Integer),
    ("stage", Kind::Text),
    ("tool", Kind::Text),
    ("tool_digest", Kind::Text),
    ("issuer", Kind::Text),
    ("tenant", Kind::Text),
    ("user_id", Kind::Text),
    ("user_name", Kind::Text),
    ("client", Kind::Text),
    ("token_id", Kind::Text),
    ("required_scope", Kind::Text),
    ("audience", Kind::Text),
    ("strategy", Kind::Text),
    ("grants", Kind::Text),
    ("revision", Kind::Integer),
    ("arguments_size", Kind::Integer),
];

/// A call that was let through, in the order of [`CALL`].
pub(crate) fn called<'a, D>(
    partition: Partition,
    step: &Step,
    event: &'a Envelope<D>,
    call: &'a ToolCalled,
) -> Result<Row<'a>, sqlx::Error> {
    let caller = &call.caller;
    Ok(row![
        call.call.to_string(),
        "audit",
        partition,
        step.offset,
        step.time,
        event.source.as_str(),
        event.boot.to_string(),
        event.traceparent.as_deref().and_then(trace_id),
        call.operation.as_str(),
        call.server.to_string(),
        call.slug.as_str(),
        call.version.0,
        call.stage.to_string(),
        call.tool.as_str(),
        call.tool_digest.to_string(),
        caller.issuer.as_str(),
        caller.tenant.as_str(),
        caller.user.as_ref().map(UserId::as_str),
        caller.user_name.as_deref().map(indexed),
        caller.client.as_str(),
        caller.token_id.as_str(),
        call.required_scope.as_str(),
        call.audience.as_str(),
        call.strategy.as_str(),
        column::json(&call.grants)?,
        call.revision,
        call.arguments_size,
    ])
}

/// A call that was refused, in the order of [`CALL`], and how it ended, in that of [`OUTCOME`](super::outcome::OUTCOME).
pub(crate) fn denied<'a, D>(
    partition: Partition,
    step: &Step,
    event: &'a Envelope<D>,
    denied: &'a CallDenied,
) -> Result<Row<'a>, sqlx::Error> {
    let caller = &denied.caller;
    let (no_text, no_number): (Option<&str>, Option<u64>) = (None, None);
    Ok(row![
        denied.call.to_string(),
        "denials",
        partition,
        step.offset,
        step.time,
        event.source.as_str(),
        event.boot.to_string(),
        event.traceparent.as_deref().and_then(trace_id),
        denied.operation.as_str(),
        no_text,
        denied.server.as_deref().map(indexed),
        no_number,
        no_text,
        denied.tool.as_deref().map(indexed),
        no_text,
        caller.issuer.as_str(),
        caller.tenant.as_str(),
        caller.user.as_ref().map(UserId::as_str),
        caller.user_name.as_deref().map(indexed),
        caller.client.as_str(),
        caller.token_id.as_str(),
        no_text,
        no_text,
        no_text,
        "[]",
        denied.revision,
        no_number,
        "denied",
        column::name(&denied.reason)?,
        step.time,
        no_number,
        no_number,
        no_number,
    ])
}

/// A call that left although it should not have any more. Its row is there: nothing leaves before its record.
pub(crate) fn late(partition: Partition, event: &DispatchedLate) -> Result<Statement<'static>, sqlx::Error> {
    Ok(Statement {
        sql: "UPDATE calls SET late = $1 WHERE call_id = $2 AND partition = $3 AND stream = 'audit' AND late IS NULL",
        values: row![column::name(&event.cause)?, event.call.to_string(), partition],
    })
}

/// The trace id of a `traceparent` (W3C Trace Context §3.2): 32 lower-case hexadecimal digits, not all 0.
fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    let valid = id.len() == 32
        && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && id.bytes().any(|digit| digit != b'0');
    valid.then_some(id)
}

#[cfg(test)]
mod tests {
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
}
