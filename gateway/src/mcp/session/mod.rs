//! Messages of the session revisions, 2025-03-26 to 2025-11-25.
//!
//! No session lives here: its id holds all of it, sealed for its principal (`state`). What else a client carries, ids of events and of
//! the server's requests, is sealed for its session. Every message is decided anew.

mod call;
mod changes;
mod in_flight;
mod listen;
mod notices;
mod open;
mod parked;
mod reply;
mod requests;
mod sealed;
mod side;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod upstream;
mod verbs;
mod with_all;

pub(crate) use in_flight::InFlight;
pub(crate) use notices::SpentIds;
pub(crate) use parked::Parked;
pub(crate) use verbs::{delete, get};
pub(crate) use with_all::Targets;

use axum::response::Response;
use jiff::Timestamp;
use onedoor_wire::{
    malformed::Malformed,
    session::{Message, SessionHeaders, SessionVersion, check_post},
};

use self::state::Session;
use super::{asked::Asked, reply as answers};
use crate::refusal::Reason;

/// Why a request is of no session.
#[derive(Debug)]
enum NoSession {
    /// It names none.
    Missing,
    /// It names one that is not the caller's, too old, of another endpoint, or none at all: told apart by nobody.
    Unknown,
    /// Its headers are of another revision than its session.
    OtherVersion(Malformed),
}

/// Answers one message.
pub(super) async fn answer(asked: &Asked<'_>, message: &Message<'_>) -> Response {
    let headers = match check_post(asked.headers, message) {
        Ok(headers) => headers,
        Err(fault) => return answers::malformed(id_of(message), &fault),
    };
    if let Message::Request(request) = message
        && message.is_initialize()
    {
        return requests::initialize(asked, request).await;
    }
    let session = match session(asked, &headers) {
        Ok(session) => session,
        Err(refusal) => return reply::no_session(id_of(message), refusal),
    };
    if let Err(reason) = asked.door.fresh().await {
        return stale(asked, message, reason);
    }
    match message {
        Message::Request(request) => requests::answer(asked, &session, request).await,
        Message::Notification(notification) => notices::notification(asked, &session, notification).await,
        Message::Response(response) => notices::response(asked, &session, response).await,
    }
}

/// Nothing is served that may be out of date.
fn stale(asked: &Asked<'_>, message: &Message<'_>, reason: Reason) -> Response {
    match message {
        Message::Request(request) => asked.refuse(requests::wanted(request), reason, None),
        Message::Notification(_) | Message::Response(_) => reply::not_told(asked, &reason.into()),
    }
}

/// The session that a request's headers name.
fn session(asked: &Asked<'_>, headers: &SessionHeaders) -> Result<Session, NoSession> {
    let id = headers.session_id.as_ref().ok_or(NoSession::Missing)?;
    let session =
        Session::open(&asked.door.seal, asked.principal, id, Timestamp::now()).ok_or(NoSession::Unknown)?;
    if !session.is_of(asked) {
        return Err(NoSession::Unknown);
    }
    match headers.version {
        Some(version) if Some(version) != session.version() => {
            Err(NoSession::OtherVersion(Malformed::UnsupportedVersion {
                requested: version.as_str().to_owned(),
                supported: session
                    .version()
                    .map(SessionVersion::as_str)
                    .into_iter()
                    .collect(),
            }))
        }
        Some(_) | None => Ok(session),
    }
}

fn id_of<'a>(message: &Message<'a>) -> Option<onedoor_wire::request::RequestId<'a>> {
    match message {
        Message::Request(request) => Some(request.id),
        Message::Notification(_) | Message::Response(_) => None,
    }
}
