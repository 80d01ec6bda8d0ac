//! Answers that come whole, as JSON.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use onedoor_connect::PooledBody;
use onedoor_model::{
    audit::{Outcome, UpstreamFault},
    registry::Limits,
};
use onedoor_wire::{
    answer::{Answer, Awaited, Passage, Response as McpResponse, read_answer},
    request::{ProgressToken, Request, RequestId},
};

use crate::refusal::Reason;

use super::{
    Call,
    forward::{end, fail},
    watch::Watch,
};

/// The request whose answer is awaited, kept beyond the client's body.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    id: String,
    progress_token: Option<String>,
}

impl Expected {
    pub(super) fn new(id: RequestId<'_>, request: &Request<'_>) -> Self {
        Self {
            id: id.as_raw().to_owned(),
            progress_token: request
                .params
                .meta
                .progress_token
                .map(|token| token.as_raw().to_owned()),
        }
    }

    /// The id, to be echoed.
    pub(super) fn id(&self) -> Option<RequestId<'_>> {
        RequestId::parse(&self.id)
    }

    /// What becomes of one message of the upstream.
    pub(super) fn read<'m>(&self, message: &'m [u8]) -> Option<Passage<'m>> {
        let progress_token = self.progress_token.as_deref().and_then(ProgressToken::parse);
        Some(read_answer(
            message,
            &Awaited {
                id: self.id()?,
                progress_token,
            },
        ))
    }
}

/// Reads the whole answer, checks it, and passes on its bytes.
pub(super) async fn respond(
    mut call: Call,
    mut watch: Watch,
    status: StatusCode,
    body: PooledBody,
    expected: &Expected,
    limits: &Limits,
) -> Result<Response, Reason> {
    let limit = usize::try_from(limits.answer_bytes).unwrap_or(usize::MAX);
    let collected = tokio::select! {
        biased;
        collected = Limited::new(body, limit).collect() => collected,
        cut = watch.cut() => return Err(end(call, cut)),
    };
    if let Err(cut) = watch.leave().await {
        return Err(end(call, cut));
    }
    let bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(fail(call, UpstreamFault::TooLarge)),
        Err(_) => return Err(fail(call, UpstreamFault::Protocol)),
    };
    let response = match expected.read(&bytes) {
        Some(Passage::Pass(Answer::Response(response))) => response,
        Some(Passage::Pass(Answer::Progress) | Passage::Drop(_) | Passage::Fault(_)) | None => {
            return Err(fail(call, UpstreamFault::Protocol));
        }
    };
    let outcome = match (&response, status) {
        (McpResponse::Result { .. }, status) if status != StatusCode::OK => {
            return Err(fail(call, UpstreamFault::Status));
        }
        (response, _) => outcome(response),
    };
    call.answer_size = bytes.len() as u64;
    call.finish(outcome);
    Ok(json(bytes))
}

/// The outcome that a response means.
pub(crate) fn outcome(response: &McpResponse<'_>) -> Outcome {
    match response {
        McpResponse::Result { is_error: false, .. } => Outcome::Succeeded,
        McpResponse::Result { is_error: true, .. } | McpResponse::Error { .. } => Outcome::ToolError,
    }
}

pub(crate) fn json(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
