//! What the door answers itself, from approved manifests: what a server can do, and which tools the caller may call.
//!
//! Live servers are not asked: what an administrator approved is what clients and their models read, whatever a server says now. So no
//! list waits for a server, however slow or dead.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use onedoor_model::{
    decide::{ListPermit, VisibleTool},
    ids::Slug,
};
use onedoor_wire::PROTOCOL_VERSION;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Value, json, value::RawValue};

use crate::paging::{Page, Paging};

use super::scope::full_name;

/// How long a client may keep a list, in milliseconds: not at all, as a grant may go any moment.
const TTL_MS: u64 = 0;

/// The member of `_meta` that names servers which do not answer.
const UNAVAILABLE: &str = "dev.onedoor/unavailable";

/// What the door says of itself where it stands for all servers.
pub(super) const INSTRUCTIONS: &str =
    "Tools of several servers: each tool's name begins with its server's, then two underscores.";

/// Result of `tools/list` (MCP 2026-07-28).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolList<T> {
    result_type: &'static str,
    tools: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    ttl_ms: u64,
    cache_scope: &'static str,
    _meta: Value,
}

/// Result of `tools/list` (MCP 2025-11-25).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolListInSession<T> {
    tools: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _meta: Option<Value>,
}

/// The caller's tools of all servers, in the order of slug and name.
#[derive(Debug)]
pub(super) struct AllTools {
    pub(super) tools: Vec<VisibleTool>,
    /// The servers among theirs that do not answer their probes now. Their tools are listed all the same: they may be called.
    pub(super) unavailable: BTreeSet<Slug>,
}

impl AllTools {
    fn meta(&self) -> Option<Value> {
        (!self.unavailable.is_empty()).then(|| json!({ UNAVAILABLE: self.unavailable }))
    }
}

/// A tool's definition under its full name.
pub(super) struct Renamed<'a>(pub(super) &'a VisibleTool);

/// Result of `server/discover`: of all the server's capabilities, tools.
pub(super) fn discover(permit: &ListPermit) -> Result<String, serde_json::Error> {
    discovered(&permit.version().manifest.description, &server_info(permit))
}

/// Result of `server/discover` for all servers.
pub(super) fn discover_all() -> Result<String, serde_json::Error> {
    discovered(INSTRUCTIONS, &door_info())
}

/// Result of `tools/list`: one page of the caller's tools, by name, each as approved.
pub(super) fn list(permit: &ListPermit, paging: &Paging) -> Result<String, serde_json::Error> {
    let page = paging.page(permit.tools(), |tool: &VisibleTool| tool.tool.name.to_string());
    listed(page, server_info(permit), |tool| &*tool.tool.definition)
}

/// Result of `tools/list` in a session, which knows nothing of caching.
pub(super) fn list_in_session(permit: &ListPermit, paging: &Paging) -> Result<String, serde_json::Error> {
    let page = paging.page(permit.tools(), |tool: &VisibleTool| tool.tool.name.to_string());
    listed_in_session(page, None, |tool| &*tool.tool.definition)
}

/// Result of `tools/list` for all servers in a session.
pub(super) fn list_all_in_session(tools: &AllTools, paging: &Paging) -> Result<String, serde_json::Error> {
    listed_in_session(paging.page(&tools.tools, position), tools.meta(), Renamed)
}

/// Result of `tools/list` for all servers: `tools` are in the order of slug and name.
pub(super) fn list_all(tools: &AllTools, paging: &Paging) -> Result<String, serde_json::Error> {
    let mut meta = door_info();
    if let Some(unavailable) = tools.meta() {
        meta[UNAVAILABLE] = unavailable[UNAVAILABLE].clone();
    }
    listed(paging.page(&tools.tools, position), meta, Renamed)
}

/// A space comes before whatever a name may hold, so that positions are in the order of the tools.
fn position(tool: &VisibleTool) -> String {
    format!("{} {}", tool.server.slug, tool.tool.name)
}

fn discovered(instructions: &str, info: &Value) -> Result<String, serde_json::Error> {
    serde_json::to_string(&json!({
        "resultType": "complete",
        "supportedVersions": [PROTOCOL_VERSION],
        "capabilities": { "tools": {} },
        "instructions": instructions,
        "ttlMs": TTL_MS,
        "cacheScope": "private",
        "_meta": info,
    }))
}

fn listed<'t, T: Serialize>(
    page: Page<'t, VisibleTool>,
    info: Value,
    tool: impl Fn(&'t VisibleTool) -> T,
) -> Result<String, serde_json::Error> {
    let Page { entries, next_cursor } = page;
    serde_json::to_string(&ToolList {
        result_type: "complete",
        tools: entries.iter().map(tool).collect(),
        next_cursor,
        ttl_ms: TTL_MS,
        cache_scope: "private",
        _meta: info,
    })
}

fn listed_in_session<'t, T: Serialize>(
    page: Page<'t, VisibleTool>,
    meta: Option<Value>,
    tool: impl Fn(&'t VisibleTool) -> T,
) -> Result<String, serde_json::Error> {
    let Page { entries, next_cursor } = page;
    serde_json::to_string(&ToolListInSession {
        tools: entries.iter().map(tool).collect(),
        next_cursor,
        _meta: meta,
    })
}

fn server_info(permit: &ListPermit) -> Value {
    let manifest = &permit.version().manifest;
    let mut info = json!({ "name": permit.server().slug, "version": manifest.version });
    if let Some(title) = &manifest.title {
        info["title"] = json!(title);
    }
    json!({ "io.modelcontextprotocol/serverInfo": info })
}

fn door_info() -> Value {
    let info = json!({ "name": "onedoor", "title": "Onedoor", "version": env!("CARGO_PKG_VERSION") });
    json!({ "io.modelcontextprotocol/serverInfo": info })
}

impl Serialize for Renamed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let VisibleTool { server, tool, .. } = self.0;
        let mut members: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(tool.definition.get()).map_err(S::Error::custom)?;
        let name = RawValue::from_string(json!(full_name(&server.slug, &tool.name)).to_string())
            .map_err(S::Error::custom)?;
        members.insert(Cow::Borrowed("name"), &name);
        members.serialize(serializer)
    }
}
