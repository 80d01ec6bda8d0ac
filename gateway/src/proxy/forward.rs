//! From a permit to an answer.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::response::Response;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request as HttpRequest, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::Full;
use jiff::Timestamp;
use onedoor_connect::{AddressPolicy, Lease, PooledBody, SendError};
use onedoor_model::{
    audit::{Caller, KeyedDigest, NotDispatchedReason, Outcome, ToolCalled, UpstreamFault},
    decide::{CallPermit, Method as McpMethod, Permit, decide},
    envelope::Draft,
    ids::CallId,
};
use onedoor_registry::Boot;
use onedoor_wire::{
    headers::{ParamHeaders, outgoing},
    request::{Request, RequestId},
    trace::{TraceContext, TraceState},
    upstream_request::UpstreamRequest,
};

use url::Url;

use crate::{door::Door, exchange::TokenB, refusal::Reason};

use super::{
    Call, answer,
    call::deadline,
    stream,
    watch::{Cut, Watch},
};

/// Bytes stand for "no arguments" where a request has none.
const NO_ARGUMENTS: &str = "{}";

/// How long a call waits for its record before it is refused: longer than a leader election takes, shorter than a client's patience.
const AUDIT_WAIT: Duration = Duration::from_secs(5);

/// The header that names the call, upstream and to the client.
pub(crate) const CALL_ID: http::HeaderName = http::HeaderName::from_static("onedoor-call-id");

/// A permitted call, and what it is made from.
pub(crate) struct Forward<'a> {
    pub(crate) door: &'a Arc<Door>,
    pub(crate) call: CallId,
    pub(crate) id: RequestId<'a>,
    pub(crate) permit: CallPermit,
    pub(crate) request: &'a Request<'a>,
    pub(crate) params: ParamHeaders,
    pub(crate) trace: &'a TraceContext,
    pub(crate) arrival: Instant,
}

/// Whether a connection that was used before will do.
#[derive(Clone, Copy, Debug)]
enum Fresh {
    Yes,
    No,
}

/// An answer's head, and the connection it comes on.
type Head = http::Response<PooledBody>;

