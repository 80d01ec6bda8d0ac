//! Telling a client that its tools have changed.

use std::sync::Arc;

use onedoor_model::{
    decide::{Permit, Request, decide, visible_tools},
    ids::Digest,
    manifest::ServerKind,
    principal::Principal,
    registry::Stage,
};
use onedoor_registry::{Progress, Registry};
use tokio::sync::watch;

/// `notifications/tools/list_changed` (MCP 2025-11-25, "List Changed Notification").
const LIST_CHANGED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

/// Follows the tools of one caller at one endpoint.
pub(super) struct Changes {
    registry: Arc<Registry>,
    progress: watch::Receiver<Progress>,
    principal: Arc<Principal>,
    /// None for all servers.
    list: Option<Request>,
    known: Option<Digest>,
}

impl Changes {
    /// From now on. `list` is the request that lists them; none for those of all servers.
    pub(super) fn new(registry: &Arc<Registry>, principal: &Arc<Principal>, list: Option<&Request>) -> Self {
        let progress = registry.progress();
        let known = tools(registry, principal, list);
        Self {
            registry: Arc::clone(registry),
            progress,
            principal: Arc::clone(principal),
            list: list.cloned(),
            known,
        }
    }

    /// The next notification. Cancel-safe.
    pub(super) async fn next(&mut self) -> &'static [u8] {
        loop {
            if self.progress.changed().await.is_err() {
                // The registry has ended, which ends the stream by other ways.
                std::future::pending::<()>().await;
            }
            let now = tools(&self.registry, &self.principal, self.list.as_ref());
            if now != self.known {
                self.known = now;
                return LIST_CHANGED;
            }
        }
    }
}

/// A digest of the tools that the caller would see listed; none where there is no list.
fn tools(registry: &Registry, principal: &Arc<Principal>, list: Option<&Request>) -> Option<Digest> {
    let snapshot = registry.snapshot();
    let tools = match list.map(|list| decide(&snapshot, principal, list)) {
        Some(Ok(Permit::ListTools(permit))) => permit.tools().to_vec(),
        Some(Ok(Permit::Discover(_) | Permit::CallTool(_)) | Err(_)) => return None,
        None => visible_tools(&snapshot, principal),
    };
    let definitions: String = tools
        .iter()
        .filter(|visible| {
            let is_of_all = visible.stage == Stage::Production && visible.kind() == ServerKind::Mcp;
            list.is_some() || is_of_all
        })
        .map(|visible| {
            format!(
                "{} {} {}\n",
                visible.server.slug, visible.tool.name, visible.tool.digest
            )
        })
        .collect();
    Some(Digest::of(definitions.as_bytes()))
}
