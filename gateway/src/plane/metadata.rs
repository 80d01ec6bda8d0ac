//! What clients and tool servers read without a token: how to get one (RFC 9728), and the keys of Token B (RFC 7517).

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use serde::Serialize;

use crate::door::Door;

/// Protected resource metadata (RFC 9728 §2).
#[derive(Debug, Serialize)]
pub(super) struct ResourceMetadata {
    resource: String,
    authorization_servers: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

/// GET `/.well-known/oauth-protected-resource`: the whole door.
pub(super) async fn root(State(door): State<Arc<Door>>) -> Json<ResourceMetadata> {
    Json(metadata(&door, door.public_url.clone()))
}

/// GET `/.well-known/oauth-protected-resource/{*path}`: one endpoint. The answer is the same whether such a server exists or not.
pub(super) async fn endpoint(
    State(door): State<Arc<Door>>,
    Path(path): Path<String>,
) -> Result<Json<ResourceMetadata>, StatusCode> {
    let parts: Vec<&str> = path.split('/').collect();
    let known = match parts.as_slice() {
        ["tools"] => true,
        ["servers", slug, "mcp"] | ["servers", slug, "qa", "mcp"] => {
            onedoor_model::ids::Slug::new(*slug).is_ok()
        }
        _ => false,
    };
    if known {
        Ok(Json(metadata(&door, format!("{}/{path}", door.public_url))))
    } else {
        Err(StatusCode::NOT_FOUND)
    }
}

/// GET `/.well-known/jwks.json`
pub(super) async fn jwks(
    State(door): State<Arc<Door>>,
) -> ([(http::HeaderName, HeaderValue); 1], Json<serde_json::Value>) {
    (
        [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))],
        Json(door.exchange.jwks()),
    )
}

fn metadata(door: &Door, resource: String) -> ResourceMetadata {
    let snapshot = door.registry.snapshot();
    ResourceMetadata {
        resource,
        authorization_servers: snapshot
            .issuers()
            .map(|issuer| issuer.authorization_server.clone())
            .collect(),
        scopes_supported: door.scopes_supported(),
        bearer_methods_supported: ["header"],
        resource_name: "Onedoor",
    }
}
