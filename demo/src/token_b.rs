//! What a tool must do with Token B, in full: verify it, and know the caller from it. Made to be copied by tool owners.
//!
//! Token B is a JWT (RFC 7519) which the gateway signs for one tool server and one caller. A server that takes nothing
//! else cannot be reached around the gateway. [`require_token_b`] is the axum middleware:
//!
//! ```
//! # use std::sync::Arc;
//! # use axum::{Router, middleware, routing::get};
//! # use onedoor_demo::token_b::{Caller, Verifier, require_token_b};
//! # fn protect(jwks_url: url::Url) -> Router {
//! let verifier = Verifier::new("http://127.0.0.1:8080", jwks_url, "api://finance", "finance.read");
//! Router::new()
//!     .route("/whoami", get(async |caller: axum::Extension<Caller>| caller.0.sub))
//!     .layer(middleware::from_fn_with_state(Arc::new(verifier), require_token_b))
//! # }
//! ```

mod jwks;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use url::Url;

use self::jwks::{Jwks, KeyError};

/// Accepted difference between the gateway's clock and ours.
const LEEWAY_SECONDS: u64 = 10;

/// Who calls, from a verified Token B. The middleware puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Caller {
    /// The `sub` claim: whom the tool acts for.
    pub sub: String,
    /// Display name, for people only.
    pub name: Option<String>,
    /// The client application the caller uses.
    pub client_id: Option<String>,
    /// What the caller may do here: words separated by spaces (RFC 8693 §4.2).
    pub scope: String,
}

/// Verifies Token B for one server.
#[derive(Debug)]
pub struct Verifier {
    keys: Jwks,
    validation: Validation,
    audience: &'static str,
    required_scope: &'static str,
}

/// Why a request is refused. [`Refusal::NoKeys`] is our side's fault and worth a retry; all others are the caller's.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization: Bearer`, or more than one.
    #[error("a bearer token is required")]
    NoToken,
    /// Not a JWT for us: form, algorithm, signature, issuer, audience or times.
    #[error("the token is not valid")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// The token names no key, or one the gateway does not publish.
    #[error("the token is signed by an unknown key")]
    UnknownKey,
    /// A good token for something else.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(&'static str),
    /// The gateway's keys cannot be had.
    #[error("the gateway's keys are unavailable")]
    NoKeys(#[source] Option<reqwest::Error>),
}

impl Verifier {
    /// Takes tokens that `issuer` signed, with a key published at `jwks_url`, for `audience` with `required_scope`.
    ///
    /// Nothing is fetched yet: the gateway may start after us.
    #[must_use]
    pub fn new(issuer: &str, jwks_url: Url, audience: &'static str, required_scope: &'static str) -> Self {
        // One algorithm: what the token's header says is compared with it, never obeyed.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Self {
            keys: Jwks::new(jwks_url),
            validation,
            audience,
            required_scope,
        }
    }

    /// The caller whose token `headers` carry.
    ///
    /// # Errors
    /// [`Refusal`], which is a response.
    pub async fn verify(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let token = bearer(headers).ok_or(Refusal::NoToken)?;
        let kid = jsonwebtoken::decode_header(token)?
            .kid
            .ok_or(Refusal::UnknownKey)?;
        let key = self.keys.get(&kid).await.map_err(|error| match error {
            KeyError::Unknown => Refusal::UnknownKey,
            KeyError::Unavailable(source) => Refusal::NoKeys(source),
        })?;
        let caller = jsonwebtoken::decode::<Caller>(token, &key, &self.validation)?.claims;
        if caller.scope.split(' ').any(|scope| scope == self.required_scope) {
            Ok(caller)
        } else {
            Err(Refusal::InsufficientScope(self.required_scope))
        }
    }
}

/// Middleware: lets a request pass with its [`Caller`] in the extensions, or refuses it. Tools do not see the token.
pub async fn require_token_b(
    State(verifier): State<Arc<Verifier>>,
    mut request: Request,
    next: Next,
) -> Response {
    match verifier.verify(request.headers()).await {
        Ok(caller) => {
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => {
            let audience = verifier.audience;
            tracing::warn!(
                audience,
                error = &refusal as &dyn std::error::Error,
                "request refused"
            );
            refusal.into_response()
        }
    }
}

/// The one bearer token (RFC 6750 §2.1; the scheme is in any case).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (only, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl IntoResponse for Refusal {
    /// RFC 6750 §3: no `error` where no token was sent, 403 where the token is good but not enough.
    fn into_response(self) -> Response {
        let (status, challenge) = match &self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "Bearer".to_owned()),
            Self::Invalid(_) | Self::UnknownKey => (
                StatusCode::UNAUTHORIZED,
                format!(r#"Bearer error="invalid_token", error_description="{self}""#),
            ),
            Self::InsufficientScope(scope) => (
                StatusCode::FORBIDDEN,
                format!(r#"Bearer error="insufficient_scope", scope="{scope}""#),
            ),
            Self::NoKeys(_) => {
                return (
                    StatusCode::SERVICE_UNAVAILABLE,
                    [(header::RETRY_AFTER, "1")],
                    self.to_string(),
                )
                    .into_response();
            }
        };
        (status, [(header::WWW_AUTHENTICATE, challenge)], self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (header::AUTHORIZATION, value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn exactly_one_bearer_token_is_read() {
        for (values, token) in [
            (&["Bearer a.b.c"][..], Some("a.b.c")),
            (&["bEARER a.b.c"], Some("a.b.c")),
            (&[], None),
            (&["Basic a.b.c"], None),
            (&["Bearer"], None),
            (&["Bearer a.b.c", "Bearer a.b.c"], None),
        ] {
            assert_eq!(bearer(&headers(values)), token, "{values:?}");
        }
    }
}
