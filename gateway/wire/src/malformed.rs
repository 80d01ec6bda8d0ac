//! Why a client's message is refused before anyone asks what it wants, and how that is told: in every era alike.

use thiserror::Error;

use crate::json::JsonError;

/// JSON-RPC error codes this revision defines (MCP 2026-07-28, "Error Codes").
pub mod code {
    /// The body is not JSON we read.
    pub const PARSE_ERROR: i64 = -32700;
    /// The body is not a JSON-RPC request or notification.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The method is unknown or removed; told with HTTP 404.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// A member of `params` is missing or of the wrong type; also an unknown tool.
    pub const INVALID_PARAMS: i64 = -32602;
    /// Something failed on our side.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// MCP headers are missing, unreadable, repeated, or disagree with the body.
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The request needs a capability the client did not declare.
    pub const MISSING_CLIENT_CAPABILITY: i64 = -32021;
    /// The revision is not one we speak.
    pub const UNSUPPORTED_VERSION: i64 = -32022;
}

/// A fault of the client's message. The client's fault; the same message will fail again.
///
/// `Display` is the JSON-RPC error message: of what the client sent it repeats header names only.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Not JSON we read.
    #[error("Parse error: {0}")]
    Json(JsonError),
    /// An array: batching was removed in 2025-06-18.
    #[error("Invalid request: batches are not supported")]
    Batch,
    /// Neither an object nor an array.
    #[error("Invalid request: the message must be a JSON object")]
    NotAnObject,
    /// A key that differs from a known one only by case: another reader might take it for that one.
    #[error("Invalid request: a key differs from '{0}' only by case")]
    LookAlikeKey(&'static str),
    /// `jsonrpc` is missing or not `"2.0"`.
    #[error("Invalid request: 'jsonrpc' must be \"2.0\"")]
    Jsonrpc,
    /// `id` is neither a string nor an integer.
    #[error("Invalid request: 'id' must be a string or an integer")]
    Id,
    /// `method` is missing or not a string.
    #[error("Invalid request: 'method' must be a string")]
    Method,
    /// `params` is not an object.
    #[error("Invalid request: 'params' must be an object")]
    Params,
    /// A response where none may be (a client of 2026-07-28 never sends one), mixed with a request, or malformed.
    #[error("Invalid request: 'result' or 'error' is misplaced or malformed")]
    Response,
    /// A member of `params` has the wrong type.
    #[error("Invalid params: '{member}' must be {expected}")]
    ParamType {
        /// The member, from the top of `params`.
        member: &'static str,
        /// What it must be, with its article.
        expected: &'static str,
    },
    /// A member of `params` that the method requires is missing.
    #[error("Invalid params: '{0}' is required")]
    ParamMissing(&'static str),
    /// A required `_meta` member is missing.
    #[error("Invalid params: '_meta' must carry '{0}'")]
    MetaMissing(&'static str),
    /// A required header is missing.
    #[error("Header mismatch: {0} is required")]
    HeaderMissing(String),
    /// An MCP header stands there more than once.
    #[error("Header mismatch: {0} is repeated")]
    HeaderRepeated(String),
    /// An MCP header's value has characters it must not have, or is not the Base64 it claims to be.
    #[error("Header mismatch: {0} is unreadable")]
    HeaderUnreadable(String),
    /// A header says something else than the body.
    #[error("Header mismatch: {0} does not match the body")]
    HeaderDisagrees(String),
    /// A revision the endpoint does not have.
    #[error("Unsupported protocol version")]
    UnsupportedVersion {
        /// What the client asked for.
        requested: String,
        /// What the endpoint has ([`crate::session::versions`]).
        supported: Vec<&'static str>,
    },
    /// `Content-Type` is not `application/json` in UTF-8.
    #[error("Content-Type must be application/json")]
    ContentType,
    /// A `Content-Encoding`: what was checked and what is read would not be the same bytes.
    #[error("Content-Encoding is not supported")]
    ContentEncoding,
    /// `Accept` does not list the forms an answer may take: for a GET, only a stream.
    #[error("Accept must list application/json (except for a GET) and text/event-stream")]
    NotAcceptable,
}

impl Malformed {
    /// The HTTP status to answer with.
    #[must_use]
    pub fn http_status(&self) -> http::StatusCode {
        match self {
            Self::ContentType | Self::ContentEncoding => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable => http::StatusCode::NOT_ACCEPTABLE,
            Self::Json(_)
            | Self::Batch
            | Self::NotAnObject
            | Self::LookAlikeKey(_)
            | Self::Jsonrpc
            | Self::Id
            | Self::Method
            | Self::Params
            | Self::Response
            | Self::ParamType { .. }
            | Self::ParamMissing(_)
            | Self::MetaMissing(_)
            | Self::HeaderMissing(_)
            | Self::HeaderRepeated(_)
            | Self::HeaderUnreadable(_)
            | Self::HeaderDisagrees(_)
            | Self::UnsupportedVersion { .. } => http::StatusCode::BAD_REQUEST,
        }
    }

    /// The JSON-RPC error code to answer with.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self {
            Self::Json(_) => code::PARSE_ERROR,
            Self::Batch
            | Self::NotAnObject
            | Self::LookAlikeKey(_)
            | Self::Jsonrpc
            | Self::Id
            | Self::Method
            | Self::Params
            | Self::Response
            | Self::ContentType
            | Self::ContentEncoding
            | Self::NotAcceptable => code::INVALID_REQUEST,
            Self::ParamType { .. } | Self::ParamMissing(_) | Self::MetaMissing(_) => code::INVALID_PARAMS,
            Self::HeaderMissing(_)
            | Self::HeaderRepeated(_)
            | Self::HeaderUnreadable(_)
            | Self::HeaderDisagrees(_) => code::HEADER_MISMATCH,
            Self::UnsupportedVersion { .. } => code::UNSUPPORTED_VERSION,
        }
    }

    /// The JSON-RPC error's `data`, where the specification asks for one.
    #[must_use]
    pub fn data(&self) -> Option<serde_json::Value> {
        if let Self::UnsupportedVersion { requested, supported } = self {
            Some(serde_json::json!({ "supported": supported, "requested": requested }))
        } else {
            None
        }
    }
}

impl From<JsonError> for Malformed {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}
