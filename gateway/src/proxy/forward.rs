//! A `tools/call` of revision 2026-07-28, from its permit to its answer.

use std::{sync::Arc, time::Instant};

use axum::response::Response;
use bytes::Bytes;
use http::{
    HeaderMap, Method, Request as HttpRequest, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use onedoor_connect::RequestBody;
use onedoor_exchange::TokenB;
use onedoor_model::{
    audit::{Outcome, UpstreamFault},
    decide::{CallPermit, Method as McpMethod},
    ids::CallId,
};
use onedoor_wire::{
    bearer::BearerToken,
    headers::{ParamHeaders, outgoing},
    request::{Request, RequestId},
    trace::TraceState,
    upstream_request::UpstreamRequest,
};

use crate::{
    door::Door,
    refusal::{Failure, Reason},
    traces::Traced,
};

use super::{
    Call, Dispatch, Dispatched, Recorded, answer, stream,
    upstream::{name_call, target},
    watch::Cut,
};

/// Bytes stand for "no arguments" where a request has none.
pub(crate) const NO_ARGUMENTS: &str = "{}";

/// A permitted call, and what it is made from.
pub(crate) struct Forward<'a> {
    pub(crate) door: &'a Arc<Door>,
    pub(crate) call: CallId,
    pub(crate) id: RequestId<'a>,
    pub(crate) permit: CallPermit,
    pub(crate) token_a: BearerToken<'a>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) params: ParamHeaders,
    pub(crate) trace: &'a Traced,
    pub(crate) arrival: Instant,
}

impl Forward<'_> {
    /// Makes the call. Once this returns an answer, the call's outcome is recorded when the answer ends.
    pub(crate) async fn run(self) -> Result<Response, Failure> {
        let arguments = self.request.params.arguments.unwrap_or(NO_ARGUMENTS);
        let dispatch = Dispatch {
            door: self.door,
            call: self.call,
            permit: &self.permit,
            token_a: self.token_a,
            trace: self.trace,
            arrival: self.arrival,
            recorded: Recorded {
                operation: McpMethod::CallTool.name(),
                arguments: arguments.as_bytes(),
            },
            cancelled: None,
        };
        let dispatched = dispatch.run(|token| self.http_request(token)).await?;
        Ok(self.answer(dispatched).await?)
    }

    /// The upstream's request: written by us from the permit, values copied.
    fn http_request(&self, token: TokenB) -> HttpRequest<RequestBody> {
        let traceparent = self.trace.parent.to_string();
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
            tracestate: self.trace.state.as_ref().map(TraceState::as_str),
            other_meta: &params.meta.other,
        };
        let mut headers: HeaderMap = outgoing(&upstream, &self.params);
        headers.insert(AUTHORIZATION, token.into_header());
        name_call(&mut headers, self.call, self.trace);
        let mut request = HttpRequest::new(RequestBody::from(Bytes::from(upstream.body())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target(&self.permit.version().manifest.url);
        *request.headers_mut() = headers;
        request
    }

    async fn answer(self, dispatched: Dispatched) -> Result<Response, Reason> {
        let Dispatched { call, watch, head } = dispatched;
        let (parts, body) = head.into_parts();
        let media_type = media_type(&parts.headers);
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let awaited = answer::Expected::new(self.id, self.request);
        match (parts.status, media_type) {
            (StatusCode::OK, Some("text/event-stream")) => Ok(stream::respond(
                call,
                watch,
                body,
                awaited,
                &settings.limits,
                &self.door.tasks,
            )),
            (StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, Some("application/json")) => {
                answer::respond(call, watch, parts.status, body, &awaited, &settings.limits).await
            }
            (status, _) => Err(fail(call, fault_of(status))),
        }
    }
}

/// What is wrong with an answer that is no MCP message.
pub(crate) fn fault_of(status: StatusCode) -> UpstreamFault {
    match status {
        StatusCode::OK => UpstreamFault::Protocol,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => UpstreamFault::Unauthorized,
        _ => UpstreamFault::Status,
    }
}

/// Ends a call whose upstream failed.
pub(crate) fn fail(call: Call, fault: UpstreamFault) -> Reason {
    tracing::warn!(call = %call.id, ?fault, "upstream failed");
    call.finish(Outcome::UpstreamError(fault));
    Reason::Upstream(fault)
}

/// Ends a call that was cut.
pub(crate) fn end(call: Call, cut: Cut) -> Reason {
    call.finish(cut.outcome());
    cut.reason()
}

/// The media type of an answer, if it is one that MCP provides for.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    ["application/json", "text/event-stream"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(media_type))
}
