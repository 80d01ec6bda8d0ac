//! What is counted of the calls to one server.

use std::time::Duration;

use onedoor_model::audit::{CancelCause, NotDispatchedReason, Outcome, UpstreamFault};

use super::{latency::Latency, tally::Tally};

/// All outcomes, the common ones first.
pub(super) const OUTCOMES: &[Outcome] = &[
    Outcome::Succeeded,
    Outcome::ToolError,
    Outcome::TimedOut,
    Outcome::Cancelled(CancelCause::Client),
    Outcome::Cancelled(CancelCause::Disconnected),
    Outcome::Cancelled(CancelCause::Revoked),
    Outcome::Cancelled(CancelCause::Stale),
    Outcome::Cancelled(CancelCause::TokenExpired),
    Outcome::Cancelled(CancelCause::Drained),
    Outcome::UpstreamError(UpstreamFault::Unreachable),
    Outcome::UpstreamError(UpstreamFault::Unauthorized),
    Outcome::UpstreamError(UpstreamFault::Status),
    Outcome::UpstreamError(UpstreamFault::Protocol),
    Outcome::UpstreamError(UpstreamFault::TooLarge),
    Outcome::NotDispatched(NotDispatchedReason::Revoked),
    Outcome::NotDispatched(NotDispatchedReason::Stale),
    Outcome::NotDispatched(NotDispatchedReason::Unreachable),
    Outcome::NotDispatched(NotDispatchedReason::NoTokenB),
    Outcome::NotDispatched(NotDispatchedReason::ConsentRequired),
    Outcome::NotDispatched(NotDispatchedReason::InteractionRequired),
    Outcome::NotDispatched(NotDispatchedReason::TokenARejected),
    Outcome::NotDispatched(NotDispatchedReason::ExchangeRefused),
    Outcome::NotDispatched(NotDispatchedReason::ExchangeUnavailable),
    Outcome::NotDispatched(NotDispatchedReason::CircuitOpen),
    Outcome::NotDispatched(NotDispatchedReason::Busy),
    Outcome::NotDispatched(NotDispatchedReason::ClientGone),
    Outcome::NotDispatched(NotDispatchedReason::Deadline),
    Outcome::NotDispatched(NotDispatchedReason::AuditUnavailable),
    Outcome::Unknown,
];

/// The calls to one server.
#[derive(Debug)]
pub(super) struct ServerCalls {
    pub(super) outcomes: Tally<Outcome>,
    pub(super) total: Latency,
    pub(super) added: Latency,
    pub(super) upstream: Latency,
    pub(super) connect: Latency,
}

/// How long the parts of a call took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTimes {
    /// From the request's arrival to the end of its answer.
    pub(crate) total: Duration,
    /// From the request's arrival to its dispatch: the door's own part. None where it was not dispatched.
    pub(crate) added: Option<Duration>,
    /// From dispatch to the head of the upstream's answer. None where none came.
    pub(crate) upstream: Option<Duration>,
}

impl ServerCalls {
    pub(super) fn new() -> Self {
        Self {
            outcomes: Tally::new(OUTCOMES),
            total: Latency::default(),
            added: Latency::default(),
            upstream: Latency::default(),
            connect: Latency::default(),
        }
    }

    pub(super) fn ended(&self, outcome: &Outcome, times: CallTimes) {
        self.outcomes.add(outcome);
        self.total.observe(times.total);
        if let Some(added) = times.added {
            self.added.observe(added);
        }
        if let Some(upstream) = times.upstream {
            self.upstream.observe(upstream);
        }
    }
}

/// An outcome and its cause, as audits name them.
pub(crate) fn outcome_labels(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Succeeded => ("succeeded", ""),
        Outcome::ToolError => ("tool_error", ""),
        Outcome::UpstreamError(fault) => ("upstream_error", upstream_fault(*fault)),
        Outcome::Cancelled(cause) => ("cancelled", cancel_cause(*cause)),
        Outcome::TimedOut => ("timed_out", ""),
        Outcome::NotDispatched(reason) => ("not_dispatched", not_dispatched(*reason)),
        Outcome::Unknown => ("unknown", ""),
    }
}

fn upstream_fault(fault: UpstreamFault) -> &'static str {
    match fault {
        UpstreamFault::Unreachable => "unreachable",
        UpstreamFault::Unauthorized => "unauthorized",
        UpstreamFault::Status => "status",
        UpstreamFault::Protocol => "protocol",
        UpstreamFault::TooLarge => "too_large",
    }
}

fn cancel_cause(cause: CancelCause) -> &'static str {
    match cause {
        CancelCause::Client => "client",
        CancelCause::Revoked => "revoked",
        CancelCause::Stale => "stale",
        CancelCause::TokenExpired => "token_expired",
        CancelCause::Drained => "drained",
        CancelCause::Disconnected => "disconnected",
    }
}

pub(super) fn not_dispatched(reason: NotDispatchedReason) -> &'static str {
    match reason {
        NotDispatchedReason::Revoked => "revoked",
        NotDispatchedReason::Stale => "stale",
        NotDispatchedReason::Unreachable => "unreachable",
        NotDispatchedReason::NoTokenB => "no_token_b",
        NotDispatchedReason::ConsentRequired => "consent_required",
        NotDispatchedReason::InteractionRequired => "interaction_required",
        NotDispatchedReason::TokenARejected => "token_a_rejected",
        NotDispatchedReason::ExchangeRefused => "exchange_refused",
        NotDispatchedReason::ExchangeUnavailable => "exchange_unavailable",
        NotDispatchedReason::CircuitOpen => "circuit_open",
        NotDispatchedReason::Busy => "busy",
        NotDispatchedReason::ClientGone => "client_gone",
        NotDispatchedReason::Deadline => "deadline",
        NotDispatchedReason::AuditUnavailable => "audit_unavailable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_named_as_in_the_audit() {
        for outcome in OUTCOMES {
            let (name, cause) = outcome_labels(outcome);
            let audited = serde_json::to_value(outcome).unwrap();
            assert_eq!(audited["outcome"], name);
            assert_eq!(audited["cause"].as_str().unwrap_or_default(), cause);
        }
    }

    #[test]
    fn each_outcome_is_counted_by_itself() {
        let calls = ServerCalls::new();
        for outcome in OUTCOMES {
            calls.outcomes.add(outcome);
        }
        assert!(calls.outcomes.counts().all(|(_, count)| count == 1), "{calls:?}");
    }
}
