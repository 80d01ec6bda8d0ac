//! GET and DELETE of an MCP endpoint, which only sessions have: the server's own stream, going on with a broken stream, and the end of
//! a session.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::ALLOW};
use jiff::Timestamp;
use onedoor_connect::PooledBody;
use onedoor_model::{
    decide::{DenialReason, Method, Permit, Request as Decided},
    ids::CallId,
    registry::Stage,
};
use onedoor_wire::{
    session::{Era, Sending, SessionHeaders, check_delete, check_get, era_of},
    sse::EventId,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    door::{Authenticated, Door},
    mcp::{asked::Asked, reply as answers, scope::Scope},
    proxy::{Watch, fault_of, media_type},
    refusal::{Failure, Reason},
};

use super::{
    NoSession,
    changes::Changes,
    reply,
    sealed::Place,
    session,
    side::{Leave, Side},
    state::Session,
    stream::Stream,
    upstream::{At, Way},
};

/// How long a stream that answers nothing may stay open; it ends with its token before that.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// GET `/mcp`
pub(crate) async fn get_federated(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    serve(&door, source, Scope::All, &headers, Verb::Get).await
}

/// DELETE `/mcp`
pub(crate) async fn delete_federated(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    serve(&door, source, Scope::All, &headers, Verb::Delete).await
}

/// GET `/servers/{name}/mcp`
pub(crate) async fn get_production(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    let stage = Stage::Production;
    serve(
        &door,
        source,
        Scope::Server { slug: &slug, stage },
        &headers,
        Verb::Get,
    )
    .await
}

/// GET `/servers/{name}/qa/mcp`
pub(crate) async fn get_qa(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    let stage = Stage::Qa;
    serve(
        &door,
        source,
        Scope::Server { slug: &slug, stage },
        &headers,
        Verb::Get,
    )
    .await
}

/// DELETE `/servers/{name}/mcp`
pub(crate) async fn delete_production(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    let stage = Stage::Production;
    serve(
        &door,
        source,
        Scope::Server { slug: &slug, stage },
        &headers,
        Verb::Delete,
    )
    .await
}

