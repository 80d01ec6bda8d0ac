//! A call from its record to its outcome.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use onedoor_model::{
    audit::{CancelCause, DispatchedLate, LateCause, NotDispatchedReason, Outcome, ToolCallCompleted},
    decide::CallPermit,
    envelope::Draft,
    ids::{CallId, Slug, TenantId},
};
use onedoor_registry::Boot;
use tokio::time::Instant as TokioInstant;
use url::Url;

use crate::{
    audit::Recording,
    door::Door,
    metrics::{CallTimes, Counted, Metrics},
    traces::{OpenSpan, Traced},
    upstream::Admission,
};

use super::hand_over::OnLate;

/// A recorded call that has no outcome yet. Whatever becomes of it, dropped by a client that went away included, exactly one outcome
/// is recorded.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    arrival: Instant,
    traceparent: String,
    span: OpenSpan,
    tenant: TenantId,
    /// Taken by the one outcome.
    recording: Option<Recording>,
    metrics: Arc<Metrics>,
    /// Of the server that is called.
    slug: Slug,
    /// Counts the call among those to its server, until it ends.
    admission: Option<Admission>,
    /// Counts the call's stream, if it has one.
    stream: Option<Counted>,
    dispatched: Option<Instant>,
    first_byte: Option<Instant>,
    pub(crate) answer_size: u64,
}

impl Call {
    pub(crate) fn new(
        door: &Door,
        permit: &CallPermit,
        id: CallId,
        arrival: Instant,
        trace: &Traced,
        recording: Recording,
    ) -> Self {
        Self {
            id,
            arrival,
            traceparent: trace.parent.to_string(),
            span: trace.span(),
            tenant: permit.principal().tenant.clone(),
            recording: Some(recording),
            metrics: Arc::clone(&door.metrics),
            slug: permit.server().slug.clone(),
            admission: None,
            stream: None,
            dispatched: None,
            first_byte: None,
            answer_size: 0,
        }
    }

    /// The call counts among those to its server.
    pub(crate) fn admitted(&mut self, admission: Admission) {
        self.admission = Some(admission);
    }

    /// The answer is a stream: its server is well, however long it takes.
    pub(crate) fn streams(&mut self) {
        self.stream = Some(self.metrics.stream());
        if let Some(admission) = &mut self.admission {
            admission.succeeded();
        }
    }

    /// From here on the tool may have done its work.
    pub(crate) fn dispatched(&mut self, to: &Url) {
        self.span.dispatched(to);
        self.dispatched = Some(Instant::now());
    }

    /// What records that it was dispatched late, should it be: a pause fell between the last check and the write.
    pub(crate) fn on_late(&self) -> OnLate {
        let call = self.id;
        let metrics = Arc::clone(&self.metrics);
        let (traceparent, tenant) = (self.traceparent.clone(), self.tenant.clone());
        let recording = self.recording.as_ref().map(Recording::late);
        Box::new(move |pause| {
            tracing::error!(%call, ?pause, "a call was written after the lease had run out, and reset");
            metrics.dispatched_late();
            if let Some(recording) = recording {
                recording.dispatched(Draft {
                    traceparent: Some(traceparent),
                    tenant: Some(tenant),
                    ..Boot::draft(DispatchedLate {
                        call,
                        cause: LateCause::Stale,
                        pause_us: micros(pause),
                    })
                });
            }
        })
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
        if let Some(admission) = &mut self.admission {
            admission.ended(&outcome, self.first_byte.is_some());
        }
        let added = self
            .dispatched
            .map(|dispatched| dispatched.duration_since(self.arrival));
        let times = CallTimes {
            total: self.arrival.elapsed(),
            added,
            upstream,
        };
        self.span.ended(&outcome);
        self.metrics.call_ended(&self.slug, &outcome, times);
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

/// The instant `after` the request's arrival.
pub(crate) fn deadline(arrival: Instant, after: Duration) -> TokioInstant {
    TokioInstant::from_std(arrival) + after
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
