//! How a refusal looks: a problem (RFC 9457). The one place that renders them.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use onedoor_model::registry::{Conflict, Touch};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{refusal::Refusal, view::TouchView};

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// The `type` of a problem, but for its reason.
const TYPE: &str = "https://onedoor.dev/problems/";

/// Why a request was refused (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// `https://onedoor.dev/problems/` and the reason.
    pub r#type: String,
    /// The reason in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in words.
    pub detail: String,
    /// What programs tell problems apart by.
    pub reason: String,
    /// What is wrong with the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FaultView>,
    /// The registry's revision when it was refused; of what is gone, the revision at which it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The version that `If-Match` must name now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u64>,
    /// The change that won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub won: Option<TouchView>,
}

/// One thing that is wrong with the input.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultView {
    /// The value at fault: a JSON pointer (RFC 6901) into the body, `?name` in the query, or a header's name.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: String,
}

/// The answer to a request that is refused. What is not the caller's fault is logged here, once.
pub(crate) fn render(refusal: &Refusal) -> Response {
    let status = refusal.status();
    if status.is_server_error() {
        tracing::error!(
            error = refusal as &dyn std::error::Error,
            reason = refusal.code(),
            "an admin request failed"
        );
    }
    let problem = Problem::of(refusal);
    // A problem is plain data: it can always be written.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Refusal::Authn { challenge, .. } = refusal
        && !status.is_server_error()
    {
        headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl Problem {
    fn of(refusal: &Refusal) -> Self {
        let errors = refusal.faults().into_iter();
        Self {
            r#type: format!("{TYPE}{}", refusal.code()),
            title: refusal.title().to_owned(),
            status: refusal.status().as_u16(),
            detail: refusal.to_string(),
            reason: refusal.code().to_owned(),
            errors: errors
                .map(|fault| FaultView {
                    pointer: fault.pointer,
                    message: fault.message,
                    hint: fault.hint,
                })
                .collect(),
            revision: revision(refusal),
            current_version: refusal.current_version().map(|version| version.0),
            won: won(refusal).map(TouchView::of),
        }
    }
}

fn revision(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::Conflict { revision, .. }
        | Refusal::Gone { revision }
        | Refusal::Behind {
            reached: revision, ..
        } => Some(revision.0),
        Refusal::Authn { .. }
        | Refusal::Blocked
        | Refusal::Forbidden { .. }
        | Refusal::NotOwner { .. }
        | Refusal::NotFound(_)
        | Refusal::MethodNotAllowed
        | Refusal::Request(_)
        | Refusal::Body(_)
        | Refusal::Manifest(_)
        | Refusal::TooLarge { .. }
        | Refusal::Slow
        | Refusal::Broken(_)
        | Refusal::PreconditionRequired
        | Refusal::Log(_)
        | Refusal::Held
        | Refusal::Stopped(_)
        | Refusal::Projection(_)
        | Refusal::Internal(_) => None,
    }
}

/// What won is told where something did.
fn won(refusal: &Refusal) -> Option<&Touch> {
    let Refusal::Conflict {
        conflict: Conflict::VersionPassed { .. } | Conflict::Exists(_),
        won,
        ..
    } = refusal
    else {
        return None;
    };
    won.as_deref()
}
