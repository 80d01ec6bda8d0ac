//! How calls end.

use jiff::Timestamp;
use onedoor_model::audit::{Outcome, ToolCallCompleted};
use serde::Deserialize;

use super::{
    column,
    statement::{Kind, Row, row},
};

/// The columns of an outcome, in `calls` and in `early_outcomes`.
pub(crate) const OUTCOME: [(&str, Kind); 6] = [
    ("outcome", Kind::Text),
    ("cause", Kind::Text),
    ("ended", Kind::Integer),
    ("duration_us", Kind::Integer),
    ("upstream_us", Kind::Integer),
    ("answer_size", Kind::Integer),
];

/// An outcome's columns; `ended` is when the log took it.
pub(crate) fn outcome(ended: Timestamp, event: &ToolCallCompleted) -> Result<Row<'static>, sqlx::Error> {
    let OutcomeColumns { outcome, cause } = OutcomeColumns::of(event.outcome)?;
    Ok(row![
        outcome,
        cause,
        ended,
        event.duration_us,
        event.upstream_us,
        event.answer_size
    ])
}

/// No outcome: the call is open.
pub(crate) fn open<'a>() -> Row<'a> {
    let none: (Option<&str>, Option<u64>) = (None, None);
    row![none.0, none.0, none.1, none.1, none.1, none.1]
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
        columns.map_err(column::unwritable)
    }
}

#[cfg(test)]
mod tests {
    use onedoor_model::audit::{CancelCause, NotDispatchedReason, UpstreamFault};

    use super::*;

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
