//! Answers that only sessions have.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use onedoor_wire::{malformed::code, reply, request::RequestId, session::SessionId};
use serde_json::json;

use crate::{
    challenge, http_tools,
    mcp::{asked::Asked, reply as answers},
    refusal::Failure,
};

use super::NoSession;

/// A request without a session it could be of. Clients open another session on 404 (MCP 2025-11-25, "Session Management").
pub(super) fn no_session(id: Option<RequestId<'_>>, refusal: NoSession) -> Response {
    let (status, message, reason) = match refusal {
        NoSession::Missing => (
            StatusCode::BAD_REQUEST,
            "Bad Request: no session id",
            "no_session",
        ),
        NoSession::Unknown => (StatusCode::NOT_FOUND, "Session not found", "unknown_session"),
        NoSession::OtherVersion(fault) => return answers::malformed(id, &fault),
    };
    let data = json!({ "reason": reason, "retry": false });
    answers::json_response(
        status,
        reply::error(id, code::INVALID_REQUEST, message, Some(&data)),
    )
}

/// A message that was taken and wants no answer.
pub(super) fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}

/// A response to nothing that was asked in this session.
pub(super) fn not_asked() -> Response {
    let data = json!({ "reason": "not_asked", "retry": false });
    let body = reply::error(
        None,
        code::INVALID_REQUEST,
        "No request of this id waits for a response in this session",
        Some(&data),
    );
    answers::json_response(StatusCode::BAD_REQUEST, body)
}

/// What is no request and could not be passed on to the server: no JSON-RPC answer belongs to it, so that its status has to say it.
pub(super) fn not_told(asked: &Asked<'_>, failure: &Failure) -> Response {
    let mut response = answers::json_response(
        http_tools::status(failure.reason),
        answers::error_body(None, failure.reason, Some(asked.call), None),
    );
    let metadata = asked.door.resource_metadata(asked.headers, asked.scope.path());
    challenge::add(&mut response, failure, &metadata);
    response
}

/// Names the session that was opened.
pub(super) fn with_session(mut response: Response, id: &SessionId) -> Response {
    response.headers_mut().insert(SESSION_ID_NAME, id.to_header());
    response
}

const SESSION_ID_NAME: http::HeaderName = http::HeaderName::from_static("mcp-session-id");

#[cfg(test)]
mod tests {
    use onedoor_wire::session::SESSION_ID;

    use super::*;

    #[test]
    fn the_header_is_the_protocols() {
        assert!(SESSION_ID.eq_ignore_ascii_case(SESSION_ID_NAME.as_str()));
    }

    #[tokio::test]
    async fn each_answer_is_as_documented() {
        let document = include_str!("../../../../docs/errors.md");
        for answer in [
            no_session(None, NoSession::Missing),
            no_session(None, NoSession::Unknown),
            not_asked(),
        ] {
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
            let error = &serde_json::from_slice::<serde_json::Value>(&body).unwrap()["error"];
            let reason = error["data"]["reason"].as_str().unwrap();
            let row = format!("| `{reason}` | {status} | {} | ", error["code"]);
            assert!(document.contains(&row), "{row}");
        }
    }
}