/// DELETE `/servers/{name}/qa/mcp`
pub(crate) async fn delete_qa(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    let stage = Stage::Qa;
    serve(
        &door,
        source,
        Scope::Server { slug: &slug, stage },
        &headers,
        Verb::Delete,
    )
    .await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Get,
    Delete,
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
    if door.registry.is_stopped() {
        return reply::not_told(&asked, &Reason::Stale.into());
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

/// Why there is no stream.
enum Refused {
    /// The caller may not use the server any more (recorded), or the session or the place is not known.
    NoSession,
    Failed(Failure),
}

async fn listen(asked: &Asked<'_>, session: Session, read: &SessionHeaders) -> Result<Response, Refused> {
    match &read.last_event_id {
        Some(id) => go_on(asked, session, id).await,
        None => own_stream(asked, session).await,
    }
}

/// The server's own stream, of what answers nothing.
async fn own_stream(asked: &Asked<'_>, session: Session) -> Result<Response, Refused> {
    if session.is_with_all() {
        return stream_of_all(asked, session);
    }
    let Permit::ListTools(permit) = permit(asked, &session, Verb::Get, Method::ListTools, None)? else {
        return Err(Refused::NoSession);
    };
    let changes = Changes::new(&asked.door.registry, asked.principal, Some(permit.request()));
    let mut watch = watch(asked, Some(permit.request()), &asked.door.stopping);
    let way = Way::of_list(asked.door, &permit, asked.call);
    let upstream = open(asked, way, &session, None, &mut watch).await?;
    Ok(Stream {
        side: side(asked, session, Leave::List(permit)),
        watch,
        upstream,
        call: None,
        answers: None,
        flight: None,
        resumed: false,
        changes: Some(changes),
        max_event: max_event(asked),
    }
    .respond())
}

/// The stream of a session with all servers: the door's own, which tells when the caller's tools change.
fn stream_of_all(asked: &Asked<'_>, session: Session) -> Result<Response, Refused> {
    let watch = watch(asked, None, &asked.door.stopping);
    asked
        .decide(Method::ListTools, None)
        .map_err(|reason| denied(asked, Verb::Get, None, reason))?;
    Ok(Stream {
        side: side(asked, session, Leave::Door),
        watch,
        upstream: None,
        call: None,
        answers: None,
        flight: None,
        resumed: false,
        changes: Some(Changes::new(&asked.door.registry, asked.principal, None)),
        max_event: max_event(asked),
    }
    .respond())
}

/// Goes on with a stream from the last event that the client got. Whose stream it was is sealed in the event's id; whether they may
/// have the rest is decided anew.
async fn go_on(asked: &Asked<'_>, session: Session, id: &EventId) -> Result<Response, Refused> {
    let place = Place::open(&asked.door.seal, &session, id).ok_or(Refused::NoSession)?;
    let session = session.back_to(place.target).ok_or(Refused::NoSession)?;
    let (method, tool) = match &place.answers {
        Some(answers) => (Method::CallTool, Some(answers.tool.as_str())),
        None => (Method::ListTools, None),
    };
    let permit = permit(asked, &session, Verb::Get, method, tool)?;
    let (way, until) = match &permit {
        Permit::CallTool(permit) => (Way::of_call(asked.door, permit, asked.call), &asked.door.draining),
        Permit::ListTools(permit) | Permit::Discover(permit) => {
            (Way::of_list(asked.door, permit, asked.call), &asked.door.stopping)
        }
    };
    let mut watch = watch(asked, Some(way.request()), until);
    let longest_call = Duration::from_millis(way.entitlement().version().manifest.timeouts.total_ms);
    let event = EventId::parse(place.event.as_bytes()).ok_or(Refused::NoSession)?;
    let upstream = open(asked, way, &session, Some(&event), &mut watch).await?;
    let (leave, changes) = match permit {
        Permit::CallTool(permit) => (Leave::Call(permit), None),
        Permit::ListTools(permit) | Permit::Discover(permit) => {
            let changes = Changes::new(&asked.door.registry, asked.principal, Some(permit.request()));
            (Leave::List(permit), Some(changes))
        }
    };
    let waiting = place
        .answers
        .as_ref()
        .and_then(|answers| asked.door.parked.take(answers.call));
    let (call, flight) = match waiting {
        Some(waiting) => {
            let cancelled = waiting.flight.as_ref().map(|flight| &flight.cancelled);
            watch = watch.cancelled_by(cancelled);
            watch.set_deadline(waiting.deadline);
            (Some(waiting.call), waiting.flight)
        }
        None => {
            if place.answers.is_some() {
                watch.set_deadline(Instant::now() + longest_call);
            }
            (None, None)
        }
    };
    Ok(Stream {
        side: side(asked, session, leave),
        watch,
        upstream,
        call,
        answers: place.answers,
        flight,
        resumed: true,
        changes,
        max_event: max_event(asked),
    }
    .respond())
}

/// Opens the upstream's stream; none where the server has none of its own.
async fn open(
    asked: &Asked<'_>,
    way: Way<'_>,
    session: &Session,
    last_event_id: Option<&EventId>,
    watch: &mut Watch,
) -> Result<Option<PooledBody>, Refused> {
    let sending = Sending::Get { last_event_id };
    let head = tokio::select! {
        biased;
        cut = watch.cut() => return Err(refused(asked, session, Verb::Get, cut.reason())),
        head = send(asked, way, session, Verb::Get, sending) => head?,
    };
    let is_stream = media_type(head.headers()) == Some("text/event-stream");
    match head.status() {
        StatusCode::OK if is_stream => Ok(Some(head.into_body())),
        StatusCode::METHOD_NOT_ALLOWED if last_event_id.is_none() => Ok(None),
        StatusCode::NOT_FOUND if session.has_upstream() => Err(Refused::NoSession),
        status => Err(Refused::Failed(Reason::Upstream(fault_of(status)).into())),
    }
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
    let way = Way::of_list(asked.door, &permit, asked.call);
    let head = send(asked, way, session, Verb::Delete, Sending::Delete).await?;
    match head.status() {
        status if status.is_success() => Ok(StatusCode::OK.into_response()),
        StatusCode::METHOD_NOT_ALLOWED => Ok(StatusCode::METHOD_NOT_ALLOWED.into_response()),
        StatusCode::NOT_FOUND => Err(Refused::NoSession),
        status => Err(Refused::Failed(Reason::Upstream(fault_of(status)).into())),
    }
}

/// Leave, decided anew, for the version that the session is with.
fn permit(
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
    let (server, version) = match &permit {
        Permit::CallTool(permit) => (permit.server(), permit.version()),
        Permit::ListTools(permit) | Permit::Discover(permit) => (permit.server(), permit.version()),
    };
    if session.is_served_by(server, version) {
        Ok(permit)
    } else {
        Err(Refused::NoSession)
    }
}

/// Records why there is no stream, or no end of a session.
fn denied(asked: &Asked<'_>, verb: Verb, tool: Option<&str>, reason: DenialReason) -> Refused {
    asked.record_denial(verb.name(), tool, reason, None);
    Refused::NoSession
}

fn refused(asked: &Asked<'_>, session: &Session, verb: Verb, reason: Reason) -> Refused {
    if let Reason::Denied(reason) = reason {
        denied(&asked.about(session.scope()), verb, None, reason)
    } else {
        Refused::Failed(reason.into())
    }
}

async fn send(
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

/// Watches over a stream. One that answers nothing ends as soon as the replica stops, so that no drain waits for it.
fn watch(asked: &Asked<'_>, decided: Option<&Decided>, until: &CancellationToken) -> Watch {
    Watch::new(
        &asked.door.registry,
        asked.principal,
        decided,
        Instant::now() + LONGEST,
        Timestamp::now(),
        until,
    )
}

fn side(asked: &Asked<'_>, session: Session, leave: Leave) -> Arc<Side> {
    Side::new(asked.door, session, leave, asked.token.into_owned(), asked.call)
}

fn max_event(asked: &Asked<'_>) -> usize {
    let settings = Arc::clone(asked.door.registry.snapshot().settings());
    usize::try_from(settings.limits.sse_event_bytes).unwrap_or(usize::MAX)
}
