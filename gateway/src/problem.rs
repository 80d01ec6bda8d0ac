//! Refusals outside MCP: problem details (RFC 9457).

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

/// An answer with the members that all problems have, and more of this one's own. `reason` is also the end of `type`.
pub(crate) fn problem(
    status: StatusCode,
    reason: &str,
    title: &str,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Response {
    let mut body = Map::from_iter([
        (
            "type".to_owned(),
            json!(format!("https://onedoor.dev/problems/{reason}")),
        ),
        ("title".to_owned(), json!(title)),
        ("status".to_owned(), json!(status.as_u16())),
        ("reason".to_owned(), json!(reason)),
    ]);
    body.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let content_type = [(CONTENT_TYPE, "application/problem+json")];
    (status, content_type, Value::Object(body).to_string()).into_response()
}
