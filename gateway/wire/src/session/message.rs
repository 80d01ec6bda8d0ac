//! A client's message in a session: a request, a notification, or a response to what the server asked.

use std::borrow::Cow;

use super::{ClientCapabilities, LogLevel};
use crate::{
    malformed::Malformed,
    request::{ClientInfo, Params, ProgressToken, Refused, Request, RequestId},
};

/// A client's message of any era, read strictly and once by [`read_message`](crate::request::read_message). All text
/// is borrowed from the body where it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// It wants an answer.
    Request(SessionRequest<'a>),
    /// It wants none.
    Notification(Notification<'a>),
    /// It answers a request of the server. Only in a session.
    Response(ClientResponse<'a>),
}

/// A request: a message with an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest<'a> {
    /// The id an answer echoes.
    pub id: RequestId<'a>,
    /// The method.
    pub method: Cow<'a, str>,
    /// Its parameters; empty if there were none.
    pub params: Params<'a>,
}

/// A notification: a message without an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification<'a> {
    /// The method.
    pub method: Cow<'a, str>,
    /// Its parameters; empty if there were none.
    pub params: Params<'a>,
}

/// A client's response to a request of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientResponse<'a> {
    /// The id the client was given with the request.
    pub id: RequestId<'a>,
    /// What it says.
    pub outcome: ClientOutcome<'a>,
}

/// What a client's response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientOutcome<'a> {
    /// The checked text of the result object.
    Result(&'a str),
    /// The checked text of the error object, which has an integer `code` and a string `message`.
    Error(&'a str),
}

/// What `initialize` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initialize<'m> {
    /// The revision the client wants; need not be one we know: the answer then names another.
    pub protocol_version: &'m str,
    /// What the client can do for the server.
    pub capabilities: ClientCapabilities<'m>,
    /// Who the client says it is. For display only: nothing verifies it.
    pub client_info: &'m ClientInfo<'m>,
}

/// A notification of a client as we serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'m> {
    /// `notifications/initialized`
    Initialized,
    /// `notifications/cancelled`: the client gives up a request of its own.
    Cancelled {
        /// That request's id.
        request_id: RequestId<'m>,
        /// Why, in the client's words.
        reason: Option<&'m str>,
    },
    /// `notifications/progress` about a request of the server.
    Progress {
        /// The token the server chose.
        token: ProgressToken<'m>,
        /// The checked text of all of `params`, to be copied.
        params: &'m str,
    },
    /// `notifications/roots/list_changed`
    RootsListChanged,
    /// Any other.
    Other,
}

impl<'a> Message<'a> {
    /// The message as one of revision 2026-07-28.
    ///
    /// # Errors
    /// [`Malformed::Response`]: a client of that revision never sends one.
    pub fn into_stateless(self) -> Result<Request<'a>, Refused<'a>> {
        match self {
            Self::Request(SessionRequest { id, method, params }) => Ok(Request {
                id: Some(id),
                method,
                params,
            }),
            Self::Notification(Notification { method, params }) => Ok(Request {
                id: None,
                method,
                params,
            }),
            Self::Response(ClientResponse { id, .. }) => Err(Refused {
                id: Some(id),
                fault: Malformed::Response,
            }),
        }
    }

    /// Whether it is an `initialize` request.
    #[must_use]
    pub fn is_initialize(&self) -> bool {
        matches!(self, Self::Request(request) if request.method == "initialize")
    }

    /// Whether its `_meta` says which revision it is written in, as only stateless messages do.
    pub(super) fn names_stateless_version(&self) -> bool {
        self.params()
            .is_some_and(|params| params.meta.protocol_version.is_some())
    }

    /// The method; a response has none.
    pub(crate) fn method(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.method),
            Self::Notification(notification) => Some(&notification.method),
            Self::Response(_) => None,
        }
    }

    /// The parameters; a response has none.
    pub(crate) fn params(&self) -> Option<&Params<'a>> {
        match self {
            Self::Request(request) => Some(&request.params),
            Self::Notification(notification) => Some(&notification.params),
            Self::Response(_) => None,
        }
    }
}

impl SessionRequest<'_> {
    /// What the request says if it is an `initialize`.
    ///
    /// # Errors
    /// When a required member is missing or malformed.
    pub fn initialize(&self) -> Result<Initialize<'_>, Malformed> {
        let session = &self.params.session;
        Ok(Initialize {
            protocol_version: session
                .protocol_version
                .as_deref()
                .ok_or(must_be("protocolVersion", "a string"))?,
            capabilities: session
                .capabilities
                .ok_or(must_be("capabilities", "an object of objects"))?,
            client_info: session
                .client_info
                .as_ref()
                .ok_or(must_be("clientInfo", "an object"))?,
        })
    }

    /// The level that `logging/setLevel` asks for.
    ///
    /// # Errors
    /// When it is missing or not one of the eight.
    pub fn log_level(&self) -> Result<LogLevel, Malformed> {
        let level = self.params.session.level.as_deref();
        level
            .and_then(LogLevel::parse)
            .ok_or(must_be("level", "a log level"))
    }
}

impl Notification<'_> {
    /// What the notification says.
    ///
    /// # Errors
    /// When a member it needs is missing or malformed.
    pub fn notice(&self) -> Result<Notice<'_>, Malformed> {
        let session = &self.params.session;
        Ok(match self.method.as_ref() {
            "notifications/initialized" => Notice::Initialized,
            "notifications/roots/list_changed" => Notice::RootsListChanged,
            "notifications/cancelled" => Notice::Cancelled {
                request_id: session
                    .request_id
                    .ok_or(must_be("requestId", "a string or an integer"))?,
                reason: session.reason.as_deref(),
            },
            "notifications/progress" => Notice::Progress {
                token: session
                    .progress_token
                    .ok_or(must_be("progressToken", "a string or an integer"))?,
                params: session.text.unwrap_or("{}"),
            },
            _ => Notice::Other,
        })
    }
}

/// A member that is missing, or of another type.
fn must_be(member: &'static str, expected: &'static str) -> Malformed {
    Malformed::ParamType { member, expected }
}
