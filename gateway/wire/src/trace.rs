//! W3C trace context (Trace Context, Level 2): read, carried on with a span of our own, written.

mod parent;
mod state;
#[cfg(test)]
mod tests;

use http::HeaderMap;

pub use parent::{SpanId, TraceId, TraceParent};
pub use state::TraceState;

/// The trace a message belongs to, and who sent it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Trace, sender's span, flags.
    pub parent: TraceParent,
    /// Positions of other systems in the trace.
    pub state: Option<TraceState>,
}

impl TraceContext {
    /// The trace context of a request: from its body's `_meta` (SEP-414), else from its HTTP headers. `tracestate`
    /// counts only where `traceparent` came from. What is malformed is as if it were not there.
    #[must_use]
    pub fn read(
        meta_traceparent: Option<&str>,
        meta_tracestate: Option<&str>,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let from_body = meta_traceparent.and_then(TraceParent::parse);
        if let Some(parent) = from_body {
            return Some(Self {
                parent,
                state: meta_tracestate.and_then(TraceState::parse),
            });
        }
        let parent = TraceParent::parse(only_value(headers, "traceparent")?)?;
        Some(Self {
            parent,
            state: state_of(headers),
        })
    }

    /// A new trace that begins with `span`, recorded.
    #[must_use]
    pub fn root(trace: TraceId, span: SpanId) -> Self {
        Self {
            parent: TraceParent::root(trace, span),
            state: None,
        }
    }

    /// The context to send on from `span`, which is within this one.
    #[must_use]
    pub fn child(&self, span: SpanId) -> Self {
        Self {
            parent: self.parent.child(span),
            state: self.state.clone(),
        }
    }
}

fn only_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None | Some(_), _) => None,
    }
}

/// `tracestate` may be spread over several headers (Trace Context section 3.3).
fn state_of(headers: &HeaderMap) -> Option<TraceState> {
    let values: Result<Vec<_>, _> = headers
        .get_all("tracestate")
        .iter()
        .map(http::HeaderValue::to_str)
        .collect();
    TraceState::parse(&values.ok()?.join(","))
}
