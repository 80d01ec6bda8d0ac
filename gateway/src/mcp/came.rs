//! Which endpoint a request came to, as its route says.

use axum::{
    extract::{FromRequestParts, MatchedPath, Path, rejection::PathRejection},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, request::Parts};
use onedoor_model::registry::Stage;

use super::scope::Scope;

/// The endpoint of all servers.
pub(crate) const ALL: &str = "/mcp";
/// The endpoint of one server, in production.
pub(crate) const PRODUCTION: &str = "/servers/{name}/mcp";
/// The endpoint of one server, at stage `qa`.
pub(crate) const QA: &str = "/servers/{name}/qa/mcp";

/// The endpoint that a request came to: all servers', or one's, as the URL names it.
#[derive(Debug)]
pub(crate) enum Came {
    All,
    Server { slug: String, stage: Stage },
}

impl Came {
    pub(super) fn scope(&self) -> Scope<'_> {
        match self {
            Self::All => Scope::All,
            Self::Server { slug, stage } => Scope::Server { slug, stage: *stage },
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Came {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map(MatchedPath::as_str)
            .unwrap_or_default();
        let stage = match route {
            ALL => return Ok(Self::All),
            PRODUCTION => Stage::Production,
            QA => Stage::Qa,
            // Only these routes lead here.
            _ => return Err(StatusCode::NOT_FOUND.into_response()),
        };
        let Path(slug) = Path::from_request_parts(parts, state)
            .await
            .map_err(PathRejection::into_response)?;
        Ok(Self::Server { slug, stage })
    }
}
