//! A message of revision 2026-07-28: read, decide, then answer or forward.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use onedoor_model::{
    audit::UpstreamFault,
    decide::{CallPermit, Method, Permit},
    manifest::Eras,
};
use onedoor_wire::{
    headers::{HeaderParam, check_params, check_request},
    request::Request,
    session::{Message, versions},
};

use crate::{
    door::shortened,
    eras,
    proxy::Forward,
    refusal::{Failure, Reason},
    traces::Traced,
};

use super::{
    asked::{Asked, Wanted},
    local, reply,
};

/// Answers one message.
pub(super) async fn answer(asked: &Asked<'_>, message: Message<'_>) -> Response {
    let request = match message.into_stateless() {
        Ok(request) => request,
        Err(refused) => return reply::malformed(refused.id, &refused.fault),
    };
    if let Err(fault) = check_request(asked.headers, &request, &versions(true, true)) {
        return reply::malformed(request.id, &fault);
    }
    let Some(id) = request.id else {
        // A notification: none is served, and none may be answered (JSON-RPC 2.0 §4.1).
        return StatusCode::ACCEPTED.into_response();
    };
    let wanted = Wanted {
        id,
        method: &request.method,
        name: request.params.name.as_deref(),
    };
    let Some(method) = Method::named(&request.method) else {
        return reply::method_not_found(id, &shortened(&request.method));
    };
    let Some(trace) = asked.trace(wanted, onedoor_wire::PROTOCOL_VERSION, &request.params.meta) else {
        return asked.refuse(wanted, Reason::Internal, None);
    };
    if let Err(reason) = asked.door.fresh().await {
        return asked.refuse(wanted, reason, Some(&trace));
    }
    let permit = match asked.decide(method, wanted.name) {
        Ok(Some(permit)) => permit,
        Ok(None) => return all(asked, wanted, method, &request),
        Err(reason) => return asked.refuse(wanted, Reason::Denied(reason), Some(&trace)),
    };
    match permit {
        Permit::Discover(permit) => {
            let eras = Box::pin(eras::of(
                asked.door,
                permit.entitlement(),
                asked.token,
                asked.call,
            ))
            .await;
            if eras.stateless {
                asked.result(wanted, local::discover(&permit))
            } else {
                // What makes clients that speak both fall back: 400 without a code of this revision.
                reply::other_era(id, eras, asked.call, StatusCode::BAD_REQUEST)
            }
        }
        Permit::ListTools(permit) => match asked.paging(request.params.cursor.as_deref()) {
            Ok(paging) => asked.result(wanted, local::list(&permit, &paging)),
            Err(fault) => reply::malformed(Some(id), &fault),
        },
        Permit::CallTool(permit) => match eras::known(asked.door, permit.entitlement()) {
            Some(eras @ Eras { stateless: false, .. }) => {
                reply::other_era(id, eras, asked.call, StatusCode::OK)
            }
            Some(_) | None => call(asked, wanted, permit, &request, &trace).await,
        },
    }
}

/// Answers for all servers at once.
fn all(asked: &Asked<'_>, wanted: Wanted<'_>, method: Method, request: &Request<'_>) -> Response {
    match method {
        Method::Discover => asked.result(wanted, local::discover_all()),
        Method::ListTools | Method::CallTool => match asked.paging(request.params.cursor.as_deref()) {
            Ok(paging) => asked.result(wanted, local::list_all(&asked.all_tools(), &paging)),
            Err(fault) => reply::malformed(Some(wanted.id), &fault),
        },
    }
}

async fn call(
    asked: &Asked<'_>,
    wanted: Wanted<'_>,
    permit: CallPermit,
    request: &Request<'_>,
    trace: &Traced,
) -> Response {
    let params = header_params(&permit);
    let params = match check_params(asked.headers, request.params.arguments, &params) {
        Ok(params) => params,
        Err(fault) => return reply::malformed(Some(wanted.id), &fault),
    };
    let forward = Forward {
        door: asked.door,
        call: asked.call,
        id: wanted.id,
        permit,
        token_a: asked.token,
        request,
        params,
        trace,
        arrival: asked.arrival,
    };
    match forward.run().await {
        Ok(response) => response,
        Err(failure) => match session_only(asked, wanted, &failure).await {
            Some(eras) => reply::other_era(wanted.id, eras, asked.call, StatusCode::OK),
            None => asked.failed(wanted, &failure, Some(trace)),
        },
    }
}

/// What the server speaks, where it failed because it has nothing but sessions. It is asked only now: before a call, that would delay those
/// to servers that are well.
async fn session_only(asked: &Asked<'_>, wanted: Wanted<'_>, failure: &Failure) -> Option<Eras> {
    let Reason::Upstream(UpstreamFault::Protocol | UpstreamFault::Status) = failure.reason else {
        return None;
    };
    let Ok(Some(Permit::CallTool(permit))) = asked.decide(Method::CallTool, wanted.name) else {
        return None;
    };
    let eras = eras::of(asked.door, permit.entitlement(), asked.token, asked.call).await;
    (!eras.stateless).then_some(eras)
}

/// The arguments of a tool that headers mirror.
pub(super) fn header_params(permit: &CallPermit) -> Vec<HeaderParam> {
    permit
        .definition()
        .mcp_headers
        .iter()
        .filter_map(|header| HeaderParam::new(&header.name, &header.path))
        .collect()
}
