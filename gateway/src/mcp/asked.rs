//! A message of a known caller, and the ways to answer it that all eras share.

use std::{sync::Arc, time::Instant};

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use onedoor_model::{
    decide::{DenialReason, Method, Permit, decide, visible_tools},
    ids::CallId,
    manifest::ServerKind,
    principal::Principal,
    registry::Stage,
};
use onedoor_wire::{
    bearer::BearerToken,
    malformed::Malformed,
    request::{Meta, RequestId},
    trace::TraceContext,
};

use crate::{
    challenge,
    door::{Door, Refused, shortened},
    paging::Paging,
    refusal::{Failure, Reason},
    traces::{About, Traced},
};

use super::{local::AllTools, reply, scope::Scope};

/// Who asks, where, and of what.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) door: &'a Arc<Door>,
    pub(super) principal: &'a Arc<Principal>,
    /// Token A.
    pub(super) token: BearerToken<'a>,
    pub(super) scope: Scope<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) call: CallId,
    pub(super) arrival: Instant,
}

/// A request, as far as a refusal repeats it.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) id: RequestId<'a>,
    pub(super) method: &'a str,
    /// The tool it names.
    pub(super) name: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// The same caller, about one server.
    pub(super) fn about<'s>(&self, scope: Scope<'s>) -> Asked<'s>
    where
        'a: 's,
    {
        Asked { scope, ..*self }
    }

    /// The decision; none where all servers are asked about, of which each caller may know their own tools.
    pub(super) fn decide(&self, method: Method, name: Option<&str>) -> Result<Option<Permit>, DenialReason> {
        let snapshot = self.door.registry.snapshot();
        match self.scope.wanted(method, name) {
            Ok(Some(wanted)) => decide(&snapshot, self.principal, &wanted).map(Some),
            Ok(None) => snapshot.admit(self.principal).map(|()| None),
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

    /// The caller's tools of all servers, those in production.
    pub(super) fn all_tools(&self) -> AllTools {
        let mut tools = visible_tools(&self.door.registry.snapshot(), self.principal);
        tools.retain(|tool| tool.stage == Stage::Production && tool.kind() == ServerKind::Mcp);
        let unavailable = tools
            .iter()
            .filter(|tool| {
                let health = self.door.upstreams.health(tool.server.id, tool.version.number);
                health.is_down()
            })
            .map(|tool| tool.server.slug.clone())
            .collect();
        AllTools { tools, unavailable }
    }

    /// The page of the list that a cursor asks for.
    pub(super) fn paging(&self, cursor: Option<&str>) -> Result<Paging<'_>, Malformed> {
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        Paging::new(
            &self.door.cursors,
            self.principal,
            &self.scope.list(),
            cursor,
            settings.limits.page,
        )
        .map_err(Malformed::from)
    }

    /// The client's trace with a span of the door's own; none where the system gives no randomness.
    pub(super) fn trace(&self, wanted: Wanted<'_>, protocol: &str, meta: &Meta<'_>) -> Option<Traced> {
        let client = TraceContext::read(
            meta.traceparent.as_deref(),
            meta.tracestate.as_deref(),
            self.headers,
        );
        let about = About {
            method: wanted.method,
            protocol: Some(protocol),
            id: Some(wanted.id.as_raw()),
            server: self.scope.server(wanted.name),
            tool: wanted.name,
        };
        self.door.traces.begin(client, self.arrival, about)
    }

    /// Answers with a result that was written here.
    pub(super) fn result(&self, wanted: Wanted<'_>, result: Result<String, serde_json::Error>) -> Response {
        match result {
            Ok(result) => {
                reply::json_response(StatusCode::OK, onedoor_wire::reply::result(wanted.id, &result))
            }
            Err(error) => {
                tracing::error!(%error, call = %self.call, "an answer cannot be written as JSON");
                self.refuse(wanted, Reason::Internal, None)
            }
        }
    }

    /// Refuses a call, with the challenge where a new sign-in would help.
    pub(super) fn failed(&self, wanted: Wanted<'_>, failure: &Failure, trace: Option<&Traced>) -> Response {
        let mut response = self.answer(wanted, failure, trace);
        let metadata = self.door.resource_metadata(self.headers, self.scope.path());
        challenge::add(&mut response, failure, &metadata);
        response
    }

    /// Refuses, and records the true reason of a denial without waiting for it.
    pub(super) fn refuse(&self, wanted: Wanted<'_>, reason: Reason, trace: Option<&Traced>) -> Response {
        self.answer(wanted, &reason.into(), trace)
    }

    fn answer(&self, wanted: Wanted<'_>, failure: &Failure, trace: Option<&Traced>) -> Response {
        if let Some(trace) = trace {
            trace.refused(failure.reason);
        }
        let name = wanted.name.map(shortened);
        let name = name.as_deref();
        let Reason::Denied(denial) = failure.reason else {
            return reply::refused(wanted.id, failure, self.call, name);
        };
        self.record_denial(wanted.method, name, denial, trace.map(Traced::context));
        let told = Reason::Denied(self.scope.told(denial)).into();
        reply::refused(wanted.id, &told, self.call, name)
    }

    /// Records the true reason of a denial, without waiting for it.
    pub(super) fn record_denial(
        &self,
        operation: &str,
        tool: Option<&str>,
        reason: DenialReason,
        trace: Option<&TraceContext>,
    ) {
        let refused = Refused {
            operation,
            server: self.scope.server(tool),
            tool,
        };
        self.door
            .record_denial(self.principal, self.call, refused, reason, trace);
    }
}
