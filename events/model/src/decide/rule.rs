//! The rule itself. Listing and calling go through the same function, so what is listed is exactly what can be called.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Slug, ToolName},
    manifest::{HttpMethod, ServerKind, Tool},
    path::CanonicalPath,
    principal::Principal,
    registry::{Grant, Server, ServerVersion, Stage},
};

use super::{CallPermit, ListPermit, Permit, Snapshot};

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The server, as the URL names it.
    pub server: Slug,
    /// The stage, as the URL names it.
    pub stage: Stage,
    /// What to do.
    pub operation: Operation,
}

/// An operation: of the table [`super::METHODS`] on an MCP server, or a request of a plain HTTP service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Say what the server can do.
    Discover,
    /// List the caller's tools.
    ListTools,
    /// Call a tool.
    CallTool(ToolName),
    /// Call the tool of a plain HTTP service that a request is for.
    CallRoute {
        /// Its method.
        method: HttpMethod,
        /// Its path within the service.
        path: CanonicalPath,
    },
}

/// Why a request is refused. The true reason: what the caller is told is the door's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// A block keeps the user or the client app out.
    Blocked,
    /// The log was restored from a backup, and no `Security.Admin` has accepted that yet.
    RestoreNotAccepted,
    /// No server has this slug.
    UnknownServer,
    /// No grant of the caller reaches any tool of the server at this stage.
    ServerNotGranted,
    /// The server is asked in MCP and speaks plain HTTP, or the other way round.
    WrongKind,
    /// The server has no version at this stage.
    NoVersion,
    /// The version's tie of audience, origin and owner is not approved.
    NotApproved,
    /// The server has no such tool.
    UnknownTool,
    /// No grant of the caller reaches this tool.
    ToolNotGranted,
    /// The server is disabled.
    ServerDisabled,
    /// The tool is disabled.
    ToolDisabled,
}

/// A tool that the caller may call.
#[derive(Clone, Debug)]
pub struct VisibleTool {
    /// The server.
    pub server: Arc<Server>,
    /// The version that would serve it.
    pub version: Arc<ServerVersion>,
    /// The stage it is visible at.
    pub stage: Stage,
    /// The tool, as approved.
    pub tool: Arc<Tool>,
}

impl DenialReason {
    /// All reasons.
    pub const ALL: [Self; 11] = [
        Self::Blocked,
        Self::RestoreNotAccepted,
        Self::UnknownServer,
        Self::ServerNotGranted,
        Self::WrongKind,
        Self::NoVersion,
        Self::NotApproved,
        Self::UnknownTool,
        Self::ToolNotGranted,
        Self::ServerDisabled,
        Self::ToolDisabled,
    ];

    /// Whether the answer must not differ from the one for a thing that does not exist: the caller may not know that it does.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        match self {
            Self::UnknownServer
            | Self::ServerNotGranted
            | Self::WrongKind
            | Self::NoVersion
            | Self::NotApproved
            | Self::UnknownTool
            | Self::ToolNotGranted => true,
            Self::Blocked | Self::RestoreNotAccepted | Self::ServerDisabled | Self::ToolDisabled => false,
        }
    }
}

/// Decides one request. The only source of a [`Permit`].
///
/// # Errors
/// The reason of the denial. Grants are looked at before anything that a caller without one could learn from.
pub fn decide(
    snapshot: &Snapshot,
    principal: &Arc<Principal>,
    request: &Request,
) -> Result<Permit, DenialReason> {
    snapshot.admit(principal)?;
    let server = snapshot
        .server(request.server.as_str())
        .ok_or(DenialReason::UnknownServer)?;
    let grants = grants_at(snapshot, principal, server, request.stage);
    if grants.is_empty() {
        return Err(DenialReason::ServerNotGranted);
    }
    let version = served(server, request.stage)?;
    if request.operation.kind() != version.manifest.kind {
        return Err(DenialReason::WrongKind);
    }
    let name = match &request.operation {
        Operation::Discover | Operation::ListTools => {
            return if server.disabled.is_some() {
                Err(DenialReason::ServerDisabled)
            } else {
                let tools = callable(server, version, request.stage, &grants);
                let permit = ListPermit::new(principal, request, server, version, tools);
                Ok(if request.operation == Operation::Discover {
                    Permit::Discover(permit)
                } else {
                    Permit::ListTools(permit)
                })
            };
        }
        Operation::CallTool(name) => name,
        Operation::CallRoute { method, path } => {
            let tool = version.manifest.routed(*method, path);
            &tool.ok_or(DenialReason::UnknownTool)?.name
        }
    };
    let grants = reaching(&grants, name);
    if grants.is_empty() {
        let known = version.manifest.tools.contains_key(name);
        return Err(if known {
            DenialReason::ToolNotGranted
        } else {
            DenialReason::UnknownTool
        });
    }
    let tool = enabled(server, version, name)?;
    Ok(Permit::CallTool(CallPermit::new(
        snapshot, principal, request, server, version, tool, &grants,
    )))
}

