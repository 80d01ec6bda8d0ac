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
use serde_json::Value;
use tower_http::cors::{Any, CorsLayer};
use url::Url;
use uuid::Uuid;

use super::claims::{Grant, Subject};
use super::directory::{MCP_CLIENT, USERS};
use super::endpoints::TokenVersion;
use super::grant::{TokenForm, decide, required};
use super::oauth::{self, Issued, document};
use super::obo;
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
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh_token: Option<String>,
    },
}

pub(super) fn router(idp: Idp) -> Router {
    // Clients that are web pages read these, from wherever they come (the MCP Inspector).
    let readable = || CorsLayer::new().allow_origin(Any).allow_headers(Any);
    let discovery = || get(openid_configuration).layer(readable());
    let v1 = Router::new()
        .route("/{tenant}/.well-known/openid-configuration", discovery())
        .route("/sts/{tenant}/.well-known/openid-configuration", discovery())
        .route("/{tenant}/discovery/keys", get(keys))
        .route("/{tenant}/oauth2/token", post(token))
        .layer(Extension(TokenVersion::V1));
    // Wherever clients look (RFC 8414 §3.1, §5; OpenID Connect Discovery §4).
    let v2 = Router::new()
        .route(
            "/.well-known/oauth-authorization-server/{tenant}/v2.0",
            discovery(),
        )
        .route("/.well-known/openid-configuration/{tenant}/v2.0", discovery())
        .route("/{tenant}/v2.0/.well-known/openid-configuration", discovery())
        .route("/{tenant}/discovery/v2.0/keys", get(keys).layer(readable()))
        .route("/{tenant}/oauth2/v2.0/token", post(token).layer(readable()))
        .layer(Extension(TokenVersion::V2));
    Router::new()
        .route("/", get(welcome))
        .merge(v1)
        .merge(v2)
        .merge(oauth::router())
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
        idp.apis()[0].default_scope(),
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
    Ok(Json(document(idp.endpoints(), version, idp.apis())))
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
        .and_then(|()| TokenForm::parse(&body))
        .and_then(|form| grant(&idp, &form, version, &headers, now))
        .and_then(|issued| Ok((idp.issue(&issued.grant, now)?, issued)));
    match issued {
        Ok((access_token, issued)) => {
            let grant = &issued.grant;
            tracing::info!(client = grant.client.name(), subject = ?subject(grant), "token issued");
            let lifetime = idp.0.token_lifetime.as_secs();
            uncached(Json(token_answer(&issued, version, access_token, now, lifetime)))
        }
        Err(refusal) => answer(&refusal, &headers),
    }
}

/// What a request is granted. A web page gets nothing for which nobody has clicked: any page could ask.
fn grant(
    idp: &Idp,
    form: &TokenForm,
    version: TokenVersion,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Issued, Refusal> {
    match (required(form.grant_type.as_deref(), "grant_type")?, version) {
        ("authorization_code", TokenVersion::V2) => idp.oauth().redeem(form, idp.apis(), now),
        ("refresh_token", TokenVersion::V2) => idp.oauth().refresh(form, idp.apis(), now),
        _ if headers.contains_key(header::ORIGIN) => Err(Refusal::FromWebPage),
        (obo::GRANT_TYPE, TokenVersion::V2) => {
            obo::exchange(form, &idp.0.key, idp.endpoints(), idp.apis()).map(Issued::without_refresh)
        }
        _ => decide(form, version, idp.apis()).map(Issued::without_refresh),
    }
}

fn subject(grant: &Grant) -> Option<&'static str> {
    match grant.subject {
        Subject::User(user) => Some(user.username),
        Subject::App(_) => None,
    }
}

/// As the endpoint asked answers, whatever the version of the token.
fn token_answer(
    issued: &Issued,
    endpoint: TokenVersion,
    access_token: String,
    now: Timestamp,
    lifetime: i64,
) -> TokenAnswer {
    let Issued { grant, refresh_token } = issued;
    let now = now.as_second();
    let permission = match grant.subject {
        Subject::User(_) => Some(grant.api.permission),
        Subject::App(_) => None,
    };
    match endpoint {
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
            refresh_token: refresh_token.as_ref().map(|token| token.expose().to_owned()),
        },
    }
}

/// The one place where a refusal becomes an answer, and is logged.
pub(super) fn answer(refusal: &Refusal, headers: &HeaderMap) -> Response {
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
pub(super) fn uncached(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

impl Idp {
    pub(super) fn check_tenant(&self, named: &str) -> Result<(), Refusal> {
        match Uuid::try_parse(named) {
            Ok(tenant) if tenant == self.0.tenant => Ok(()),
            _ => Err(Refusal::UnknownTenant(named.to_owned())),
        }
    }
}
