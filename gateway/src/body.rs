//! Reading a client's body, within limits of size and time.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use onedoor_wire::{malformed::code, reply};

use crate::refusal::HttpReason;

/// How long a client may take to send its body.
const PATIENCE: Duration = Duration::from_secs(20);

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

impl BodyFault {
    fn reason(self) -> HttpReason {
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
