//! One POST: authenticate, read, decide, then answer or forward.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use onedoor_model::{
    decide::{DenialReason, Method, Permit, decide, visible_tools},
    ids::CallId,
    principal::Principal,
    registry::Stage,
};
use onedoor_wire::{
    bearer::BearerToken,
    headers::{HeaderParam, check_params, check_request, check_transport},
    request::{Limits, Request, RequestId, read_request},
    trace::TraceContext,
};
use uuid::Uuid;

use crate::{
    body::read_body,
    challenge,
    door::{Authenticated, Door, Refused, shortened},
    paging::Paging,
    proxy::{CALL_ID, Forward, call_id_header, new_span},
    refusal::{Failure, Reason},
};

use super::{local, reply, scope::Scope};

/// POST `/mcp`
pub(crate) async fn federated(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(&door, source, Scope::All, &headers, body).await
}

/// POST `/servers/{name}/mcp`
pub(crate) async fn production(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let stage = Stage::Production;
    serve(
        &door,
        source,
        Scope::Server { slug: &slug, stage },
        &headers,
        body,
    )
    .await
}

/// POST `/servers/{name}/qa/mcp`
pub(crate) async fn qa(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let stage = Stage::Qa;
    serve(
        &door,
        source,
        Scope::Server { slug: &slug, stage },
        &headers,
        body,
    )
    .await
}

/// A request of a known caller.
struct Asked<'a> {
    door: &'a Arc<Door>,
    principal: &'a Arc<Principal>,
    token: BearerToken<'a>,
    scope: Scope<'a>,
    headers: &'a HeaderMap,
    call: CallId,
    arrival: Instant,
}

async fn serve(
    door: &Arc<Door>,
    source: SocketAddr,
    scope: Scope<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let arrival = Instant::now();
    // Before the body: whoever has no token does not get to send megabytes.
    let Authenticated { principal, token } = match door.authenticate(headers, source.ip()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.respond(&door.resource_metadata(scope.path())),
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
        token,
        scope,
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
        if let Err(fault) = check_request(self.headers, request, &[onedoor_wire::PROTOCOL_VERSION]) {
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
            Ok(Some(permit)) => permit,
            Ok(None) => return self.all(id, method, request),
            Err(reason) => return self.refuse(id, request, Reason::Denied(reason), Some(&trace)),
        };
        match permit {
            Permit::Discover(permit) => self.local(id, request, local::discover(&permit)),
            Permit::ListTools(permit) => self.page(id, request, |paging| local::list(&permit, paging)),
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
                    token_a: self.token,
                    request,
                    params,
                    trace: &trace,
                    arrival,
                };
                match forward.run().await {
                    Ok(response) => response,
                    Err(failure) => self.failed(id, request, &failure, &trace),
                }
            }
        }
    }

    /// The decision; none where all servers are asked about, of which each caller may know their own tools.
    fn decide(&self, method: Method, request: &Request<'_>) -> Result<Option<Permit>, DenialReason> {
        let snapshot = self.door.registry.snapshot();
        let name = request.params.name.as_deref();
        match self.scope.wanted(method, name) {
            Ok(Some(wanted)) => decide(&snapshot, self.principal, &wanted).map(Some),
            Ok(None) if snapshot.is_blocked(self.principal) => Err(DenialReason::Blocked),
            Ok(None) => Ok(None),
            // No tool can have this name; who has no grant must not learn more than of other tools.
            Err(DenialReason::UnknownTool) => match self.scope.wanted(Method::ListTools, None)? {
                Some(server) => {
                    decide(&snapshot, self.principal, &server).and(Err(DenialReason::UnknownTool))
                }
                None => Err(DenialReason::UnknownTool),
            },
            Err(reason) => Err(reason),
        }
    }

    /// Answers for all servers at once.
    fn all(&self, id: RequestId<'_>, method: Method, request: &Request<'_>) -> Response {
        match method {
            Method::Discover => self.local(id, request, local::discover_all()),
            Method::ListTools | Method::CallTool => {
                let mut tools = visible_tools(&self.door.registry.snapshot(), self.principal);
                tools.retain(|tool| tool.stage == Stage::Production);
                self.page(id, request, |paging| local::list_all(&tools, paging))
            }
        }
    }

    /// Answers with one page of a list.
    fn page(
        &self,
        id: RequestId<'_>,
        request: &Request<'_>,
        list: impl FnOnce(&Paging) -> Result<String, serde_json::Error>,
    ) -> Response {
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let paging = Paging::new(
            &self.door.cursors,
            self.principal,
            &self.scope.list(),
            request.params.cursor.as_deref(),
            settings.limits.page,
        );
        match paging {
            Ok(paging) => self.local(id, request, list(&paging)),
            Err(fault) => reply::malformed(Some(id), &fault.into()),
        }
    }

    /// Refuses a call, with the challenge where a new sign-in would help.
    fn failed(
        &self,
        id: RequestId<'_>,
        request: &Request<'_>,
        failure: &Failure,
        trace: &TraceContext,
    ) -> Response {
        let mut response = self.refuse(id, request, failure.reason, Some(trace));
        let metadata = self.door.resource_metadata(self.scope.path());
        challenge::add(response.headers_mut(), failure, &metadata);
        response
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
        let Reason::Denied(denial) = reason else {
            return reply::refused(id, reason, self.call, name);
        };
        let refused = Refused {
            operation: &request.method,
            server: self.scope.server(name),
            tool: name,
        };
        self.door
            .record_denial(self.principal, self.call, refused, denial, trace);
        reply::refused(id, Reason::Denied(self.scope.told(denial)), self.call, name)
    }
}
