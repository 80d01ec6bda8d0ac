//! One request: authenticate, decide, dispatch, pass on.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use http::request::Parts;
use onedoor_model::{
    decide::{CallPermit, DenialReason, Permit, decide, sought},
    ids::CallId,
    manifest::{HttpMethod, Route},
    principal::Principal,
    registry::Stage,
};
use onedoor_wire::{bearer::BearerToken, trace::TraceContext};
use uuid::Uuid;

use crate::{
    body::discard,
    challenge,
    door::{Authenticated, Door, Refused},
    plane::reached_by,
    proxy::{CALL_ID, Dispatch, Recorded, call_id_header, name_call},
    refusal::{Failure, HttpReason, Reason},
    traces::{About, Traced},
};

use super::{
    answer,
    call::Call,
    location::Places,
    refusal::{refused, refused_by_status},
    request::judge,
    target::{Target, base_path},
    upload::{UploadFault, upload},
};

/// `/http/{name}/{path}`
pub(crate) async fn production(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    Box::pin(serve(&door, source, Stage::Production, request)).await
}

/// `/servers/{name}/qa/http/{path}`
pub(crate) async fn qa(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    Box::pin(serve(&door, source, Stage::Qa, request)).await
}

/// A request of a known caller.
struct Asked<'a> {
    door: &'a Arc<Door>,
    principal: &'a Arc<Principal>,
    token: BearerToken<'a>,
    target: Target<'a>,
    parts: &'a Parts,
    call: CallId,
    arrival: Instant,
    trace: &'a Traced,
}

/// Why a request is not answered by a tool.
enum Refusal {
    /// The call is refused, or it failed.
    Call(Failure),
    /// The request is refused, whatever it names.
    Request(HttpReason),
}

async fn serve(door: &Arc<Door>, source: SocketAddr, stage: Stage, request: Request) -> Response {
    let arrival = Instant::now();
    let (parts, body) = request.into_parts();
    let target = Target::read(stage, parts.uri.path());
    let Authenticated { principal, token } = match door.authenticate(&parts.headers, source.ip()).await {
        Ok(caller) => caller,
        Err(refusal) => {
            discard(&parts.headers, body).await;
            return refusal.respond(&door.resource_metadata(&parts.headers, target.resource()));
        }
    };
    let client = TraceContext::read(None, None, &parts.headers);
    let about = About {
        method: parts.method.as_str(),
        protocol: None,
        id: None,
        server: Some(target.slug),
        tool: None,
    };
    let Some(trace) = door.traces.begin(client, arrival, about) else {
        return refused(Reason::Internal);
    };
    let asked = Asked {
        door,
        principal: &principal,
        token,
        target,
        parts: &parts,
        call: CallId(Uuid::now_v7()),
        arrival,
        trace: &trace,
    };
    let limit = door.registry.snapshot().settings().limits.body_bytes;
    let answered = match asked.admit(limit).await {
        Ok((permit, call)) => asked.make(&permit, &call, body, limit).await,
        Err(refusal) => {
            discard(&parts.headers, body).await;
            Err(refusal)
        }
    };
    let mut response = answered.unwrap_or_else(|refusal| asked.refuse(refusal));
    response.headers_mut().insert(CALL_ID, call_id_header(asked.call));
    response
}

impl<'a> Asked<'a> {
    /// The call that the request is for, if it may be made.
    async fn admit(&self, limit: u64) -> Result<(CallPermit, Call<'a>), Refusal> {
        judge(self.parts, limit).map_err(Refusal::Request)?;
        self.door.fresh().await?;
        let permit = self.permit()?;
        let call = Call::new(&permit, self.parts).ok_or(Reason::Internal)?;
        Ok((permit, call))
    }

    /// Makes the call, with a body of at most so many bytes. Its outcome is recorded when the answer ends.
    async fn make(
        &self,
        permit: &CallPermit,
        call: &Call<'_>,
        body: Body,
        limit: u64,
    ) -> Result<Response, Refusal> {
        let dispatch = Dispatch {
            door: self.door,
            call: self.call,
            permit,
            token_a: self.token,
            trace: self.trace,
            arrival: self.arrival,
            recorded: Recorded {
                operation: &call.operation,
                arguments: call.arguments.as_bytes(),
            },
            cancelled: None,
        };
        let upload_fault = UploadFault::default();
        let dispatched = dispatch
            .run(|token| {
                let mut request = call.request(token, upload(body, limit, &upload_fault, &self.door.control));
                name_call(request.headers_mut(), self.call, self.trace);
                request.extensions_mut().insert(upload_fault.clone());
                request
            })
            .await;
        let dispatched = dispatched.map_err(|failure| match upload_fault.get() {
            Some(fault) => Refusal::Request(fault.reason()),
            None => Refusal::Call(failure),
        })?;
        let slug = &permit.server().slug;
        let door = reached_by(&self.door.public_url, &self.parts.headers);
        let places = Places {
            base: &permit.version().manifest.url,
            asked: &call.url,
            door: &format!("{door}{}", base_path(slug, self.target.stage)),
        };
        Ok(answer::respond(
            dispatched,
            &self.parts.method,
            places,
            upload_fault,
            &self.door.tasks,
        )?)
    }

    fn permit(&self) -> Result<CallPermit, Reason> {
        let wanted = self.target.wanted(self.method()?).map_err(Reason::Denied)?;
        let snapshot = self.door.registry.snapshot();
        match decide(&snapshot, self.principal, &wanted).map_err(Reason::Denied)? {
            Permit::CallTool(permit) => Ok(permit),
            Permit::Discover(_) | Permit::ListTools(_) => Err(Reason::Internal),
        }
    }

    /// The route admits no other methods than those that tools have.
    fn method(&self) -> Result<HttpMethod, Reason> {
        HttpMethod::named(self.parts.method.as_str()).ok_or(Reason::Internal)
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        let failure = match refusal {
            Refusal::Request(reason) => return refused_by_status(reason),
            Refusal::Call(failure) => failure,
        };
        self.trace.refused(failure.reason);
        if let Reason::Denied(denial) = failure.reason {
            self.record_denial(denial);
        }
        let mut response = refused(failure.reason);
        let metadata = self
            .door
            .resource_metadata(&self.parts.headers, self.target.resource());
        challenge::add(&mut response, &failure, &metadata);
        response
    }

    /// Records the true reason of a denial. Of the path only the route is told, as the rest of it is arguments.
    fn record_denial(&self, denial: DenialReason) {
        let snapshot = self.door.registry.snapshot();
        let method = self.method();
        let wanted = method.ok().and_then(|method| self.target.wanted(method).ok());
        let tool = wanted.and_then(|wanted| sought(&snapshot, &wanted).cloned());
        let route = tool.as_ref().and_then(|tool| tool.route.as_ref());
        let refused = Refused {
            operation: &route.map_or_else(|| self.parts.method.to_string(), Route::to_string),
            server: Some(self.target.slug),
            tool: tool.as_ref().map(|tool| tool.name.as_str()),
        };
        self.door.record_denial(
            self.principal,
            self.call,
            refused,
            denial,
            Some(self.trace.context()),
        );
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Call(reason.into())
    }
}
