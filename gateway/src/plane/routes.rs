//! The routes of the data plane.

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use crate::{door::Door, mcp, tools};

use super::{Hosts, guard, health, metadata};

/// All of it. A method that a route does not have is answered 405 (MCP 2026-07-28: GET and DELETE of an endpoint).
pub(crate) fn router(door: Arc<Door>, hosts: Hosts) -> Router {
    Router::new()
        .route("/mcp", post(mcp::federated))
        .route("/servers/{name}/mcp", post(mcp::production))
        .route("/servers/{name}/qa/mcp", post(mcp::qa))
        .route("/tools", get(tools::list))
        .route("/.well-known/oauth-protected-resource", get(metadata::root))
        .route(
            "/.well-known/oauth-protected-resource/{*path}",
            get(metadata::endpoint),
        )
        .route("/.well-known/jwks.json", get(metadata::jwks))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(Arc::clone(&door))
        .layer(from_fn_with_state(door, guard::origins))
        .layer(from_fn_with_state(hosts, guard::hosts))
}
