//! How a server is shown.

use std::fmt;

use onedoor_model::{
    manifest::{Manifest, Tool},
    registry::{Server, ServerVersion},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{EnforcedView, HealthView, TouchView};
use crate::{
    Probes,
    text::{FromText, Wrong},
};

/// A page of servers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerList {
    /// By slug.
    pub servers: Vec<ServerView>,
    /// Give it as `cursor` to get what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A server. What a manifest says is taken from the version in production; before there is one, from the latest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerView {
    /// Its id, for life.
    pub id: String,
    /// Its name in URLs.
    pub slug: String,
    /// Its name in the official registry's form.
    pub name: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// Its MCP endpoint.
    pub url: String,
    /// Whom its Token B is meant for.
    pub audience: String,
    /// The scope that its Token B carries.
    pub required_scope: String,
    /// How its Token B is obtained.
    pub strategy: String,
    /// What `If-Match` names: the revision of its last change.
    pub version: u64,
    /// How it stands.
    pub status: ServerStatus,
    /// The number of the version submitted last.
    pub latest: u32,
    /// The number of the version in production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production: Option<u32>,
    /// Every version ever submitted.
    pub versions: Vec<VersionView>,
    /// Set while nothing of it is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<TouchView>,
    /// In the answer of a command that disabled it or a tool of it: where that is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<EnforcedView>,
    /// Set for good when it was retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<TouchView>,
    /// How the version shown answers its probes; absent where it is not probed. Not of the server's record, so no part of what the `ETag`
    /// names: read it without `If-None-Match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthView>,
    /// Its tools.
    pub tools: Vec<ToolView>,
    /// When it came.
    pub registered: TouchView,
    /// Its last change.
    pub changed: TouchView,
}

/// How a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServerStatus {
    /// Nothing of it is approved: it is served to nobody.
    Pending,
    /// Served to those with a grant at stage `qa` only.
    Qa,
    /// In production.
    Live,
    /// Not served now.
    Disabled,
    /// Gone for good.
    Retired,
}

/// One version of a server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionView {
    /// Its number, from 1.
    pub number: u32,
    /// The owner's version text.
    pub version: String,
    /// SHA-256 of the manifest's bytes.
    pub digest: String,
    /// Whether its tie of owner, place and tokens is approved.
    pub approved: bool,
    /// Who approved it, when and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<TouchView>,
    /// When it came.
    pub submitted: TouchView,
    /// How many tools it has.
    pub tools: usize,
    /// What is approved.
    pub tie: TieView,
}

/// What ties a version's tokens to a place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TieView {
    /// Who answers for it.
    pub owner: String,
    /// Its MCP endpoint.
    pub url: String,
    /// Whom its Token B is meant for.
    pub audience: String,
    /// How its Token B is obtained.
    pub strategy: String,
    /// The scope that its Token B carries.
    pub required_scope: String,
}

/// A tool.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolView {
    /// Its name as its server knows it.
    pub name: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// SHA-256 of its definition in canonical form.
    pub digest: String,
}

impl ServerStatus {
    /// Every status.
    pub(crate) const ALL: [Self; 5] = [Self::Pending, Self::Qa, Self::Live, Self::Disabled, Self::Retired];

    /// How a server stands. What is gone or switched off comes before how far its versions have come.
    #[must_use]
    pub(crate) fn of(server: &Server) -> Self {
        if server.retired.is_some() {
            Self::Retired
        } else if server.disabled.is_some() {
            Self::Disabled
        } else if server.production.is_some() {
            Self::Live
        } else if server.latest().is_some_and(|latest| latest.approved.is_some()) {
            Self::Qa
        } else {
            Self::Pending
        }
    }

    /// Its name, as in JSON.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Qa => "qa",
            Self::Live => "live",
            Self::Disabled => "disabled",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromText for ServerStatus {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Wrong::none_of(text, &Self::ALL))
    }
}

impl ServerView {
    /// How a server is shown; none of a server without a version, which there is not.
    #[must_use]
    pub(crate) fn of(server: &Server) -> Option<Self> {
        let latest = server.latest()?;
        let manifest = &server.production().unwrap_or(latest).manifest;
        Some(Self {
            id: server.id.to_string(),
            slug: server.slug.to_string(),
            name: manifest.name.clone(),
            title: manifest.title.clone(),
            description: manifest.description.clone(),
            owner: manifest.owner.to_string(),
            url: manifest.url.to_string(),
            audience: manifest.audience.to_string(),
            required_scope: manifest.required_scope.to_string(),
            strategy: manifest.strategy.to_string(),
            version: server.changed.version().0,
            status: ServerStatus::of(server),
            latest: latest.number.0,
            production: server.production.map(|number| number.0),
            versions: server
                .versions
                .values()
                .map(|version| VersionView::of(version))
                .collect(),
            disabled: server.disabled.as_ref().map(TouchView::of),
            enforced: None,
            retired: server.retired.as_ref().map(TouchView::of),
            health: None,
            tools: manifest
                .tools
                .values()
                .map(|tool| ToolView::of(tool, server))
                .collect(),
            registered: TouchView::of(&server.registered),
            changed: TouchView::of(&server.changed),
        })
    }

    /// With what probes say of the version that is shown.
    #[must_use]
    pub(crate) fn probed(self, server: &Server, probes: &dyn Probes) -> Self {
        let shown = server.production().or_else(|| server.latest());
        let health = shown.and_then(|version| probes.health(server.id, version.number));
        Self {
            health: health.map(HealthView::from),
            ..self
        }
    }
}

impl VersionView {
    fn of(version: &ServerVersion) -> Self {
        let manifest = &version.manifest;
        Self {
            number: version.number.0,
            version: manifest.version.clone(),
            digest: manifest.digest.to_string(),
            approved: version.approved.is_some(),
            approved_by: version.approved.as_ref().map(TouchView::of),
            submitted: TouchView::of(&version.submitted),
            tools: manifest.tools.len(),
            tie: TieView::of(manifest),
        }
    }
}

impl TieView {
    fn of(manifest: &Manifest) -> Self {
        Self {
            owner: manifest.owner.to_string(),
            url: manifest.url.to_string(),
            audience: manifest.audience.to_string(),
            strategy: manifest.strategy.to_string(),
            required_scope: manifest.required_scope.to_string(),
        }
    }
}

impl ToolView {
    fn of(tool: &Tool, server: &Server) -> Self {
        Self {
            name: tool.name.to_string(),
            title: tool.title.clone(),
            description: tool.description.clone(),
            disabled: server.disabled_tools.contains_key(&tool.name),
            digest: tool.digest.to_string(),
        }
    }
}
