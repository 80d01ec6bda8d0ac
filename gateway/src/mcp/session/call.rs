//! `tools/call` in a session.

use std::{sync::Arc, time::Instant};

use axum::response::Response;
use bytes::Bytes;
use http::{Method as HttpMethod, Request as HttpRequest, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use onedoor_connect::{PooledBody, RequestBody};
use onedoor_exchange::TokenB;
use onedoor_model::{
    audit::{Outcome, UpstreamFault},
    decide::{CallPermit, Method, Permit},
    ids::CallId,
};
use onedoor_wire::{
    bearer::OwnedToken,
    malformed::Malformed,
    request::RequestId,
    session::{
        AwaitedInSession, Sending, SessionAnswer, SessionPassage, SessionRequest, check_params_if_sent,
        read_session_answer, write,
    },
    trace::TraceState,
};

use crate::{
    door::Door,
    eras,
    mcp::{asked::Asked, reply as answers, stateless::header_params},
    proxy::{
        Call, Dispatch, Dispatched, NO_ARGUMENTS, Recorded, Watch, end, fail, fault_of, json, media_type,
        name_call, outcome, target,
    },
    refusal::{Failure, Reason},
    traces::Traced,
};

use super::{
    NoSession, in_flight::Flight, reply, requests::wanted, sealed::Answers, side::Side, state::Session,
    stream::Stream, upstream::At, with_all,
};

/// A call that goes on when its client is gone: a disconnect is not a cancellation (MCP 2025-11-25, "Cancellation").
struct Work {
    door: Arc<Door>,
    session: Session,
    permit: CallPermit,
    token_a: OwnedToken,
    trace: Traced,
    arrival: Instant,
    call: CallId,
    answers: Answers,
    arguments: Box<[u8]>,
    body: Bytes,
    flight: Flight,
}

/// What came of a call.
enum Made {
    Answer(Response),
    /// The upstream does not know its session any more.
    SessionGone,
}

/// Decides, and makes the call.
pub(super) async fn answer(asked: &Asked<'_>, session: &Session, request: &SessionRequest<'_>) -> Response {
    let wanted = wanted(request);
    let Some(trace) = asked.trace(wanted, session.protocol(), &request.params.meta) else {
        return asked.refuse(wanted, Reason::Internal, None);
    };
    let permit = match asked.decide(Method::CallTool, wanted.name) {
        Ok(Some(Permit::CallTool(permit))) => permit,
        Ok(Some(Permit::Discover(_) | Permit::ListTools(_)) | None) => {
            return asked.refuse(wanted, Reason::Internal, Some(&trace));
        }
        Err(reason) => return asked.refuse(wanted, Reason::Denied(reason), Some(&trace)),
    };
    let params = header_params(&permit);
    if let Err(fault) = check_params_if_sent(asked.headers, request.params.arguments, &params) {
        return answers::malformed(Some(request.id), &fault);
    }
    // JSON-RPC 2.0 §4: an id tells requests apart, so it is not used again while its request is under way.
    let Some(flight) = asked.door.in_flight.begin(session, request.id) else {
        return answers::malformed(Some(request.id), &Malformed::Id);
    };
    let session = match with_all::towards(asked, session, &permit).await {
        Ok(session) => session,
        Err(Failure {
            reason: Reason::EraNotSupported,
            ..
        }) => return answers::other_era(request.id, eras::STATELESS_ONLY, asked.call, StatusCode::OK),
        Err(failure) => return asked.failed(wanted, &failure, Some(&trace)),
    };
    if !session.is_served_by(permit.server(), permit.version()) {
        return reply::no_session(Some(request.id), NoSession::Unknown);
    }
    flight.reaches(&session);
    let work = Work::new(asked, &session, request, permit, trace.clone(), flight);
    let made = asked.door.tasks.spawn(work.run()).await;
    match made {
        Ok(Ok(Made::Answer(response))) => response,
        Ok(Ok(Made::SessionGone)) if session.is_with_all() => {
            // The client's own session is well: the next call begins another at this server.
            asked.door.targets.forget(&session).await;
            asked.refuse(wanted, Reason::Upstream(UpstreamFault::Status), Some(&trace))
        }
        Ok(Ok(Made::SessionGone)) => reply::no_session(Some(request.id), NoSession::Unknown),
        Ok(Err(failure)) => asked.failed(wanted, &failure, Some(&trace)),
        Err(error) => {
            tracing::error!(%error, call = %asked.call, "a call ended without an answer");
            asked.refuse(wanted, Reason::Internal, Some(&trace))
        }
    }
}

impl Work {
    fn new(
        asked: &Asked<'_>,
        session: &Session,
        request: &SessionRequest<'_>,
        permit: CallPermit,
        trace: Traced,
        flight: Flight,
    ) -> Self {
        let params = &request.params;
        let traceparent = trace.parent.to_string();
        let body = write::ToolCall {
            id: request.id,
            name: permit.tool().as_str(),
            arguments: params.arguments,
            progress_token: params.meta.progress_token,
            traceparent: Some(&traceparent),
            tracestate: trace.state.as_ref().map(TraceState::as_str),
            other_meta: &params.meta.other,
        }
        .body();
        let answers = Answers {
            call: asked.call,
            tool: permit.tool().clone(),
            id: request.id.as_raw().to_owned(),
            progress_token: params.meta.progress_token.map(|token| token.as_raw().to_owned()),
        };
        Self {
            door: Arc::clone(asked.door),
            session: session.clone(),
            permit,
            token_a: asked.token.into_owned(),
            trace,
            arrival: asked.arrival,
            call: asked.call,
            answers,
            arguments: params.arguments.unwrap_or(NO_ARGUMENTS).as_bytes().into(),
            body: body.into(),
            flight,
        }
    }

    async fn run(self) -> Result<Made, Failure> {
        let dispatch = Dispatch {
            door: &self.door,
            call: self.call,
            permit: &self.permit,
            token_a: self.token_a.borrowed(),
            trace: &self.trace,
            arrival: self.arrival,
            recorded: Recorded {
                operation: Method::CallTool.name(),
                arguments: &self.arguments,
            },
            cancelled: Some(&self.flight.cancelled),
        };
        let Dispatched { call, watch, head } = dispatch.run(|token| self.http_request(token)).await?;
        let (parts, body) = head.into_parts();
        match (parts.status, media_type(&parts.headers)) {
            (StatusCode::OK, Some("text/event-stream")) => Ok(Made::Answer(self.stream(call, watch, body))),
            (StatusCode::OK, Some("application/json")) => {
                Ok(Made::Answer(self.whole(call, watch, body).await?))
            }
            (status, _) if self.is_gone(status) => {
                fail(call, UpstreamFault::Status);
                Ok(Made::SessionGone)
            }
            (status, _) => Err(fail(call, fault_of(status)).into()),
        }
    }

    /// Whether a status means that the upstream has forgotten its session. Many servers, the reference server among them, say 400 where
    /// they should say 404; that ends only sessions that the door began itself, for a client that is with all servers.
    fn is_gone(&self, status: StatusCode) -> bool {
        let is_said = match status {
            StatusCode::BAD_REQUEST => self.session.is_with_all(),
            status => status == StatusCode::NOT_FOUND,
        };
        is_said && self.session.has_upstream()
    }

    /// The upstream's request: written by us from the permit, values copied.
    fn http_request(&self, token: TokenB) -> HttpRequest<RequestBody> {
        let mut request = HttpRequest::new(RequestBody::from(self.body.clone()));
        *request.method_mut() = HttpMethod::POST;
        *request.uri_mut() = target(&self.permit.version().manifest.url);
        let headers = request.headers_mut();
        *headers = At::of(&self.session).headers(Sending::Post);
        headers.insert(AUTHORIZATION, token.into_header());
        name_call(headers, self.call, &self.trace);
        request
    }

    fn stream(self, call: Call, watch: Watch, body: PooledBody) -> Response {
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let side = Side::new(
            &self.door,
            self.session,
            Some(Permit::CallTool(self.permit)),
            self.token_a,
            self.call,
        );
        Stream {
            side,
            watch,
            upstream: Some(body),
            call: Some(call),
            answers: Some(self.answers),
            flight: Some(self.flight),
            resumed: false,
            changes: None,
            max_event: usize::try_from(settings.limits.sse_event_bytes).unwrap_or(usize::MAX),
        }
        .respond()
    }

    /// Reads the whole answer, checks it, and passes on its bytes.
    async fn whole(self, mut call: Call, mut watch: Watch, body: PooledBody) -> Result<Response, Reason> {
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let limit = usize::try_from(settings.limits.answer_bytes).unwrap_or(usize::MAX);
        let collected = tokio::select! {
            biased;
            collected = Limited::new(body, limit).collect() => collected,
            cut = watch.cut() => return Err(end(call, cut)),
        };
        if let Err(cut) = watch.leave().await {
            return Err(end(call, cut));
        }
        let bytes = match collected {
            Ok(collected) => collected.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(fail(call, UpstreamFault::TooLarge)),
            Err(_) => return Err(fail(call, UpstreamFault::Protocol)),
        };
        let Some(outcome) = self.judge(&bytes) else {
            return Err(fail(call, UpstreamFault::Protocol));
        };
        call.answer_size = bytes.len() as u64;
        call.finish(outcome);
        Ok(json(bytes))
    }

    /// The outcome that an answer means; none where it is no answer to this call.
    fn judge(&self, message: &[u8]) -> Option<Outcome> {
        let awaited = AwaitedInSession {
            id: RequestId::parse(&self.answers.id),
            ..AwaitedInSession::default()
        };
        match read_session_answer(message, &awaited) {
            SessionPassage::Pass(SessionAnswer::Response(response)) => Some(outcome(&response)),
            SessionPassage::Pass(_)
            | SessionPassage::Drop(_)
            | SessionPassage::Refuse { .. }
            | SessionPassage::Fault(_) => None,
        }
    }
}
