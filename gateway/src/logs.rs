//! Log lines of requests: each bears its request's trace, and one a request, at level debug, says how it was answered. Never arguments,
//! results, tokens, or what a caller wrote into a path.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use onedoor_wire::trace::TraceContext;
use tracing::{Instrument as _, Span, field::Empty};

/// For every request of a plane.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let span = tracing::error_span!("request", trace_id = Empty, span_id = Empty);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).instrument(span.clone()).await;
    tracing::debug!(
        parent: &span,
        %method,
        route = route.as_ref().map(MatchedPath::as_str),
        status = response.status().as_u16(),
        micros = begun.elapsed().as_micros(),
        "answered"
    );
    response
}

/// The request under way belongs to this trace.
pub(crate) fn of_trace(trace: &TraceContext) {
    let span = Span::current();
    span.record("trace_id", tracing::field::display(trace.parent.trace()));
    span.record("span_id", tracing::field::display(trace.parent.span()));
}
