//! What an upstream sends in a session, message by message: is it part of it?

use thiserror::Error;

use super::{Declared, IdSlot, ServerRequest};
use crate::{
    answer::{AnswerFault, Call, Response, Sent},
    request::{ProgressToken, RequestId},
};

/// What may come on a stream of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwaitedInSession<'a> {
    /// The id of the request whose response is awaited; `None` on the GET stream, which carries none.
    pub id: Option<RequestId<'a>>,
    /// The progress token that was sent with it, if any.
    pub progress_token: Option<ProgressToken<'a>>,
    /// What the client lets the server ask.
    pub declared: Declared,
}

/// What becomes of one message of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionPassage<'a> {
    /// Send it on, byte for byte except where it says so.
    Pass(SessionAnswer<'a>),
    /// Leave it out and go on reading.
    Drop(SessionDrop),
    /// Leave it out, tell the server that there is no such method (−32601), and go on reading.
    Refuse {
        /// The id of the server's request.
        id: RequestId<'a>,
    },
    /// End the stream: the upstream broke the protocol.
    Fault(AnswerFault),
}

/// A message that belongs to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAnswer<'a> {
    /// The final response to the awaited request: nothing of use can follow.
    Response(Response<'a>),
    /// `notifications/progress` with the token that was sent.
    Progress,
    /// `notifications/message`
    LogMessage,
    /// `notifications/elicitation/complete`
    ElicitationComplete,
    /// A request to the client, which is to get another id ([`IdSlot::with_id`]): the client's response must lead
    /// back to this upstream and this id.
    Request {
        /// Which one.
        request: ServerRequest,
        /// The id, and where it stands.
        id: IdSlot<'a>,
    },
    /// `notifications/cancelled`: the server gives up a request of its own, which the client knows under another id.
    Cancelled {
        /// That id, and where it stands.
        request_id: IdSlot<'a>,
    },
}

/// Why a message is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SessionDrop {
    /// Progress under no token of this request.
    #[error("progress was not asked for")]
    ForeignProgress,
    /// A list changed: ours come from the registry.
    #[error("lists come from the registry")]
    ListChanged,
    /// Any other notification, or one without what it needs.
    #[error("notification is not passed on")]
    OtherNotification,
}

/// Decides what becomes of one message of an upstream: on the stream that answers a POST, on one that was resumed, or
/// on the GET stream.
#[must_use]
pub fn read_session_answer<'a>(message: &'a [u8], awaited: &AwaitedInSession<'_>) -> SessionPassage<'a> {
    let response = match Sent::read(message) {
        Ok(Sent::Call(call)) => {
            return match call.id {
                Some(id) => request(&call.method, id.slot(message), awaited.declared),
                None => notification(&call, message, awaited),
            };
        }
        Ok(Sent::Response(response)) => response,
        Err(fault) => return SessionPassage::Fault(fault),
    };
    match response.to(awaited.id) {
        Ok(response) => SessionPassage::Pass(SessionAnswer::Response(response)),
        Err(fault) => SessionPassage::Fault(fault),
    }
}

/// What the table of requests does not have, and what the client did not declare, does not exist for the server.
fn request<'a>(method: &str, id: Option<IdSlot<'a>>, declared: Declared) -> SessionPassage<'a> {
    let Some(id) = id else {
        return SessionPassage::Fault(AnswerFault::Member("id"));
    };
    match ServerRequest::named(method).filter(|request| request.is_allowed(declared)) {
        Some(request) => SessionPassage::Pass(SessionAnswer::Request { request, id }),
        None => SessionPassage::Refuse { id: id.id() },
    }
}

fn notification<'a>(
    call: &Call<'a>,
    message: &'a [u8],
    awaited: &AwaitedInSession<'_>,
) -> SessionPassage<'a> {
    let passed = match call.method.as_ref() {
        "notifications/progress" => match awaited.progress_token {
            Some(token) if call.is_under(token) => SessionAnswer::Progress,
            Some(_) | None => return SessionPassage::Drop(SessionDrop::ForeignProgress),
        },
        "notifications/message" => SessionAnswer::LogMessage,
        "notifications/elicitation/complete" if awaited.declared.elicitation => {
            SessionAnswer::ElicitationComplete
        }
        "notifications/cancelled" => match call.params.request_id.and_then(|id| id.slot(message)) {
            Some(request_id) => SessionAnswer::Cancelled { request_id },
            None => return SessionPassage::Drop(SessionDrop::OtherNotification),
        },
        "notifications/tools/list_changed"
        | "notifications/prompts/list_changed"
        | "notifications/resources/list_changed" => {
            return SessionPassage::Drop(SessionDrop::ListChanged);
        }
        _ => return SessionPassage::Drop(SessionDrop::OtherNotification),
    };
    SessionPassage::Pass(passed)
}
