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

use crate::refusal::Reason;

/// The JSON-RPC error for a reason. `name` is the tool asked for, told back as it was given.
pub(crate) fn error_body(
    id: Option<RequestId<'_>>,
    reason: Reason,
    call: Option<CallId>,
    name: Option<&str>,
) -> Vec<u8> {
    let told = reason.told();
    let data = match call {
        Some(call) => json!({ "reason": told.name, "retry": told.retry, "callId": call }),
        None => json!({ "reason": told.name, "retry": told.retry }),
    };
    match name {
        Some(name) if told.code == code::INVALID_PARAMS => {
            reply::error(id, told.code, &format!("{}: {name}", told.message), Some(&data))
        }
        Some(_) | None => reply::error(id, told.code, told.message, Some(&data)),
    }
}

/// An answer for a known caller.
pub(super) fn refused(id: RequestId<'_>, reason: Reason, call: CallId, name: Option<&str>) -> Response {
    json_response(
        reason.http_status(),
        error_body(Some(id), reason, Some(call), name),
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
