//! Spans for an OpenTelemetry collector: one of each request, and one of its leg to the upstream. They are written when the request ends,
//! with the ids that went upstream; switched off they cost nothing, and switched on they never make a request wait.

mod export;
mod span;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::rand;
use onedoor_connect::Connector;
use onedoor_model::audit::Outcome;
use onedoor_wire::trace::{SpanId, TraceContext, TraceId};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor as _};
use parking_lot::Mutex;
use url::Url;

use crate::{logs, refusal::Reason};

pub use self::export::TracesUnusable;
pub(crate) use self::span::About;
use self::span::{Leg, Request};

/// How long the last spans may take to reach the collector.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Where spans go; nowhere unless an endpoint is configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces(Option<Arc<BatchSpanProcessor>>);

/// The trace a request belongs to: the position that is sent upstream, and the span to be exported, where any is.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    context: TraceContext,
    span: OpenSpan,
}

/// The span of a request under way; clones are of the same span. The first end that it is told counts; told none, it was answered by the
/// door itself.
#[derive(Clone, Default)]
pub(crate) struct OpenSpan(Option<Arc<Open>>);

struct Open {
    processor: Arc<BatchSpanProcessor>,
    /// Taken by the end.
    request: Mutex<Option<Request>>,
}

impl Traces {
    /// As the environment has it (`OTEL_EXPORTER_OTLP_ENDPOINT` and what goes with it, as OpenTelemetry specifies). Must be called
    /// within a Tokio runtime.
    ///
    /// # Errors
    /// [`TracesUnusable`]
    pub(crate) fn from_environment(connector: Connector) -> Result<Self, TracesUnusable> {
        if export::is_configured() {
            Self::to(None, connector)
        } else {
            Ok(Self::default())
        }
    }

    fn to(endpoint: Option<&str>, connector: Connector) -> Result<Self, TracesUnusable> {
        let processor = export::processor(endpoint, connector)?;
        Ok(Self(Some(Arc::new(processor))))
    }

    /// Begins the span of a request, in the client's trace or one of its own. None where the system gives no randomness.
    pub(crate) fn begin(
        &self,
        client: Option<TraceContext>,
        arrival: Instant,
        about: About<'_>,
    ) -> Option<Traced> {
        let parent = client.as_ref().map(|client| client.parent.span());
        let context = position(client)?;
        logs::of_trace(&context);
        let processor = self.0.as_ref().filter(|_| context.parent.is_sampled());
        let span = OpenSpan(processor.map(|processor| {
            let arrived = SystemTime::now() - arrival.elapsed();
            Arc::new(Open {
                processor: Arc::clone(processor),
                request: Mutex::new(Some(Request::new(&context, parent, arrived, about))),
            })
        }));
        Some(Traced { context, span })
    }

    /// Hands over what is left, and ends. Spans that end later are lost.
    pub(crate) async fn flush(&self) {
        let Some(processor) = self.0.clone() else { return };
        let flushed = tokio::task::spawn_blocking(move || processor.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last spans did not reach the collector");
        }
    }
}

impl Traced {
    /// The position that is sent upstream.
    pub(crate) fn context(&self) -> &TraceContext {
        &self.context
    }

    /// The span, for what outlives the request's handler.
    pub(crate) fn span(&self) -> OpenSpan {
        self.span.clone()
    }

    /// The request was refused before it was recorded as a call.
    pub(crate) fn refused(&self, reason: Reason) {
        let told = reason.told();
        self.span.finish(Some(told.name), Some(told.code));
    }
}

impl Deref for Traced {
    type Target = TraceContext;

    fn deref(&self) -> &TraceContext {
        &self.context
    }
}

impl OpenSpan {
    /// The request goes upstream.
    pub(crate) fn dispatched(&self, to: &Url) {
        let Some(open) = &self.0 else { return };
        if let Some(request) = &mut *open.request.lock() {
            request.leg = Some(Leg::new(to, SystemTime::now()));
        }
    }

    /// The request's recorded call has its outcome.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        self.finish(span::failure_of(outcome), None);
    }

    fn finish(&self, failure: Option<&'static str>, code: Option<i64>) {
        if let Some(open) = &self.0 {
            open.finish(failure, code);
        }
    }
}

impl Open {
    fn finish(&self, failure: Option<&'static str>, code: Option<i64>) {
        let Some(request) = self.request.lock().take() else {
            return;
        };
        for span in request.into_spans(failure, code, SystemTime::now()) {
            self.processor.on_end(span);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.finish(None, None);
    }
}

impl fmt::Debug for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenSpan").field(&self.0.is_some()).finish()
    }
}

/// A position of the door's own in a trace: the client's, or a new one.
fn position(client: Option<TraceContext>) -> Option<TraceContext> {
    let mut random = [0; 24];
    rand::fill(&mut random).ok()?;
    let (trace, span) = random.split_first_chunk::<16>()?;
    let span = SpanId::new(*span.first_chunk::<8>()?)?;
    match client {
        Some(context) => Some(context.child(span)),
        None => Some(TraceContext::root(TraceId::new(*trace)?, span)),
    }
}
