//! A client's JSON-RPC message, of any era, read strictly and once: one request, one notification, or, in a session,
//! one response.

mod envelope;
mod id;
mod lookalike;
mod params;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use lookalike::look_alike;
pub(crate) use params::SessionParams;

pub use envelope::{read_message, read_request};
pub use id::{ProgressToken, RequestId};

use crate::malformed::Malformed;

/// How much of a message is read. The size of the body is limited before it gets here.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting of objects and arrays.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: crate::json::MAX_DEPTH,
        }
    }
}

/// A message that was refused, with what an answer to it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The message's id, if it had been read and was a good one: an error answer must echo it.
    pub id: Option<RequestId<'a>>,
    /// Why.
    pub fault: Malformed,
}

/// A request, or, without an id, a notification. All text is borrowed from the body where it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The id an answer echoes; `None` for a notification.
    pub id: Option<RequestId<'a>>,
    /// The method.
    pub method: Cow<'a, str>,
    /// Its parameters; empty if there were none.
    pub params: Params<'a>,
}

/// The members of `params` we know. Others are checked and forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params<'a> {
    /// `name`: always there for `tools/call` and `prompts/get`.
    pub name: Option<Cow<'a, str>>,
    /// `uri`: always there for `resources/read`.
    pub uri: Option<Cow<'a, str>>,
    /// `cursor` of a list.
    pub cursor: Option<Cow<'a, str>>,
    /// `arguments`: the text of a JSON object, checked, exactly as sent.
    pub arguments: Option<&'a str>,
    /// Whether `requestState` or `inputResponses` is there: the message is a retry with input (MRTR).
    pub is_retry: bool,
    /// `_meta`.
    pub meta: Meta<'a>,
    /// What methods of the session revisions have.
    pub(crate) session: SessionParams<'a>,
}

/// The members of `params._meta`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The revision the message is written in; required on requests.
    pub protocol_version: Option<Cow<'a, str>>,
    /// Whether the client declared its capabilities (an object); required on requests.
    pub has_client_capabilities: bool,
    /// Who the client says it is. For display only: nothing verifies it.
    pub client_info: ClientInfo<'a>,
    /// The least severe log level the client wants to hear.
    pub log_level: Option<Cow<'a, str>>,
    /// The token under which the client wants to hear of progress.
    pub progress_token: Option<ProgressToken<'a>>,
    /// W3C `traceparent`, unread: see [`crate::trace`].
    pub traceparent: Option<Cow<'a, str>>,
    /// W3C `tracestate`, unread.
    pub tracestate: Option<Cow<'a, str>>,
    /// All members not named above (nor `baggage`): unescaped key and checked value text, in order.
    pub other: Vec<(Cow<'a, str>, &'a str)>,
}

/// What a client says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo<'a> {
    /// Name, for display only.
    pub name: Option<Cow<'a, str>>,
    /// Version, for display only.
    pub version: Option<Cow<'a, str>>,
}

impl Request<'_> {
    /// Whether the sender expects no answer.
    #[must_use]
    pub fn is_notification(&self) -> bool {
        self.id.is_none()
    }

    /// What the `Mcp-Name` header mirrors for this method (MCP 2026-07-28, "Standard Request Headers").
    #[must_use]
    pub fn mirrored_name(&self) -> Option<&str> {
        mirrored_name(&self.method, &self.params)
    }
}

/// What the `Mcp-Name` header mirrors in a message with this method.
pub(crate) fn mirrored_name<'p>(method: &str, params: &'p Params<'_>) -> Option<&'p str> {
    match method {
        "tools/call" | "prompts/get" => params.name.as_deref(),
        "resources/read" => params.uri.as_deref(),
        _ => None,
    }
}