impl Operation {
    /// The servers it can be asked of.
    fn kind(&self) -> ServerKind {
        match self {
            Self::Discover | Self::ListTools | Self::CallTool(_) => ServerKind::Mcp,
            Self::CallRoute { .. } => ServerKind::Http,
        }
    }
}

impl VisibleTool {
    /// What it is called in.
    #[must_use]
    pub fn kind(&self) -> ServerKind {
        self.version.manifest.kind
    }
}

/// The tool that a request is for, whoever asks; for the record of a denial.
#[must_use]
pub fn sought<'s>(snapshot: &'s Snapshot, request: &Request) -> Option<&'s Arc<Tool>> {
    let server = snapshot.server(request.server.as_str())?;
    let manifest = &served(server, request.stage).ok()?.manifest;
    match &request.operation {
        Operation::Discover | Operation::ListTools => None,
        Operation::CallTool(name) => manifest.tools.get(name),
        Operation::CallRoute { method, path } => manifest.routed(*method, path),
    }
}

/// Every tool the caller may call, over all servers of both kinds and both stages, in order of slug, stage and name.
#[must_use]
pub fn visible_tools(snapshot: &Snapshot, principal: &Principal) -> Vec<VisibleTool> {
    if snapshot.admit(principal).is_err() {
        return Vec::new();
    }
    let stages = |server| [(server, Stage::Production), (server, Stage::Qa)];
    snapshot
        .servers()
        .flat_map(stages)
        .filter(|(server, _)| server.disabled.is_none())
        .flat_map(|(server, stage)| {
            let grants = grants_at(snapshot, principal, server, stage);
            served(server, stage)
                .map(|version| callable(server, version, stage, &grants))
                .unwrap_or_default()
        })
        .collect()
}

/// The tools of one server that these grants reach.
fn callable(
    server: &Arc<Server>,
    version: &Arc<ServerVersion>,
    stage: Stage,
    grants: &[&Grant],
) -> Vec<VisibleTool> {
    version
        .manifest
        .tools
        .keys()
        .filter(|name| !reaching(grants, name).is_empty())
        .filter_map(|name| enabled(server, version, name).ok())
        .map(|tool| VisibleTool {
            server: Arc::clone(server),
            version: Arc::clone(version),
            stage,
            tool: Arc::clone(tool),
        })
        .collect()
}

fn grants_at<'s>(
    snapshot: &'s Snapshot,
    principal: &Principal,
    server: &Server,
    stage: Stage,
) -> Vec<&'s Grant> {
    let mut grants = snapshot.grants_of(principal, server.id);
    grants.retain(|grant| grant.stage == stage);
    grants
}

fn reaching<'s>(grants: &[&'s Grant], tool: &ToolName) -> Vec<&'s Grant> {
    grants
        .iter()
        .copied()
        .filter(|grant| grant.tool.as_ref().is_none_or(|granted| granted == tool))
        .collect()
}

/// The version that serves a stage.
fn served(server: &Server, stage: Stage) -> Result<&Arc<ServerVersion>, DenialReason> {
    let version = match stage {
        Stage::Qa => server.latest(),
        Stage::Production => server.production(),
    };
    match version {
        Some(version) if version.approved.is_some() => Ok(version),
        Some(_) => Err(DenialReason::NotApproved),
        None => Err(DenialReason::NoVersion),
    }
}

/// The tool of this name, if it is there and not disabled.
fn enabled<'v>(
    server: &Server,
    version: &'v ServerVersion,
    name: &ToolName,
) -> Result<&'v Arc<Tool>, DenialReason> {
    let tool = version
        .manifest
        .tools
        .get(name)
        .ok_or(DenialReason::UnknownTool)?;
    if server.disabled.is_some() {
        Err(DenialReason::ServerDisabled)
    } else if server.disabled_tools.contains_key(name) {
        Err(DenialReason::ToolDisabled)
    } else {
        Ok(tool)
    }
}
