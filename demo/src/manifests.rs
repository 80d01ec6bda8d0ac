//! The manifests that register the demonstration servers: the official registry's `server.json` (schema 2025-12-11) with
//! Onedoor's part under `_meta`. Their tools are the servers' own definitions, so the two cannot disagree.

use serde::Serialize;
use url::Url;

use crate::server::HEALTH_PATH;
use crate::{finance, hr, rates};

/// The owner all manifests name.
pub const OWNER: &str = "demo-owner";

#[derive(Serialize)]
struct ServerJson<T> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    name: String,
    title: &'static str,
    description: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remotes: Option<[Remote; 1]>,
    #[serde(rename = "_meta")]
    meta: Meta<T>,
}

#[derive(Serialize)]
struct Remote {
    r#type: &'static str,
    url: Url,
}

#[derive(Serialize)]
struct Meta<T> {
    #[serde(rename = "dev.onedoor/server")]
    onedoor: Onedoor<T>,
}

/// What Onedoor needs to know beyond `server.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Onedoor<T> {
    slug: &'static str,
    owner: &'static str,
    audience: &'static str,
    required_scope: &'static str,
    strategy: &'static str,
    health_path: &'static str,
    timeouts: Timeouts,
    /// Of a plain HTTP service.
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    tools: Vec<T>,
}

#[derive(Serialize)]
struct Http {
    url: Url,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timeouts {
    connect_ms: u32,
    first_byte_ms: u32,
    total_ms: u32,
}

/// The manifest of the `finance` server at `url`, its MCP endpoint. JSON.
#[must_use]
pub fn finance(url: &Url) -> String {
    let title = "Finance (demo)";
    let description = "Balances, conversions, reports and payments of an imaginary company.";
    let onedoor = onedoor(
        finance::SLUG,
        finance::AUDIENCE,
        finance::REQUIRED_SCOPE,
        finance::tools(),
    );
    manifest(title, description, Some(url), onedoor)
}

/// The manifest of the `hr` server at `url`, its MCP endpoint. JSON.
#[must_use]
pub fn hr(url: &Url) -> String {
    let title = "HR (demo)";
    let description = "Employees, vacation, exports and time sheets of an imaginary company.";
    let onedoor = onedoor(hr::SLUG, hr::AUDIENCE, hr::REQUIRED_SCOPE, hr::tools());
    manifest(title, description, Some(url), onedoor)
}

/// The manifest of the `rates` service at `url`, its base URL. JSON.
#[must_use]
pub fn rates(url: &Url) -> String {
    let title = "Exchange rates (demo)";
    let description = "Exchange rates of an imaginary bank, over plain HTTP.";
    let onedoor = Onedoor {
        http: Some(Http { url: url.clone() }),
        ..onedoor(
            rates::SLUG,
            rates::AUDIENCE,
            rates::REQUIRED_SCOPE,
            rates::tools(),
        )
    };
    manifest(title, description, None, onedoor)
}

fn onedoor<T>(
    slug: &'static str,
    audience: &'static str,
    required_scope: &'static str,
    tools: Vec<T>,
) -> Onedoor<T> {
    Onedoor {
        slug,
        owner: OWNER,
        audience,
        required_scope,
        strategy: "gateway-issued",
        health_path: HEALTH_PATH,
        timeouts: Timeouts {
            connect_ms: 2_000,
            first_byte_ms: 30_000,
            total_ms: 300_000,
        },
        http: None,
        tools,
    }
}

fn manifest<T: Serialize>(
    title: &'static str,
    description: &'static str,
    mcp: Option<&Url>,
    onedoor: Onedoor<T>,
) -> String {
    let manifest = ServerJson {
        schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        name: format!("dev.onedoor.demo/{}", onedoor.slug),
        title,
        description,
        version: env!("CARGO_PKG_VERSION"),
        remotes: mcp.map(|url| {
            [Remote {
                r#type: "streamable-http",
                url: url.clone(),
            }]
        }),
        meta: Meta { onedoor },
    };
    #[expect(
        clippy::expect_used,
        reason = "plain data with string keys: there is nothing JSON cannot express"
    )]
    serde_json::to_string_pretty(&manifest).expect("a manifest is JSON")
}
