//! Requests of a client in a session.

use axum::response::Response;
use http::StatusCode;
use onedoor_model::{
    audit::UpstreamFault,
    decide::{ListPermit, Method, Permit},
};
use onedoor_wire::{
    answer::Response as McpResponse,
    malformed::code,
    session::{
        AwaitedInSession, Sending, SessionAnswer, SessionPassage, SessionRequest, read_session_answer, write,
    },
};
use serde_json::json;

use crate::{
    door::shortened,
    eras,
    mcp::{
        asked::{Asked, Wanted},
        local, reply as answers,
    },
    proxy::fault_of,
    refusal::{Failure, Reason},
};

use super::{
    call, open, reply,
    state::Session,
    upstream::{Answered, At, Way},
};

/// `initialize`
pub(super) async fn initialize(asked: &Asked<'_>, request: &SessionRequest<'_>) -> Response {
    let wanted = wanted(request);
    let initialize = match request.initialize() {
        Ok(initialize) => initialize,
        Err(fault) => return answers::malformed(Some(request.id), &fault),
    };
    let trace = asked.trace(wanted, initialize.protocol_version, &request.params.meta);
    if let Err(reason) = asked.door.fresh().await {
        return asked.refuse(wanted, reason, trace.as_ref());
    }
    let begun = match asked.decide(Method::Discover, None) {
        Ok(Some(Permit::Discover(permit))) => {
            Box::pin(open::with_server(asked, request.id, &initialize, &permit)).await
        }
        Ok(None) => open::with_all(asked, &initialize),
        Ok(Some(Permit::ListTools(_) | Permit::CallTool(_))) => Err(Reason::Internal.into()),
        Err(reason) => Err(Reason::Denied(reason).into()),
    };
    match begun {
        Ok(begun) => reply::with_session(asked.result(wanted, Ok(begun.result)), &begun.id),
        Err(Failure {
            reason: Reason::EraNotSupported,
            ..
        }) => answers::other_era(request.id, eras::STATELESS_ONLY, asked.call, StatusCode::OK),
        Err(failure) => asked.failed(wanted, &failure, trace.as_ref()),
    }
}

/// Any other request.
pub(super) async fn answer(asked: &Asked<'_>, session: &Session, request: &SessionRequest<'_>) -> Response {
    let wanted = wanted(request);
    match request.method.as_ref() {
        "ping" => asked.result(wanted, Ok("{}".to_owned())),
        "tools/list" if session.is_with_all() => all_tools(asked, wanted, request),
        "tools/list" => match listed(asked, session, wanted) {
            Ok(permit) => match asked.paging(request.params.cursor.as_deref()) {
                Ok(paging) => asked.result(wanted, local::list_in_session(&permit, &paging)),
                Err(fault) => answers::malformed(Some(request.id), &fault),
            },
            Err(refusal) => *refusal,
        },
        "logging/setLevel" if session.has_logging() => match listed(asked, session, wanted) {
            Ok(permit) => set_level(asked, session, request, &permit).await,
            Err(refusal) => *refusal,
        },
        "tools/call" => call::answer(asked, session, request).await,
        other => answers::json_response(
            StatusCode::OK,
            onedoor_wire::reply::error(
                Some(request.id),
                code::METHOD_NOT_FOUND,
                "Method not found",
                Some(&json!(shortened(other))),
            ),
        ),
    }
}

/// The caller's tools of all servers.
fn all_tools(asked: &Asked<'_>, wanted: Wanted<'_>, request: &SessionRequest<'_>) -> Response {
    match asked.decide(Method::ListTools, None) {
        Ok(_) => match asked.paging(request.params.cursor.as_deref()) {
            Ok(paging) => asked.result(wanted, local::list_all_in_session(&asked.all_tools(), &paging)),
            Err(fault) => answers::malformed(Some(request.id), &fault),
        },
        Err(reason) => asked.refuse(wanted, Reason::Denied(reason), None),
    }
}

/// Leave to know the session's server, decided anew.
fn listed(asked: &Asked<'_>, session: &Session, wanted: Wanted<'_>) -> Result<ListPermit, Box<Response>> {
    match asked.decide(Method::ListTools, None) {
        Ok(Some(Permit::ListTools(permit))) if session.is_served_by(permit.server(), permit.version()) => {
            Ok(permit)
        }
        Ok(Some(Permit::ListTools(_))) => Err(Box::new(reply::no_session(
            Some(wanted.id),
            super::NoSession::Unknown,
        ))),
        Ok(Some(Permit::Discover(_) | Permit::CallTool(_)) | None) => {
            Err(Box::new(asked.refuse(wanted, Reason::Internal, None)))
        }
        Err(reason) => Err(Box::new(asked.refuse(wanted, Reason::Denied(reason), None))),
    }
}

/// Tells the server which log messages the client wants.
async fn set_level(
    asked: &Asked<'_>,
    session: &Session,
    request: &SessionRequest<'_>,
    permit: &ListPermit,
) -> Response {
    let level = match request.log_level() {
        Ok(level) => level,
        Err(fault) => return answers::malformed(Some(request.id), &fault),
    };
    let way = Way::new(asked.door, permit.entitlement(), asked.call);
    let told = async {
        let token = way.token_b(asked.token).await?;
        let body = write::set_level(request.id, level);
        let head = way.send(token, Sending::Post, At::of(session), body).await?;
        let awaited = AwaitedInSession {
            id: Some(request.id),
            ..AwaitedInSession::default()
        };
        let answered = way
            .await_message(head, |message| match read_session_answer(message, &awaited) {
                SessionPassage::Pass(SessionAnswer::Response(response)) => Ok(Some(match response {
                    McpResponse::Result { .. } => Ok(()),
                    McpResponse::Error { .. } => Err(()),
                })),
                SessionPassage::Pass(_) | SessionPassage::Drop(_) | SessionPassage::Refuse { .. } => Ok(None),
                SessionPassage::Fault(_) => Err(UpstreamFault::Protocol),
            })
            .await?;
        Ok::<_, Failure>(answered)
    };
    let wanted = wanted(request);
    match told.await {
        Ok(Answered::Message(Ok(()))) => asked.result(wanted, Ok("{}".to_owned())),
        Ok(Answered::Status(StatusCode::NOT_FOUND)) if session.has_upstream() => {
            reply::no_session(Some(request.id), super::NoSession::Unknown)
        }
        Ok(Answered::Message(Err(()))) => asked.refuse(wanted, Reason::Upstream(UpstreamFault::Status), None),
        Ok(Answered::Status(status)) => asked.refuse(wanted, Reason::Upstream(fault_of(status)), None),
        Err(failure) => asked.failed(wanted, &failure, None),
    }
}

pub(super) fn wanted<'a>(request: &'a SessionRequest<'a>) -> Wanted<'a> {
    Wanted {
        id: request.id,
        method: &request.method,
        name: request.params.name.as_deref(),
    }
}
