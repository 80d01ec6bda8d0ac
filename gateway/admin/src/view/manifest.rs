//! What the check of a manifest finds out.

use std::sync::Arc;

use onedoor_model::{
    manifest::{Manifest, Tie, Tool},
    registry::Server,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A manifest that may be submitted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckView {
    /// Always true: a manifest that is not valid is answered with a problem.
    pub valid: bool,
    /// The server's name in URLs.
    pub slug: String,
    /// The names of its tools.
    pub tools: Vec<String>,
    /// Whether a Security.Admin has to approve it before it is served.
    pub approval_needed: bool,
    /// What it would change about the server that has this slug; none where it would be a new server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// What a manifest would change about a server, compared to its latest version.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changes {
    /// The number of the version it is compared to.
    pub since: u32,
    /// What of `owner`, `url`, `audience`, `strategy` and `requiredScope` would change.
    pub tie: Vec<String>,
    /// Tools that would come.
    pub tools_added: Vec<String>,
    /// Tools that would go.
    pub tools_removed: Vec<String>,
    /// Tools whose definition would change.
    pub tools_changed: Vec<String>,
}

/// What submitting a manifest would do, to the server that has its slug if there is one.
#[must_use]
pub(crate) fn compare(manifest: &Manifest, server: Option<&Server>) -> CheckView {
    CheckView {
        valid: true,
        slug: manifest.slug.to_string(),
        tools: manifest.tools.keys().map(ToString::to_string).collect(),
        approval_needed: server.is_none_or(|server| needs_approval(manifest, server)),
        changes: server.and_then(|server| Changes::of(manifest, server)),
    }
}

/// An update keeps its server's approval where its tie is that of a version in use which has one.
fn needs_approval(manifest: &Manifest, server: &Server) -> bool {
    let tie = manifest.tie();
    let in_use = [server.latest(), server.production()].into_iter().flatten();
    !in_use
        .into_iter()
        .any(|version| version.approved.is_some() && version.manifest.tie() == tie)
}

impl Changes {
    fn of(manifest: &Manifest, server: &Server) -> Option<Self> {
        let latest = server.latest()?;
        let (old, new) = (&latest.manifest.tools, &manifest.tools);
        let changed = |tool: &&Arc<Tool>| {
            old.get(&tool.name)
                .is_some_and(|before| before.digest != tool.digest)
        };
        Some(Self {
            since: latest.number.0,
            tie: differences(&latest.manifest.tie(), &manifest.tie()),
            tools_added: names(new.values().filter(|tool| !old.contains_key(&tool.name))),
            tools_removed: names(old.values().filter(|tool| !new.contains_key(&tool.name))),
            tools_changed: names(new.values().filter(changed)),
        })
    }
}

fn names<'t>(tools: impl Iterator<Item = &'t Arc<Tool>>) -> Vec<String> {
    tools.map(|tool| tool.name.to_string()).collect()
}

fn differences(old: &Tie, new: &Tie) -> Vec<String> {
    // All of a tie is compared: `origin` is part of `url`.
    let Tie {
        owner,
        origin: _,
        url,
        audience,
        strategy,
        required_scope,
    } = old;
    [
        ("owner", *owner != new.owner),
        ("url", *url != new.url),
        ("audience", *audience != new.audience),
        ("strategy", *strategy != new.strategy),
        ("requiredScope", *required_scope != new.required_scope),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(name, _)| name.to_owned())
    .collect()
}