impl Forward<'_> {
    /// Makes the call. Once this returns an answer, the call's outcome is recorded when the answer ends.
    pub(crate) async fn run(self) -> Result<Response, Reason> {
        let now = Timestamp::now();
        let timeouts = self.permit.version().manifest.timeouts;
        let first_byte = deadline(self.arrival, Duration::from_millis(timeouts.first_byte_ms));
        let mut watch = Watch::new(
            &self.door.registry,
            &self.permit,
            first_byte,
            now,
            &self.door.draining,
        );

        let audit_wait = tokio::time::Instant::now() + AUDIT_WAIT;
        let room = tokio::select! {
            room = self.door.recorder.reserve() => room.map_err(|_| Reason::AuditUnavailable)?,
            () = tokio::time::sleep_until(audit_wait) => return Err(Reason::Overloaded),
            cut = watch.cut() => return Err(cut.reason()),
        };
        let traceparent = self.trace.parent.to_string();
        let (recording, acknowledged) = room
            .called(self.record(&traceparent))
            .map_err(|_| Reason::AuditUnavailable)?;
        let tenant = self.permit.principal().tenant.clone();
        let mut call = Call::new(self.call, self.arrival, traceparent, tenant, recording);

        // While the record is on its way into the log: Token B, and a connection.
        let lifetime = self.door.registry.snapshot().settings().token_b_seconds;
        let token = match self.door.tokens.obtain(&self.permit, self.call, now, lifetime) {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, call = %call.id, "no Token B");
                call.not_dispatched(NotDispatchedReason::NoTokenB);
                return Err(Reason::NoTokenB);
            }
        };
        let prepared = {
            let mut acknowledged = pin!(tokio::time::timeout_at(audit_wait, acknowledged));
            let ready = async { tokio::join!(acknowledged.as_mut(), self.connection(Fresh::No)) };
            tokio::select! {
                cut = watch.cut() => Err((cut.not_dispatched(), cut.reason())),
                (acknowledged, connection) = ready => match (acknowledged, connection) {
                    (Ok(Ok(())), connection) => {
                        connection.map_err(|reason| (NotDispatchedReason::Unreachable, reason))
                    }
                    (Ok(Err(_)) | Err(_), _) => {
                        Err((NotDispatchedReason::AuditUnavailable, Reason::AuditUnavailable))
                    }
                },
            }
        };
        let lease = match prepared {
            Ok(lease) => lease,
            Err((not_dispatched, reason)) => {
                call.not_dispatched(not_dispatched);
                return Err(reason);
            }
        };
        let head = match self
            .dispatch(&mut call, &mut watch, lease, self.http_request(token))
            .await
        {
            Ok(head) => head,
            Err((outcome, reason)) => {
                call.finish(outcome);
                return Err(reason);
            }
        };
        call.first_byte();
        watch.set_deadline(deadline(self.arrival, Duration::from_millis(timeouts.total_ms)));
        self.answer(call, watch, head).await
    }

    /// Sends the request, and once more on a fresh connection where certainly nothing of it was written.
    async fn dispatch(
        &self,
        call: &mut Call,
        watch: &mut Watch,
        lease: Lease,
        mut request: HttpRequest<Full<Bytes>>,
    ) -> Result<Head, (Outcome, Reason)> {
        let mut lease = lease;
        let mut fresh = false;
        loop {
            self.still_permitted()
                .map_err(|reason| (Outcome::NotDispatched(NotDispatchedReason::Revoked), reason))?;
            // No await between the check above and the write: `send` hands the request over before it returns.
            let sent = lease.send(request);
            call.dispatched();
            let error = tokio::select! {
                biased;
                answered = sent => match answered {
                    Ok(head) => return Ok(head),
                    Err(error) => error,
                },
                cut = watch.cut() => return Err((cut.outcome(), cut.reason())),
            };
            let unreachable = Reason::Upstream(UpstreamFault::Unreachable);
            match error {
                SendError::NotSent { request: unsent, .. } if !fresh => {
                    fresh = true;
                    request = *unsent;
                    lease = self.connection(Fresh::Yes).await.map_err(|reason| {
                        (Outcome::NotDispatched(NotDispatchedReason::Unreachable), reason)
                    })?;
                }
                SendError::NotSent { .. } => {
                    return Err((
                        Outcome::NotDispatched(NotDispatchedReason::Unreachable),
                        unreachable,
                    ));
                }
                SendError::MaybeSent { source } => {
                    tracing::warn!(error = &source as &dyn std::error::Error, call = %self.call, "upstream failed");
                    return Err((Outcome::UpstreamError(UpstreamFault::Unreachable), unreachable));
                }
            }
        }
    }

    /// Decides anew where the registry has moved on since the permit. The record names a version: another one needs another call.
    fn still_permitted(&self) -> Result<(), Reason> {
        if self.door.registry.is_stopped() {
            return Err(Reason::Stale);
        }
        let snapshot = self.door.registry.snapshot();
        if snapshot.revision() == self.permit.revision() {
            return Ok(());
        }
        match decide(&snapshot, self.permit.principal(), self.permit.request()).map_err(Reason::Denied)? {
            Permit::CallTool(now) if now.version().number == self.permit.version().number => Ok(()),
            Permit::CallTool(_) | Permit::Discover(_) | Permit::ListTools(_) => Err(Reason::RegistryChanged),
        }
    }

    async fn connection(&self, fresh: Fresh) -> Result<Lease, Reason> {
        let unreachable = Reason::Upstream(UpstreamFault::Unreachable);
        let version = self.permit.version();
        let pool = self
            .door
            .pools
            .of(self.permit.server(), version)
            .map_err(|_| unreachable)?;
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let policy = AddressPolicy::allowing(&settings.internal_networks);
        let until = tokio::time::Instant::now() + Duration::from_millis(version.manifest.timeouts.connect_ms);
        let lease = match fresh {
            Fresh::Yes => pool.acquire_fresh(policy, until).await,
            Fresh::No => pool.acquire(policy, until).await,
        };
        lease.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, call = %self.call, "no connection");
            unreachable
        })
    }

    /// The upstream's request: written by us from the permit, values copied.
    fn http_request(&self, token: TokenB) -> HttpRequest<Full<Bytes>> {
        let traceparent = self.trace.parent.to_string();
        let tracestate = self.trace.state.as_ref().map(TraceState::as_str);
        let params = &self.request.params;
        let upstream = UpstreamRequest {
            id: self.id,
            method: McpMethod::CallTool.name(),
            name: Some(self.permit.tool().as_str()),
            arguments: params.arguments,
            cursor: None,
            client_name: "onedoor",
            client_version: env!("CARGO_PKG_VERSION"),
            progress_token: params.meta.progress_token,
            traceparent: Some(&traceparent),
            tracestate,
            other_meta: &params.meta.other,
        };
        let mut headers: HeaderMap = outgoing(&upstream, &self.params);
        headers.insert(AUTHORIZATION, token.into_header());
        for (name, value) in [
            ("traceparent", Some(traceparent.as_str())),
            ("tracestate", tracestate),
        ] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        headers.insert(CALL_ID, call_id_header(self.call));
        let mut request = HttpRequest::new(Full::new(Bytes::from(upstream.body())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target(&self.permit.version().manifest.url);
        *request.headers_mut() = headers;
        request
    }

    async fn answer(self, call: Call, watch: Watch, head: Head) -> Result<Response, Reason> {
        let (parts, body) = head.into_parts();
        let media_type = media_type(&parts.headers);
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let awaited = answer::Expected::new(self.id, self.request);
        match (parts.status, media_type) {
            (StatusCode::OK, Some("text/event-stream")) => {
                Ok(stream::respond(call, watch, body, awaited, &settings.limits))
            }
            (StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, Some("application/json")) => {
                answer::respond(call, watch, parts.status, body, &awaited, &settings.limits).await
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Err(fail(call, UpstreamFault::Unauthorized))
            }
            (StatusCode::OK, _) => Err(fail(call, UpstreamFault::Protocol)),
            (_, _) => Err(fail(call, UpstreamFault::Status)),
        }
    }

    fn record(&self, traceparent: &str) -> Draft<ToolCalled> {
        let permit = &self.permit;
        let (principal, version) = (permit.principal(), permit.version());
        let arguments = self.request.params.arguments.unwrap_or(NO_ARGUMENTS);
        let digest: KeyedDigest = self.door.digests.of(arguments.as_bytes());
        Draft {
            traceparent: Some(traceparent.to_owned()),
            tenant: Some(principal.tenant.clone()),
            actor: Some(principal.actor()),
            ..Boot::draft(ToolCalled {
                call: self.call,
                operation: McpMethod::CallTool.name().to_owned(),
                server: permit.server().id,
                slug: permit.server().slug.clone(),
                version: version.number,
                stage: permit.request().stage,
                tool: permit.tool().clone(),
                tool_digest: permit.definition().digest,
                caller: Caller::of(principal),
                required_scope: version.manifest.required_scope.clone(),
                audience: version.manifest.audience.as_str().to_owned(),
                strategy: version.manifest.strategy.to_string(),
                grants: permit.grants().to_vec(),
                revision: permit.revision(),
                arguments: digest,
                arguments_size: arguments.len() as u64,
            })
        }
    }
}

/// Ends a call whose upstream failed.
pub(super) fn fail(call: Call, fault: UpstreamFault) -> Reason {
    tracing::warn!(call = %call.id, ?fault, "upstream failed");
    call.finish(Outcome::UpstreamError(fault));
    Reason::Upstream(fault)
}

/// Ends a call that was cut.
pub(super) fn end(call: Call, cut: Cut) -> Reason {
    call.finish(cut.outcome());
    cut.reason()
}

/// The call id as a header value.
pub(crate) fn call_id_header(call: CallId) -> HeaderValue {
    // A UUID is hexadecimal digits and hyphens: always a header value.
    HeaderValue::from_str(&call.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The request target of an upstream's URL, in origin form (RFC 9112 §3.2.1).
fn target(url: &Url) -> Uri {
    // A URL's path is percent-encoded as it must be, and a manifest's has no query.
    url.path().parse().unwrap_or_else(|_| Uri::from_static("/"))
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    ["application/json", "text/event-stream"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(media_type))
}
