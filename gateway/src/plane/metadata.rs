//! What clients and tool servers read without a token: how to get one (RFC 9728), and the keys of Token B (RFC 7517).

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, HOST},
};
use onedoor_model::ids::Slug;
use serde::Serialize;
use url::{Host, Url};

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
pub(super) async fn root(State(door): State<Arc<Door>>, headers: HeaderMap) -> Json<ResourceMetadata> {
    Json(metadata(
        &door,
        reached_by(&door.public_url, &headers).into_owned(),
    ))
}

/// GET `/.well-known/oauth-protected-resource/{*path}`: one endpoint. The answer is the same whether such a server exists or not.
pub(super) async fn endpoint(
    State(door): State<Arc<Door>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Json<ResourceMetadata>, StatusCode> {
    if !is_endpoint(&path) {
        return Err(StatusCode::NOT_FOUND);
    }
    let door_url = reached_by(&door.public_url, &headers);
    Ok(Json(metadata(&door, format!("{door_url}/{path}"))))
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

/// The URL by which a client reached the door, without a trailing slash: clients refuse metadata of a resource that they did not
/// connect to (RFC 9728 §3.3). Always the public URL, save that loopback has several names.
pub(crate) fn reached_by<'a>(public_url: &'a str, headers: &HeaderMap) -> Cow<'a, str> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let (Ok(public), Some(host)) = (Url::parse(public_url), host) else {
        return Cow::Borrowed(public_url);
    };
    let Ok(asked) = Url::parse(&format!("{}://{host}", public.scheme())) else {
        return Cow::Borrowed(public_url);
    };
    let same_port = asked.port_or_known_default() == public.port_or_known_default();
    if same_port && is_loopback(&public) && is_loopback(&asked) {
        Cow::Owned(asked.origin().ascii_serialization())
    } else {
        Cow::Borrowed(public_url)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a path, without its leading slash, is that of something a token is needed for.
fn is_endpoint(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["mcp"] | ["tools"] => true,
        ["servers", slug, "mcp"] | ["servers", slug, "qa", "mcp" | "http"] | ["http", slug] => {
            Slug::new(*slug).is_ok()
        }
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_of_the_url_it_connected_to() {
        for (public, host, reached) in [
            ("http://127.0.0.1:8080", "localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080", "[::1]:8080", "http://[::1]:8080"),
            ("http://127.0.0.1:8080", "localhost:9", "http://127.0.0.1:8080"),
            (
                "http://127.0.0.1:8080",
                "evil.example:8080",
                "http://127.0.0.1:8080",
            ),
            (
                "http://127.0.0.1:8080",
                "localhost:8080/x",
                "http://localhost:8080",
            ),
            ("http://127.0.0.1:8080", "a b", "http://127.0.0.1:8080"),
            ("https://door.example", "gateway:8080", "https://door.example"),
            ("https://door.example", "localhost", "https://door.example"),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert_eq!(reached_by(public, &headers), reached, "{public} {host}");
        }
        assert_eq!(
            reached_by("http://127.0.0.1:1", &HeaderMap::new()),
            "http://127.0.0.1:1"
        );
    }

    #[test]
    fn only_endpoints_have_metadata() {
        for endpoint in [
            "mcp",
            "tools",
            "servers/finance/mcp",
            "servers/finance/qa/mcp",
            "http/weather",
            "servers/weather/qa/http",
        ] {
            assert!(is_endpoint(endpoint), "{endpoint}");
        }
        for other in [
            "",
            "mcp/",
            "servers/Bad Slug/mcp",
            "servers/finance",
            "http/",
            "http/weather/today",
            "admin",
        ] {
            assert!(!is_endpoint(other), "{other}");
        }
    }
}
