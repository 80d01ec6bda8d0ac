//! GET and DELETE of an MCP endpoint, which only sessions have.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::ALLOW};
use onedoor_connect::PooledBody;
use onedoor_model::{
    decide::{DenialReason, Method, Permit},
    ids::CallId,
};
use onedoor_wire::session::{Era, Sending, check_delete, check_get, era_of};
use uuid::Uuid;

use crate::{
    door::{Authenticated, Door},
    mcp::{asked::Asked, came::Came, reply as answers, scope::Scope},
    proxy::fault_of,
    refusal::{Failure, Reason},
};

use super::{
    NoSession,
    listen::listen,
    reply, session,
    state::Session,
    upstream::{At, Way},
};

/// A method that only sessions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Delete,
}

/// Why a GET or DELETE was refused.
pub(super) enum Refused {
    /// The caller may not use the server any more (recorded), or the session or the place is not known.
    NoSession,
    /// The server, or the identity provider, failed.
    Failed(Failure),
}

impl Verb {
    /// As denials name it.
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Delete => "DELETE",
        }
    }
}

/// GET of an MCP endpoint.
pub(crate) async fn get(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    came: Came,
    headers: HeaderMap,
) -> Response {
    serve(&door, source, came.scope(), &headers, Verb::Get).await
}

/// DELETE of an MCP endpoint.
pub(crate) async fn delete(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    came: Came,
    headers: HeaderMap,
) -> Response {
    serve(&door, source, came.scope(), &headers, Verb::Delete).await
}

async fn serve(
    door: &Arc<Door>,
    source: SocketAddr,
    scope: Scope<'_>,
    headers: &HeaderMap,
    verb: Verb,
) -> Response {
    let arrival = std::time::Instant::now();
    let Authenticated { principal, token } = match door.authenticate(headers, source.ip()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.respond(&door.resource_metadata(headers, scope.path())),
    };
    if era_of(headers, None) == Era::Stateless {
        // Revision 2026-07-28 has POST alone.
        let allow = [(ALLOW, HeaderValue::from_static("POST"))];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    let checked = match verb {
        Verb::Get => check_get(headers),
        Verb::Delete => check_delete(headers),
    };
    let read = match checked {
        Ok(read) => read,
        Err(fault) => return answers::malformed(None, &fault),
    };
    let asked = Asked {
        door,
        principal: &principal,
        token,
        scope,
        headers,
        call: CallId(Uuid::now_v7()),
        arrival,
    };
    let session = match session(&asked, &read) {
        Ok(session) => session,
        Err(refusal) => return reply::no_session(None, refusal),
    };
    if let Err(reason) = door.fresh().await {
        return reply::not_told(&asked, &reason.into());
    }
    let answered = match verb {
        Verb::Get => listen(&asked, session, &read).await,
        Verb::Delete => end(&asked, &session).await,
    };
    answered.unwrap_or_else(|refused| match refused {
        Refused::NoSession => reply::no_session(None, NoSession::Unknown),
        Refused::Failed(failure) => reply::not_told(&asked, &failure),
    })
}

/// Ends the session, at the upstream: here there is nothing of it.
async fn end(asked: &Asked<'_>, session: &Session) -> Result<Response, Refused> {
    if !session.has_upstream() {
        // Nothing of it is kept; what servers have of one with all of them they forget in time.
        return Ok(StatusCode::OK.into_response());
    }
    let Permit::ListTools(permit) = permit(asked, session, Verb::Delete, Method::ListTools, None)? else {
        return Err(Refused::NoSession);
    };
    let way = Way::new(asked.door, permit.entitlement(), asked.call);
    let head = send(asked, way, session, Verb::Delete, Sending::Delete).await?;
    match head.status() {
        status if status.is_success() => Ok(StatusCode::OK.into_response()),
        StatusCode::METHOD_NOT_ALLOWED => Ok(StatusCode::METHOD_NOT_ALLOWED.into_response()),
        StatusCode::NOT_FOUND => Err(Refused::NoSession),
        status => Err(Refused::Failed(Reason::Upstream(fault_of(status)).into())),
    }
}

/// Leave, decided anew, for the version that the session is with.
pub(super) fn permit(
    asked: &Asked<'_>,
    session: &Session,
    verb: Verb,
    method: Method,
    tool: Option<&str>,
) -> Result<Permit, Refused> {
    let target = session.target.as_ref().ok_or(Refused::NoSession)?;
    let asked = asked.about(target.scope());
    let permit = match asked.decide(method, tool) {
        Ok(Some(permit)) => permit,
        Ok(None) => return Err(Refused::NoSession),
        Err(reason) => return Err(denied(&asked, verb, tool, reason)),
    };
    let allowed = permit.entitlement();
    if session.is_served_by(allowed.server(), allowed.version()) {
        Ok(permit)
    } else {
        Err(Refused::NoSession)
    }
}

/// Records why there is no stream, or no end of a session.
pub(super) fn denied(asked: &Asked<'_>, verb: Verb, tool: Option<&str>, reason: DenialReason) -> Refused {
    asked.record_denial(verb.name(), tool, reason, None);
    Refused::NoSession
}

/// What a reason means for a GET or DELETE: a denial is recorded, and shows as a session that is not known.
pub(super) fn refused(asked: &Asked<'_>, session: &Session, verb: Verb, reason: Reason) -> Refused {
    if let Reason::Denied(reason) = reason {
        denied(&asked.about(session.scope()), verb, None, reason)
    } else {
        Refused::Failed(reason.into())
    }
}

/// Sends to the upstream on the caller's behalf.
pub(super) async fn send(
    asked: &Asked<'_>,
    way: Way<'_>,
    session: &Session,
    verb: Verb,
    sending: Sending<'_>,
) -> Result<http::Response<PooledBody>, Refused> {
    let token = way.token_b(asked.token).await.map_err(Refused::Failed)?;
    way.send(token, sending, At::of(session), Vec::new())
        .await
        .map_err(|reason| refused(asked, session, verb, reason))
}
