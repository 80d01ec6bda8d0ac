//! One POST: authenticate, read, decide, then answer or forward.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use onedoor_model::{
    decide::{DenialReason, Method, Operation, Permit, Request as Wanted, decide},
    ids::{CallId, Slug, ToolName},
    principal::Principal,
    registry::Stage,
};
use onedoor_wire::{
    headers::{HeaderParam, check_params, check_request, check_transport},
    request::{Limits, Request, RequestId, read_request},
    trace::TraceContext,
};
use uuid::Uuid;

use crate::{
    body::read_body,
    door::{Door, Refused, shortened},
    paging::Paging,
    proxy::{CALL_ID, Forward, call_id_header, new_span},
    refusal::Reason,
};

use super::{local, reply};

/// POST `/servers/{name}/mcp`
pub(crate) async fn production(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(&door, source, &slug, Stage::Production, &headers, body).await
}

/// POST `/servers/{name}/qa/mcp`
pub(crate) async fn qa(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(&door, source, &slug, Stage::Qa, &headers, body).await
}

/// A request of a known caller.
struct Asked<'a> {
    door: &'a Arc<Door>,
    principal: &'a Arc<Principal>,
    slug: &'a str,
    stage: Stage,
    headers: &'a HeaderMap,
    call: CallId,
    arrival: Instant,
}

async fn serve(
    door: &Arc<Door>,
    source: SocketAddr,
    slug: &str,
    stage: Stage,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let arrival = Instant::now();
    // Before the body: whoever has no token does not get to send megabytes.
    let principal = match door.authenticate(headers, source.ip()).await {
        Ok(principal) => principal,
        Err(refusal) => return refusal.respond(&door.resource_metadata(slug, stage)),
    };
    if let Err(fault) = check_transport(headers) {
        return reply::malformed(None, &fault);
    }
    let settings = Arc::clone(door.registry.snapshot().settings());
    let body = match read_body(body, settings.limits.body_bytes).await {
        Ok(body) => body,
        Err(fault) => return fault.into_response(),
    };
    let call = CallId(Uuid::now_v7());
    let asked = Asked {
        door,
        principal: &principal,
        slug,
        stage,
        headers,
        call,
        arrival,
    };
    let max_depth = usize::try_from(settings.limits.json_depth).unwrap_or(usize::MAX);
    let mut response = match read_request(&body, Limits { max_depth }) {
        Ok(request) => asked.answer(&request).await,
        Err(refused) => reply::malformed(refused.id, &refused.fault),
    };
    response.headers_mut().insert(CALL_ID, call_id_header(call));
    response
}

impl Asked<'_> {
    async fn answer(&self, request: &Request<'_>) -> Response {
        if let Err(fault) = check_request(self.headers, request) {
            return reply::malformed(request.id, &fault);
        }
        let Some(id) = request.id else {
            // A notification: none is served, and none may be answered (JSON-RPC 2.0 §4.1).
            return StatusCode::ACCEPTED.into_response();
        };
        let Some(method) = Method::named(&request.method) else {
            return reply::method_not_found(id, &shortened(&request.method));
        };
        let meta = &request.params.meta;
        let client = TraceContext::read(
            meta.traceparent.as_deref(),
            meta.tracestate.as_deref(),
            self.headers,
        );
        let Some(trace) = new_span(client) else {
            return self.refuse(id, request, Reason::Internal, None);
        };
        if self.door.registry.is_stopped() {
            return self.refuse(id, request, Reason::Stale, Some(&trace));
        }
        let permit = match self.decide(method, request) {
            Ok(permit) => permit,
            Err(reason) => return self.refuse(id, request, Reason::Denied(reason), Some(&trace)),
        };
        match permit {
            Permit::Discover(permit) => self.local(id, request, local::discover(&permit)),
            Permit::ListTools(permit) => {
                let settings = Arc::clone(self.door.registry.snapshot().settings());
                let cursor = request.params.cursor.as_deref();
                let scope = format!("tools/list {} {}", self.slug, self.stage);
                match Paging::new(
                    &self.door.cursors,
                    self.principal,
                    &scope,
                    cursor,
                    settings.limits.page,
                ) {
                    Ok(paging) => self.local(id, request, local::list(&permit, &paging)),
                    Err(fault) => reply::malformed(Some(id), &fault.into()),
                }
            }
            Permit::CallTool(permit) => {
                let params: Vec<HeaderParam> = permit
                    .definition()
                    .mcp_headers
                    .iter()
                    .filter_map(|header| HeaderParam::new(&header.name, &header.path))
                    .collect();
                let params = match check_params(self.headers, request.params.arguments, &params) {
                    Ok(params) => params,
                    Err(fault) => return reply::malformed(Some(id), &fault),
                };
                let (door, call, arrival) = (self.door, self.call, self.arrival);
                let forward = Forward {
                    door,
                    call,
                    id,
                    permit,
                    request,
                    params,
                    trace: &trace,
                    arrival,
                };
                match forward.run().await {
                    Ok(response) => response,
                    Err(reason) => self.refuse(id, request, reason, Some(&trace)),
                }
            }
        }
    }

    fn decide(&self, method: Method, request: &Request<'_>) -> Result<Permit, DenialReason> {
        let server = Slug::new(self.slug).map_err(|_| DenialReason::UnknownServer)?;
        let operation = match method {
            Method::Discover => Operation::Discover,
            Method::ListTools => Operation::ListTools,
            Method::CallTool => {
                let name = request.params.name.as_deref().unwrap_or_default();
                match ToolName::new(name) {
                    Ok(name) => Operation::CallTool(name),
                    // No tool can have this name; who has no grant must not learn more than of other tools.
                    Err(_) => {
                        return self
                            .decide(Method::ListTools, request)
                            .and(Err(DenialReason::UnknownTool));
                    }
                }
            }
        };
        let wanted = Wanted {
            server,
            stage: self.stage,
            operation,
        };
        decide(&self.door.registry.snapshot(), self.principal, &wanted)
    }

    fn local(
        &self,
        id: RequestId<'_>,
        request: &Request<'_>,
        result: Result<String, serde_json::Error>,
    ) -> Response {
        match result {
            Ok(result) => reply::json_response(StatusCode::OK, onedoor_wire::reply::result(id, &result)),
            Err(error) => {
                tracing::error!(%error, call = %self.call, "an answer cannot be written as JSON");
                self.refuse(id, request, Reason::Internal, None)
            }
        }
    }

    /// Refuses, and records the true reason of a denial without waiting for it.
    fn refuse(
        &self,
        id: RequestId<'_>,
        request: &Request<'_>,
        reason: Reason,
        trace: Option<&TraceContext>,
    ) -> Response {
        let name = request.params.name.as_deref().map(shortened);
        let name = name.as_deref();
        if let Reason::Denied(denial) = reason {
            let refused = Refused {
                operation: &request.method,
                server: Some(self.slug),
                tool: name,
            };
            self.door
                .record_denial(self.principal, self.call, refused, denial, trace);
        }
        reply::refused(id, reason, self.call, name)
    }
}
