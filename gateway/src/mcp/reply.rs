//! Error answers of the MCP endpoint: the one place where a reason becomes bytes.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use onedoor_model::{ids::CallId, manifest::Eras};
use onedoor_wire::{
    malformed::{Malformed, code},
    reply,
    request::RequestId,
    session::versions,
};
use serde_json::json;

use crate::refusal::{Failure, Reason};

/// The JSON-RPC error for a reason. `name` is the tool asked for, told back as it was given.
pub(crate) fn error_body(
    id: Option<RequestId<'_>>,
    reason: Reason,
    call: Option<CallId>,
    name: Option<&str>,
) -> Vec<u8> {
    failure_body(id, &reason.into(), call, name)
}

/// The same for a failure, which may know when to try again.
fn failure_body(
    id: Option<RequestId<'_>>,
    failure: &Failure,
    call: Option<CallId>,
    name: Option<&str>,
) -> Vec<u8> {
    let told = failure.reason.told();
    let mut data = json!({ "reason": told.name, "retry": told.retry });
    if let Some(call) = call {
        data["callId"] = json!(call);
    }
    if let Some(after) = failure.retry_after {
        data["retryAfterMs"] = json!(after.as_millis().saturating_add(1));
    }
    match name {
        Some(name) if told.code == code::INVALID_PARAMS => {
            reply::error(id, told.code, &format!("{}: {name}", told.message), Some(&data))
        }
        Some(_) | None => reply::error(id, told.code, told.message, Some(&data)),
    }
}

/// An answer for a known caller.
pub(super) fn refused(id: RequestId<'_>, failure: &Failure, call: CallId, name: Option<&str>) -> Response {
    json_response(
        failure.reason.http_status(),
        failure_body(Some(id), failure, Some(call), name),
    )
}

/// An answer to a client whose era the server does not speak: says which it does.
pub(super) fn other_era(id: RequestId<'_>, eras: Eras, call: CallId, status: StatusCode) -> Response {
    let told = Reason::EraNotSupported.told();
    let data = json!({
        "reason": told.name, "retry": told.retry, "callId": call,
        "supported": versions(eras.stateless, eras.session),
    });
    json_response(
        status,
        reply::error(Some(id), told.code, told.message, Some(&data)),
    )
}

/// An answer to a message that is not a request this revision has.
pub(super) fn malformed(id: Option<RequestId<'_>>, fault: &Malformed) -> Response {
    let data = fault.data();
    json_response(
        fault.http_status(),
        reply::error(id, fault.code(), &fault.to_string(), data.as_ref()),
    )
}

/// An answer to a method that is not served (MCP 2026-07-28: HTTP 404).
pub(super) fn method_not_found(id: RequestId<'_>, method: &str) -> Response {
    let body = reply::error(
        Some(id),
        code::METHOD_NOT_FOUND,
        "Method not found",
        Some(&json!(method)),
    );
    json_response(StatusCode::NOT_FOUND, body)
}

/// A JSON answer.
pub(super) fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
