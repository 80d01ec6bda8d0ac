//! Streams that a client asks for: the server's own, and the rest of one that broke off.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use onedoor_connect::PooledBody;
use onedoor_model::decide::{Entitlement, Method, Permit};
use onedoor_wire::{
    session::{Sending, SessionHeaders},
    sse::EventId,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    mcp::asked::Asked,
    proxy::{Watch, fault_of, media_type},
    refusal::Reason,
};

use super::{
    changes::Changes,
    sealed::Place,
    side::Side,
    state::Session,
    stream::Stream,
    upstream::Way,
    verbs::{Refused, Verb, denied, permit, refused, send},
};

/// How long a stream that answers nothing may stay open; it ends with its token before that.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The stream that a GET asks for.
pub(super) async fn listen(
    asked: &Asked<'_>,
    session: Session,
    read: &SessionHeaders,
) -> Result<Response, Refused> {
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
    let mut watch = watch(asked, Some(permit.entitlement()), &asked.door.stopping);
    let way = Way::new(asked.door, permit.entitlement(), asked.call);
    let upstream = open(asked, way, &session, None, &mut watch).await?;
    Ok(Stream {
        side: side(asked, session, Some(Permit::ListTools(permit))),
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
        side: side(asked, session, None),
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
    let until = match &permit {
        Permit::CallTool(_) => &asked.door.draining,
        Permit::ListTools(_) | Permit::Discover(_) => &asked.door.stopping,
    };
    let allowed = permit.entitlement();
    let mut watch = watch(asked, Some(allowed), until);
    let way = Way::new(asked.door, allowed, asked.call);
    let longest_call = Duration::from_millis(allowed.version().manifest.timeouts.total_ms);
    let event = EventId::parse(place.event.as_bytes()).ok_or(Refused::NoSession)?;
    let upstream = open(asked, way, &session, Some(&event), &mut watch).await?;
    let changes = match &permit {
        Permit::CallTool(_) => None,
        Permit::ListTools(_) | Permit::Discover(_) => Some(Changes::new(
            &asked.door.registry,
            asked.principal,
            Some(allowed.request()),
        )),
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
        side: side(asked, session, Some(permit)),
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

/// Watches over a stream. One that answers nothing ends as soon as the replica stops, so that no drain waits for it.
fn watch(asked: &Asked<'_>, allowed: Option<Entitlement<'_>>, until: &CancellationToken) -> Watch {
    Watch::new(
        &asked.door.control,
        asked.principal,
        allowed,
        Instant::now() + LONGEST,
        Timestamp::now(),
        until,
    )
}

fn side(asked: &Asked<'_>, session: Session, permit: Option<Permit>) -> Arc<Side> {
    Side::new(asked.door, session, permit, asked.token.into_owned(), asked.call)
}

fn max_event(asked: &Asked<'_>) -> usize {
    let settings = Arc::clone(asked.door.registry.snapshot().settings());
    usize::try_from(settings.limits.sse_event_bytes).unwrap_or(usize::MAX)
}
