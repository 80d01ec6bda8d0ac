//! How a request without a good token is answered (RFC 6750 §3, RFC 9728 §5.1, MCP authorization).

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use onedoor_authn::{AuthnFault, TokenFault};
use serde_json::json;

use crate::refusal::{Failure, Reason};

/// Nobody is known to call.
#[derive(Debug)]
pub(crate) struct Unauthenticated {
    pub(crate) fault: AuthnFault,
    /// Scopes that a token for the door needs, separated by spaces.
    pub(crate) scope: String,
}

impl Unauthenticated {
    /// The answer, with a challenge that leads to the metadata of the resource asked for.
    pub(crate) fn respond(self, resource_metadata: &str) -> Response {
        let Self { fault, scope } = self;
        let status = fault.http_status();
        let mut body = json!({
            "error": fault.oauth_error().unwrap_or("unauthorized"),
            "error_description": fault.to_string(),
            "reason": fault.reason(),
        });
        if let AuthnFault::Token(TokenFault::GroupOverage) = fault {
            body["hint"] = json!(
                "the user is in more groups than a token lists: assign app roles, or have the identity provider send only the \
                 groups assigned to the application"
            );
        }
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let challenge = challenge(&fault, &scope, resource_metadata);
            if let Ok(value) = HeaderValue::try_from(challenge) {
                headers.insert(WWW_AUTHENTICATE, value);
            }
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// Adds what a client needs to do better next time: the challenge that a new sign-in must meet, or when to try again.
pub(crate) fn add(response: &mut Response, failure: &Failure, resource_metadata: &str) {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        // As Microsoft's clients know it ("Claims challenges, claims requests and client capabilities").
        let error = if failure.reason == Reason::InteractionRequired {
            "insufficient_claims"
        } else {
            "invalid_token"
        };
        let claims = failure.claims.as_ref().map(|claims| STANDARD.encode(claims));
        let claims = claims.map_or_else(String::new, |claims| format!("claims=\"{claims}\", "));
        let challenge =
            format!("Bearer error=\"{error}\", {claims}resource_metadata=\"{resource_metadata}\"");
        if let Ok(value) = HeaderValue::try_from(challenge) {
            headers.insert(WWW_AUTHENTICATE, value);
        }
    }
    if let Some(after) = failure.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds(after)));
    }
}

/// `Retry-After` has whole seconds (RFC 9110 §10.2.3): never too early.
fn seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

/// Every part is a quoted string without quotes or backslashes in it: our own words, scopes (RFC 6749 §3.3), and a URL.
fn challenge(fault: &AuthnFault, scope: &str, resource_metadata: &str) -> String {
    let mut parts = Vec::new();
    if let Some(error) = fault.oauth_error() {
        parts.push(format!("error=\"{error}\""));
        parts.push(format!("error_description=\"{fault}\""));
    }
    if !scope.is_empty() {
        parts.push(format!("scope=\"{scope}\""));
    }
    parts.push(format!("resource_metadata=\"{resource_metadata}\""));
    format!("Bearer {}", parts.join(", "))
}
