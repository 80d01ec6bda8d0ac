//! What the door answers itself, from the approved manifest: what a server can do, and which of its tools the caller may call.
//!
//! The live server is not asked: what an administrator approved is what clients and their models read, whatever the server says now.

use onedoor_model::decide::{ListPermit, VisibleTool};
use onedoor_wire::PROTOCOL_VERSION;
use serde::Serialize;
use serde_json::{json, value::RawValue};

use crate::paging::{Page, Paging};

/// How long a client may keep a list, in milliseconds: not at all, as a grant may go any moment.
const TTL_MS: u64 = 0;

/// Result of `tools/list` (MCP 2026-07-28).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolList<'a> {
    result_type: &'static str,
    tools: Vec<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    ttl_ms: u64,
    cache_scope: &'static str,
    _meta: serde_json::Value,
}

/// Result of `server/discover`: of all the server's capabilities, tools.
pub(super) fn discover(permit: &ListPermit) -> Result<String, serde_json::Error> {
    let manifest = &permit.version().manifest;
    serde_json::to_string(&json!({
        "resultType": "complete",
        "supportedVersions": [PROTOCOL_VERSION],
        "capabilities": { "tools": {} },
        "instructions": manifest.description,
        "ttlMs": TTL_MS,
        "cacheScope": "private",
        "_meta": server_info(permit),
    }))
}

/// Result of `tools/list`: one page of the caller's tools, by name, each as approved.
pub(super) fn list(permit: &ListPermit, paging: &Paging) -> Result<String, serde_json::Error> {
    let Page { entries, next_cursor } =
        paging.page(permit.tools(), |tool: &VisibleTool| tool.tool.name.to_string());
    serde_json::to_string(&ToolList {
        result_type: "complete",
        tools: entries.iter().map(|tool| &*tool.tool.definition).collect(),
        next_cursor,
        ttl_ms: TTL_MS,
        cache_scope: "private",
        _meta: server_info(permit),
    })
}

fn server_info(permit: &ListPermit) -> serde_json::Value {
    let manifest = &permit.version().manifest;
    let mut info = json!({ "name": permit.server().slug, "version": manifest.version });
    if let Some(title) = &manifest.title {
        info["title"] = json!(title);
    }
    json!({ "io.modelcontextprotocol/serverInfo": info })
}
