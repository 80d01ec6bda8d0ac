//! The routes of the data plane.

use std::sync::Arc;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodFilter, MethodRouter, get, on, post},
};

use crate::{door::Door, http_tools, logs, mcp, metrics::Listening, tools};

use super::{Hosts, cors, guard, health, metadata};

/// All of it. A method that a route does not have is answered 405.
pub(crate) fn router(door: Arc<Door>, hosts: Hosts) -> Router {
    // What tells how to get a token, and by which keys Token B is checked: for everyone.
    let open = Router::new()
        .route("/.well-known/oauth-protected-resource", get(metadata::root))
        .route(
            "/.well-known/oauth-protected-resource/{*path}",
            get(metadata::endpoint),
        )
        .route("/.well-known/jwks.json", get(metadata::jwks))
        .layer(from_fn(cors::open));
    let guarded = Router::new()
        .route(mcp::ALL, endpoint())
        .route(mcp::PRODUCTION, endpoint())
        .route(mcp::QA, endpoint())
        .route("/http/{*path}", on(tool_methods(), http_tools::production))
        .route(
            "/servers/{name}/qa/http/{*path}",
            on(tool_methods(), http_tools::qa),
        )
        .route("/tools", get(tools::list))
        .layer(from_fn_with_state(Arc::clone(&door), cors::allowed));
    let probes = health::probes(door.vitals(Listening::Data));
    open.merge(guarded)
        .with_state(door)
        .layer(from_fn_with_state(hosts, guard::hosts))
        .merge(probes)
        .layer(from_fn(guard::answers))
        .layer(from_fn(logs::request))
}

/// An MCP endpoint.
fn endpoint() -> MethodRouter<Arc<Door>> {
    post(mcp::post).get(mcp::get).delete(mcp::delete)
}

/// The methods of plain HTTP tools ([`HttpMethod`](onedoor_model::manifest::HttpMethod)).
fn tool_methods() -> MethodFilter {
    MethodFilter::GET
        .or(MethodFilter::HEAD)
        .or(MethodFilter::POST)
        .or(MethodFilter::PUT)
        .or(MethodFilter::PATCH)
        .or(MethodFilter::DELETE)
}
