//! The endpoints over HTTP. The clock and randomness are read here.

use axum::body::Bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::claims::{Grant, Subject};
use super::directory::{MCP_CLIENT, USERS};
use super::endpoints::TokenVersion;
use super::grant::{TokenForm, decide};
use super::refusal::Refusal;
use super::{Idp, is_loopback};

/// A token endpoint's answer (RFC 6749 §5.1). v1.0 writes its numbers as strings.
#[derive(Serialize)]
#[serde(untagged)]
enum TokenAnswer {
    V1 {
        token_type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<&'static str>,
        expires_in: String,
        ext_expires_in: String,
        expires_on: String,
        not_before: String,
        resource: String,
        access_token: String,
    },
    V2 {
        token_type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
        expires_in: i64,
        ext_expires_in: i64,
        access_token: String,
    },
}

pub(super) fn router(idp: Idp) -> Router {
    let v1 = Router::new()
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(openid_configuration),
        )
        .route(
            "/sts/{tenant}/.well-known/openid-configuration",
            get(openid_configuration),
        )
        .route("/{tenant}/discovery/keys", get(keys))
        .route("/{tenant}/oauth2/token", post(token))
        .layer(Extension(TokenVersion::V1));
    let v2 = Router::new()
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(openid_configuration),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .layer(Extension(TokenVersion::V2));
    Router::new()
        .route("/", get(welcome))
        .merge(v1)
        .merge(v2)
        .layer(middleware::from_fn(loopback_hosts_only))
        .with_state(idp)
}

/// DNS rebinding protection: a page on `evil.example` that resolves to 127.0.0.1 sends `Host: evil.example`.
async fn loopback_hosts_only(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = host.or_else(|| request.uri().authority().map(Authority::as_str));
    let url = authority.and_then(|authority| Url::parse(&format!("http://{authority}")).ok());
    if url.is_some_and(|url| is_loopback(&url)) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "only for loopback hosts\n").into_response()
    }
}

async fn welcome(State(idp): State<Idp>) -> String {
    let users = USERS
        .map(|user| format!("  {:<8}  {}", user.username, user.display_name))
        .join("\n");
    let token = idp.endpoints().token_endpoint(TokenVersion::V2);
    format!(
        "Onedoor's development identity provider. Its users need no password:\n\n{users}\n\n\
         A token for the data plane:\n\n  curl -d grant_type=password -d username=analyst -d client_id={} \
         -d scope={} \\\n    {token}\n",
        MCP_CLIENT.client_id,
        idp.0.apis[0].default_scope(),
    )
}

async fn openid_configuration(
    State(idp): State<Idp>,
    Extension(version): Extension<TokenVersion>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    idp.check_tenant(&tenant)
        .map_err(|refusal| answer(&refusal, &headers))?;
    let endpoints = idp.endpoints();
    // Only what exists. OpenID Connect Discovery §3 also wants an authorization endpoint; there is none to sign in at.
    Ok(Json(json!({
        "issuer": endpoints.issuer(version),
        "token_endpoint": endpoints.token_endpoint(version),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "grant_types_supported": ["password", "client_credentials"],
        "jwks_uri": endpoints.jwks_uri(version),
        "response_types_supported": [],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": idp.0.apis.map(|api| format!("{}/{}", api.app_id_uri, api.permission)),
    })))
}

async fn keys(
    State(idp): State<Idp>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Json<JwkSet>, Response> {
    idp.check_tenant(&tenant)
        .map_err(|refusal| answer(&refusal, &headers))?;
    Ok(Json(idp.0.key.public().clone()))
}

async fn token(
    State(idp): State<Idp>,
    Extension(version): Extension<TokenVersion>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = Timestamp::now();
    let issued = idp
        .check_tenant(&tenant)
        .and_then(|()| decide(&TokenForm::parse(&body)?, version, &idp.0.apis))
        .and_then(|grant| Ok((idp.issue(&grant, now)?, grant)));
    match issued {
        Ok((access_token, grant)) => {
            tracing::info!(client = grant.client.display_name, subject = ?subject(&grant), "token issued");
            uncached(Json(token_answer(
                &grant,
                access_token,
                now,
                idp.0.token_lifetime.as_secs(),
            )))
        }
        Err(refusal) => answer(&refusal, &headers),
    }
}

fn subject(grant: &Grant) -> Option<&'static str> {
    match grant.subject {
        Subject::User(user) => Some(user.username),
        Subject::App => None,
    }
}

fn token_answer(grant: &Grant, access_token: String, now: Timestamp, lifetime: i64) -> TokenAnswer {
    let now = now.as_second();
    let permission = match grant.subject {
        Subject::User(_) => Some(grant.api.permission),
        Subject::App => None,
    };
    match grant.version {
        TokenVersion::V1 => TokenAnswer::V1 {
            token_type: "Bearer",
            scope: permission,
            expires_in: lifetime.to_string(),
            ext_expires_in: lifetime.to_string(),
            expires_on: now.saturating_add(lifetime).to_string(),
            not_before: now.to_string(),
            resource: grant.audience.clone(),
            access_token,
        },
        TokenVersion::V2 => TokenAnswer::V2 {
            token_type: "Bearer",
            scope: permission.map(|permission| format!("{}/{permission}", grant.api.app_id_uri)),
            expires_in: lifetime,
            ext_expires_in: lifetime,
            access_token,
        },
    }
}

/// The one place where a refusal becomes an answer, and is logged.
fn answer(refusal: &Refusal, headers: &HeaderMap) -> Response {
    let sent = headers.get("client-request-id").and_then(|id| id.to_str().ok());
    let correlation = sent
        .and_then(|id| Uuid::try_parse(id).ok())
        .unwrap_or_else(Uuid::new_v4);
    let (status, _, code) = refusal.codes();
    tracing::info!(code, %correlation, reason = refusal.to_string(), "request refused");
    (
        status,
        uncached(Json(refusal.body(Timestamp::now(), Uuid::new_v4(), correlation))),
    )
        .into_response()
}

/// Tokens and errors are not for caches (RFC 6749 §5.1).
fn uncached(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

impl Idp {
    fn check_tenant(&self, named: &str) -> Result<(), Refusal> {
        match Uuid::try_parse(named) {
            Ok(tenant) if tenant == self.0.tenant => Ok(()),
            _ => Err(Refusal::UnknownTenant(named.to_owned())),
        }
    }
}
