//! A call from its record to its outcome.

use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use onedoor_model::{
    audit::{CancelCause, NotDispatchedReason, Outcome, ToolCallCompleted},
    envelope::Draft,
    ids::{CallId, TenantId},
};
use onedoor_registry::Boot;
use onedoor_wire::trace::{SpanId, TraceContext, TraceId};
use tokio::time::Instant as TokioInstant;

use crate::audit::Recording;

/// A recorded call that has no outcome yet. Whatever becomes of it, dropped by a client that went away included, exactly one outcome
/// is recorded.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    arrival: Instant,
    traceparent: String,
    tenant: TenantId,
    /// Taken by the one outcome.
    recording: Option<Recording>,
    dispatched: Option<Instant>,
    first_byte: Option<Instant>,
    pub(crate) answer_size: u64,
}

impl Call {
    pub(crate) fn new(
        id: CallId,
        arrival: Instant,
        traceparent: String,
        tenant: TenantId,
        recording: Recording,
    ) -> Self {
        Self {
            id,
            arrival,
            traceparent,
            tenant,
            recording: Some(recording),
            dispatched: None,
            first_byte: None,
            answer_size: 0,
        }
    }

    /// From here on the tool may have done its work.
    pub(crate) fn dispatched(&mut self) {
        self.dispatched = Some(Instant::now());
    }

    /// The upstream began to answer.
    pub(crate) fn first_byte(&mut self) {
        self.first_byte.get_or_insert_with(Instant::now);
    }

    /// Ends the call.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.record(outcome);
    }

    /// Ends a call that was not sent.
    pub(crate) fn not_dispatched(self, reason: NotDispatchedReason) {
        self.finish(Outcome::NotDispatched(reason));
    }

    fn record(&mut self, outcome: Outcome) {
        let Some(recording) = self.recording.take() else {
            return;
        };
        let upstream = self
            .dispatched
            .zip(self.first_byte)
            .map(|(sent, came)| came.duration_since(sent));
        recording.completed(Draft {
            traceparent: Some(self.traceparent.clone()),
            tenant: Some(self.tenant.clone()),
            ..Boot::draft(ToolCallCompleted {
                call: self.id,
                outcome,
                duration_us: micros(self.arrival.elapsed()),
                upstream_us: upstream.map(micros),
                answer_size: self.answer_size,
            })
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.record(match self.dispatched {
            Some(_) => Outcome::Cancelled(CancelCause::Client),
            None => Outcome::NotDispatched(NotDispatchedReason::ClientGone),
        });
    }
}

/// The trace a request belongs to, with a span of the door's own: a new trace where the client has none.
pub(crate) fn new_span(client: Option<TraceContext>) -> Option<TraceContext> {
    let mut random = [0; 24];
    rand::fill(&mut random).ok()?;
    let (trace, span) = random.split_first_chunk::<16>()?;
    let span = SpanId::new(*span.first_chunk::<8>()?)?;
    match client {
        Some(context) => Some(context.child(span)),
        None => Some(TraceContext::root(TraceId::new(*trace)?, span)),
    }
}

/// The instant `after` the request's arrival.
pub(crate) fn deadline(arrival: Instant, after: Duration) -> TokioInstant {
    TokioInstant::from_std(arrival) + after
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
