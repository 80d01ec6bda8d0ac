//! Reading a client's body, within limits of size and time.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, header::EXPECT};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use onedoor_wire::{malformed::code, reply};

use crate::refusal::HttpReason;

/// How long a client may take to send its body.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body that is read although nobody wants it, in bytes, at most.
const SMALL: u64 = 64 << 10;

/// How long such a body may take to come.
const SMALL_PATIENCE: Duration = Duration::from_secs(5);

/// A body that was not read. The client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    /// More bytes than the limit.
    #[error("The body is larger than {0} bytes")]
    TooLarge(u64),
    /// Not all of it came in time.
    #[error("The body did not come in time")]
    TooSlow,
    /// The connection broke, or the body was not what its headers announced.
    #[error("The body is incomplete")]
    Broken,
}

/// Reads a whole body.
pub(crate) async fn read_body(body: Body, limit: u64) -> Result<Bytes, BodyFault> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    match tokio::time::timeout(PATIENCE, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge(limit)),
        Ok(Err(_)) => Err(BodyFault::Broken),
        Err(_) => Err(BodyFault::TooSlow),
    }
}

/// Takes a small body off the wire before its request is refused. Left there, it ends the connection, and the client's next
/// request with it: every client that learns by a 401 how to sign in would now and then fail to.
pub(crate) async fn discard(headers: &HeaderMap, body: Body) {
    let is_small = body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL);
    if is_small && !headers.contains_key(EXPECT) {
        let _ = tokio::time::timeout(SMALL_PATIENCE, body.collect()).await;
    }
}

impl BodyFault {
    /// The reason it is told by.
    pub(crate) fn reason(self) -> HttpReason {
        match self {
            Self::TooLarge(_) => HttpReason::BodyTooLarge,
            Self::TooSlow => HttpReason::BodyTooSlow,
            Self::Broken => HttpReason::BodyIncomplete,
        }
    }
}

impl IntoResponse for BodyFault {
    fn into_response(self) -> Response {
        let reason = self.reason();
        let data = serde_json::json!({ "reason": reason.name() });
        let body = reply::error(None, code::INVALID_REQUEST, &self.to_string(), Some(&data));
        (
            reason.status(),
            [(http::header::CONTENT_TYPE, "application/json")],
            body,
        )
            .into_response()
    }
}
