//! The endpoints of sign-in over HTTP. The clock is read here.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::json;
use tower_http::cors::{Any, CorsLayer};
use uuid::Uuid;

use super::super::Idp;
use super::super::directory::User;
use super::super::endpoints::TokenVersion;
use super::super::http::{answer, uncached};
use super::super::refusal::Refusal;
use super::client::{ClientMetadata, Registration, UnfitClient};
use super::page;
use super::redirect::RedirectUri;
use super::request::{self, Asked, Declined, Query, Untrusted};

/// A body, in bytes, at most.
const LONGEST: usize = 32 * 1024;

/// What the routes of sign-in are.
pub(in super::super) fn router() -> Router<Idp> {
    let register = post(register).layer(CorsLayer::new().allow_origin(Any).allow_headers(Any));
    Router::new()
        .route("/sign-in.css", get(page::style))
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize).post(choose))
        .route("/{tenant}/oauth2/v2.0/register", register)
        .layer(DefaultBodyLimit::max(LONGEST))
}

/// GET: shows the page where a user is chosen.
async fn authorize(
    State(idp): State<Idp>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = idp.check_tenant(&tenant) {
        return answer(&refusal, &headers);
    }
    match asked(&idp, query.unwrap_or_default().as_bytes()).await {
        Ok(Ok(asked)) => {
            let id = idp.oauth().sessions.lock().ask(asked.clone(), Timestamp::now());
            page::sign_in(&asked, &id, &idp.endpoints().authorization_endpoint())
        }
        Ok(Err(Answer {
            redirect,
            state,
            declined,
        })) => decline(&idp, &redirect, state.as_deref(), declined),
        Err(untrusted) => {
            tracing::info!(reason = untrusted.to_string(), "sign-in refused");
            page::untrusted(&untrusted)
        }
    }
}

/// A request that is declined towards its client.
struct Answer {
    redirect: RedirectUri,
    state: Option<String>,
    declined: Declined,
}

async fn asked(idp: &Idp, query: &[u8]) -> Result<Result<Asked, Answer>, Untrusted> {
    let query = Query::parse(query)?;
    let client = idp.oauth().client(query.required("client_id")?).await?;
    let redirect = request::redirect(&query, &client)?;
    let asked = request::judge(&query, client, redirect.clone(), &idp.oauth().doors, idp.apis());
    Ok(asked.map_err(|declined| Answer {
        redirect,
        state: query.get("state").map(str::to_owned),
        declined,
    }))
}

/// POST: the page's form. It holds the id of the request, and who was chosen.
async fn choose(
    State(idp): State<Idp>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = idp.check_tenant(&tenant) {
        return answer(&refusal, &headers);
    }
    let form = match Query::parse(&body) {
        Ok(form) => form,
        Err(untrusted) => return page::untrusted(&untrusted),
    };
    let now = Timestamp::now();
    let request = form.get("request").unwrap_or_default();
    let Some(asked) = idp.oauth().sessions.lock().answered(request, now) else {
        return page::answered_before();
    };
    let (redirect, state) = (asked.redirect.clone(), asked.state.clone());
    let Some(user) = form.get("user").and_then(User::find) else {
        return decline(&idp, &redirect, state.as_deref(), Declined::ByUser);
    };
    tracing::info!(client = asked.client.name, user = user.username, "signed in");
    let code = idp.oauth().sessions.lock().sign_in(asked, user, now);
    send_back(&idp, &redirect, state.as_deref(), &[("code", &code)])
}

fn decline(idp: &Idp, redirect: &RedirectUri, state: Option<&str>, declined: Declined) -> Response {
    tracing::info!(code = declined.code(), "sign-in declined");
    let (code, description) = (declined.code(), declined.to_string());
    send_back(
        idp,
        redirect,
        state,
        &[("error", code), ("error_description", &description)],
    )
}

/// Redirects to the client, with the issuer (RFC 9207) beside the answer. 303, so that no form is sent on (RFC 9700 §4.12).
fn send_back(
    idp: &Idp,
    redirect: &RedirectUri,
    state: Option<&str>,
    parameters: &[(&str, &str)],
) -> Response {
    let issuer = idp.endpoints().issuer(TokenVersion::V2);
    let state = state.map(|state| ("state", state));
    let parameters = parameters
        .iter()
        .copied()
        .chain(state)
        .chain([("iss", issuer.as_str())]);
    match HeaderValue::try_from(redirect.with(parameters)) {
        Ok(location) => {
            let mut response = uncached(StatusCode::SEE_OTHER);
            let headers = response.headers_mut();
            headers.insert(header::LOCATION, location);
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        }
        // Unreachable: a URL is plain ASCII.
        Err(_) => page::untrusted(&Untrusted::Redirect),
    }
}

/// POST: registers a public client.
async fn register(
    State(idp): State<Idp>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = idp.check_tenant(&tenant) {
        return answer(&refusal, &headers);
    }
    let id = Uuid::new_v4().to_string();
    let client = match ClientMetadata::parse(&body).and_then(|metadata| metadata.register(id)) {
        Ok(client) => client,
        Err(unfit) => return unregistered(unfit),
    };
    if !keep(&idp, client.clone()).await {
        return answer(&Refusal::Unkept, &headers);
    }
    tracing::info!(client = client.name, id = client.id, "client registered");
    let answer = client.answer(Timestamp::now().as_second());
    uncached((StatusCode::CREATED, Json(answer)))
}

async fn keep(idp: &Idp, client: Registration) -> bool {
    let idp = idp.clone();
    let kept = tokio::task::spawn_blocking(move || idp.oauth().registrations.add(client)).await;
    match kept {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot keep a client");
            false
        }
        Err(error) => {
            tracing::error!(%error, "cannot keep a client");
            false
        }
    }
}

/// RFC 7591 §3.2.2
fn unregistered(unfit: UnfitClient) -> Response {
    tracing::info!(reason = unfit.to_string(), "registration refused");
    let body = json!({ "error": unfit.code(), "error_description": unfit.to_string() });
    uncached((StatusCode::BAD_REQUEST, Json(body))).into_response()
}
