//! The manifests that register the demonstration servers: the official registry's `server.json` (schema 2025-12-11) with
//! Onedoor's part under `_meta`. Their tools are the servers' own definitions, so the two cannot disagree.

use rmcp::model::Tool;
use serde::Serialize;
use url::Url;

use crate::server::HEALTH_PATH;
use crate::{finance, hr};

/// The owner both manifests name.
pub const OWNER: &str = "demo-owner";

#[derive(Serialize)]
struct ServerJson {
    #[serde(rename = "$schema")]
    schema: &'static str,
    name: String,
    title: &'static str,
    description: &'static str,
    version: &'static str,
    remotes: [Remote; 1],
    #[serde(rename = "_meta")]
    meta: Meta,
}

#[derive(Serialize)]
struct Remote {
    r#type: &'static str,
    url: Url,
}

#[derive(Serialize)]
struct Meta {
    #[serde(rename = "dev.onedoor/server")]
    onedoor: Onedoor,
}

/// What Onedoor needs to know beyond `server.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Onedoor {
    slug: &'static str,
    owner: &'static str,
    audience: &'static str,
    required_scope: &'static str,
    strategy: &'static str,
    health_path: &'static str,
    timeouts: Timeouts,
    tools: Vec<Tool>,
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
    manifest(url, title, description, onedoor)
}

/// The manifest of the `hr` server at `url`, its MCP endpoint. JSON.
#[must_use]
pub fn hr(url: &Url) -> String {
    let title = "HR (demo)";
    let description = "Employees, vacation, exports and time sheets of an imaginary company.";
    let onedoor = onedoor(hr::SLUG, hr::AUDIENCE, hr::REQUIRED_SCOPE, hr::tools());
    manifest(url, title, description, onedoor)
}

fn onedoor(
    slug: &'static str,
    audience: &'static str,
    required_scope: &'static str,
    tools: Vec<Tool>,
) -> Onedoor {
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
        tools,
    }
}

fn manifest(url: &Url, title: &'static str, description: &'static str, onedoor: Onedoor) -> String {
    let manifest = ServerJson {
        schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        name: format!("dev.onedoor.demo/{}", onedoor.slug),
        title,
        description,
        version: env!("CARGO_PKG_VERSION"),
        remotes: [Remote {
            r#type: "streamable-http",
            url: url.clone(),
        }],
        meta: Meta { onedoor },
    };
    #[expect(
        clippy::expect_used,
        reason = "plain data with string keys: there is nothing JSON cannot express"
    )]
    serde_json::to_string_pretty(&manifest).expect("a manifest is JSON")
}
