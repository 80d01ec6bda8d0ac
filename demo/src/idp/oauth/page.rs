//! The page where a person chooses who to be. It needs no script, and the template engine escapes what it shows.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::super::directory::{USERS, User};
use super::client::Registration;
use super::request::{Asked, Untrusted};

/// The pages' style sheet, at `/sign-in.css`.
const STYLE: &str = include_str!("../../../templates/sign-in.css");

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    client: &'a Registration,
    redirect: &'a str,
    scope: String,
    action: &'a str,
    request: &'a str,
    users: &'a [User],
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    why: &'a str,
}

/// The page for a request, kept under the id `request`; its form is sent to `action`.
pub(super) fn sign_in(asked: &Asked, request: &str, action: &str) -> Response {
    let page = SignIn {
        client: &asked.client,
        redirect: asked.redirect.as_str(),
        scope: format!("{}/{}", asked.api.app_id_uri, asked.api.permission),
        action,
        request,
        users: &USERS,
    };
    // A browser holds where a form's answer redirects to against the policy as well.
    shown(
        StatusCode::OK,
        &page,
        &format!("'self' {}", asked.redirect.source()),
    )
}

/// The page that says why there is nothing to choose.
pub(super) fn untrusted(why: &Untrusted) -> Response {
    refused(&why.to_string())
}

/// The page for a form that was sent before, or too late.
pub(super) fn answered_before() -> Response {
    refused("This page was answered before, or has expired.")
}

/// GET `/sign-in.css`
pub(super) async fn style() -> ([(HeaderName, HeaderValue); 1], &'static str) {
    (
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        )],
        STYLE,
    )
}

fn refused(why: &str) -> Response {
    shown(StatusCode::BAD_REQUEST, &Refused { why }, "'none'")
}

/// A page that nobody may frame, run a script on, or keep; its address leaks to nobody.
fn shown(status: StatusCode, page: &impl Template, form_action: &str) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "cannot show a page");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    match HeaderValue::try_from(policy) {
        Ok(policy) => {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        // Unreachable: a source is plain ASCII. Without its policy a page is not shown.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
