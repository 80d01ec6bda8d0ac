//! What an upstream sends back, message by message: is it the answer to the request that was made?
//!
//! Nothing passes that was not asked for (design.md, "Serving a call", step 4). What passes, passes as the bytes it is.

mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use thiserror::Error;

pub use read::read_answer;
pub(crate) use read::{Call, Sent};

use crate::{
    json::JsonError,
    request::{ProgressToken, RequestId},
};

/// The request whose answer is awaited.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    /// The id that was sent.
    pub id: RequestId<'a>,
    /// The progress token that was sent, if any.
    pub progress_token: Option<ProgressToken<'a>>,
}

/// What becomes of one message of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage<'a> {
    /// Send it on, byte for byte.
    Pass(Answer<'a>),
    /// Leave it out and go on reading.
    Drop(DropReason),
    /// End the call: the upstream broke the protocol, or wants what we do not grant.
    Fault(AnswerFault),
}

/// A message that answers the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The final response: nothing of use can follow.
    Response(Response<'a>),
    /// `notifications/progress` with the token that was sent.
    Progress,
}

/// A response to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response<'a> {
    /// It worked, as far as the protocol goes; `resultType` is `complete`, or absent, which means the same.
    Result {
        /// `isError`: the tool itself failed.
        is_error: bool,
        /// The text of the result object, checked.
        result: &'a str,
    },
    /// It did not.
    Error {
        /// The JSON-RPC error code.
        code: i64,
        /// The upstream's words; not ours to trust.
        message: Cow<'a, str>,
    },
}

/// Why a message is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DropReason {
    /// Progress, and the request carried no token.
    #[error("progress was not asked for")]
    ProgressNotAsked,
    /// Progress under another token.
    #[error("progress for another request")]
    ForeignProgress,
    /// `notifications/message`: the request carries no `logLevel`, so none may be sent.
    #[error("log message was not asked for")]
    LogNotAsked,
    /// Any other notification.
    #[error("notification was not asked for")]
    OtherNotification,
}

/// What an upstream did wrong. The upstream's fault; whether a retry is safe depends on the tool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerFault {
    /// Not JSON we read.
    #[error("unreadable answer")]
    Json(#[from] JsonError),
    /// Not a JSON-RPC 2.0 object: an array, another value, or a wrong or missing `jsonrpc`.
    #[error("not a JSON-RPC message")]
    NotJsonRpc,
    /// A key that differs from a known one only by case.
    #[error("a key differs from '{0}' only by case")]
    LookAlikeKey(&'static str),
    /// A request of its own: this revision has none from server to client.
    #[error("the server sent a request")]
    ServerRequest,
    /// A response with another id.
    #[error("response to another request")]
    ForeignId,
    /// An error without id: the upstream could not read our request.
    #[error("error {code} without an id")]
    ErrorWithoutId {
        /// The JSON-RPC error code.
        code: i64,
    },
    /// `resultType` is `input_required`: no capability for it was declared.
    #[error("the server asks for input")]
    InputRequired,
    /// A `resultType` we do not know is invalid (MCP 2026-07-28, "Result Responses").
    #[error("unknown result type")]
    UnknownResultType,
    /// A member of the message is missing or has the wrong type.
    #[error("'{0}' is missing or malformed")]
    Member(&'static str),
    /// It chose a revision we do not speak.
    #[error("the server chose an unsupported protocol version")]
    UnsupportedVersion,
    /// Its session id is repeated, longer than we read, or not visible ASCII.
    #[error("malformed session id")]
    SessionId,
}
