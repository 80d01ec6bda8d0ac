//! Connections to upstreams for those who hold a permit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Uri};
use onedoor_connect::{AddressPolicy, Lease};
use onedoor_model::{audit::UpstreamFault, decide::Entitlement, ids::CallId};
use onedoor_wire::trace::{TraceContext, TraceState};
use url::Url;

use crate::{door::Door, refusal::Reason};

/// The header that names the call, upstream and to the client.
pub(crate) const CALL_ID: http::HeaderName = http::HeaderName::from_static("onedoor-call-id");

/// Whether a connection that was used before will do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fresh {
    Yes,
    No,
}

/// A connection to the server that the entitlement is for.
pub(crate) async fn connection(
    door: &Arc<Door>,
    entitlement: Entitlement<'_>,
    call: CallId,
    fresh: Fresh,
) -> Result<Lease, Reason> {
    let unreachable = Reason::Upstream(UpstreamFault::Unreachable);
    let version = entitlement.version();
    let server = entitlement.server();
    let settings = Arc::clone(door.registry.snapshot().settings());
    let pool = door
        .pools
        .of(server, version, settings.upstream_tls.get(&server.slug))
        .map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, server = %server.slug, "no connections");
            unreachable
        })?;
    let policy = AddressPolicy::allowing(&settings.internal_networks);
    let begun = Instant::now();
    let until = tokio::time::Instant::now() + Duration::from_millis(version.manifest.timeouts.connect_ms);
    let lease = match fresh {
        Fresh::Yes => pool.acquire_fresh(policy, until).await,
        Fresh::No => pool.acquire(policy, until).await,
    };
    match lease {
        Ok(lease) => {
            door.metrics.connected(&server.slug, begun.elapsed());
            Ok(lease)
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %call, "no connection");
            Err(unreachable)
        }
    }
}

/// Adds the headers that tell an upstream which call and which trace a request belongs to.
pub(crate) fn name_call(headers: &mut HeaderMap, call: CallId, trace: &TraceContext) {
    let traceparent = trace.parent.to_string();
    let tracestate = trace.state.as_ref().map(TraceState::as_str);
    for (name, value) in [
        ("traceparent", Some(traceparent.as_str())),
        ("tracestate", tracestate),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(CALL_ID, call_id_header(call));
}

/// The call id as a header value.
pub(crate) fn call_id_header(call: CallId) -> HeaderValue {
    // A UUID is hexadecimal digits and hyphens: always a header value.
    HeaderValue::from_str(&call.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The request target of an upstream's URL, in origin form (RFC 9112 §3.2.1).
pub(crate) fn target(url: &Url) -> Uri {
    // A URL's path is percent-encoded as it must be, and a manifest's has no query.
    url.path().parse().unwrap_or_else(|_| Uri::from_static("/"))
}
