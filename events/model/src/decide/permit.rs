//! Permits: proof that the rule said yes. They can be made only by [`super::decide`], and a [`CallPermit`] cannot be copied: it is
//! used up by the one dispatch it allows.

use std::sync::Arc;

use crate::{
    ids::{GrantId, Revision, ToolName},
    manifest::Tool,
    principal::Principal,
    registry::{Grant, Server, ServerVersion},
};

use super::{Request, Snapshot, VisibleTool};

/// A request that is allowed.
#[derive(Debug)]
pub enum Permit {
    /// To be answered by the door from the approved manifest.
    Discover(ListPermit),
    /// To be answered by the door from the approved manifest.
    ListTools(ListPermit),
    /// To be sent to the server.
    CallTool(CallPermit),
}

/// What a permit allows: for whom and for which server a Token B may be obtained, and what may be asked of that server. Only a permit
/// gives one.
#[derive(Clone, Copy, Debug)]
pub struct Entitlement<'p> {
    principal: &'p Arc<Principal>,
    request: &'p Request,
    server: &'p Arc<Server>,
    version: &'p Arc<ServerVersion>,
    grants: &'p [GrantId],
}

impl Permit {
    /// What it allows.
    #[must_use]
    pub fn entitlement(&self) -> Entitlement<'_> {
        match self {
            Self::Discover(permit) | Self::ListTools(permit) => permit.entitlement(),
            Self::CallTool(permit) => permit.entitlement(),
        }
    }
}

/// Leave to know a server and these tools of it.
#[derive(Debug)]
pub struct ListPermit {
    principal: Arc<Principal>,
    request: Request,
    server: Arc<Server>,
    version: Arc<ServerVersion>,
    tools: Vec<VisibleTool>,
}

/// Leave to make one call. Not `Clone`: forwarding takes it by value.
#[derive(Debug)]
pub struct CallPermit {
    revision: Revision,
    principal: Arc<Principal>,
    request: Request,
    server: Arc<Server>,
    version: Arc<ServerVersion>,
    tool: Arc<Tool>,
    grants: Vec<GrantId>,
}

impl<'p> Entitlement<'p> {
    /// On whose behalf.
    #[must_use]
    pub fn principal(self) -> &'p Arc<Principal> {
        self.principal
    }

    /// What was asked, to be decided anew when the registry has moved on.
    #[must_use]
    pub fn request(self) -> &'p Request {
        self.request
    }

    /// For which server.
    #[must_use]
    pub fn server(self) -> &'p Arc<Server> {
        self.server
    }

    /// For which version of it: audience, scope and strategy are its manifest's.
    #[must_use]
    pub fn version(self) -> &'p Arc<ServerVersion> {
        self.version
    }

    /// The grants that allow a call, as its record names them; none where no call is allowed.
    #[must_use]
    pub fn grants(self) -> &'p [GrantId] {
        self.grants
    }
}

impl ListPermit {
    pub(super) fn new(
        principal: &Arc<Principal>,
        request: &Request,
        server: &Arc<Server>,
        version: &Arc<ServerVersion>,
        tools: Vec<VisibleTool>,
    ) -> Self {
        Self {
            principal: Arc::clone(principal),
            request: request.clone(),
            server: Arc::clone(server),
            version: Arc::clone(version),
            tools,
        }
    }

    /// Who may know of it.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// What was asked, to be decided anew when the registry has moved on.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The version that serves the stage asked for.
    #[must_use]
    pub fn version(&self) -> &Arc<ServerVersion> {
        &self.version
    }

    /// What it allows.
    #[must_use]
    pub fn entitlement(&self) -> Entitlement<'_> {
        Entitlement {
            principal: &self.principal,
            request: &self.request,
            server: &self.server,
            version: &self.version,
            grants: &[],
        }
    }

    /// The tools the caller may call, by name.
    #[must_use]
    pub fn tools(&self) -> &[VisibleTool] {
        &self.tools
    }
}

impl CallPermit {
    pub(super) fn new(
        snapshot: &Snapshot,
        principal: &Arc<Principal>,
        request: &Request,
        server: &Arc<Server>,
        version: &Arc<ServerVersion>,
        tool: &Arc<Tool>,
        grants: &[&Grant],
    ) -> Self {
        Self {
            revision: snapshot.revision(),
            principal: Arc::clone(principal),
            request: request.clone(),
            server: Arc::clone(server),
            version: Arc::clone(version),
            tool: Arc::clone(tool),
            grants: grants.iter().map(|grant| grant.id).collect(),
        }
    }

    /// The revision decided on.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Who may call.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// What was asked, to be decided anew when the registry has moved on.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The version of it that serves the call.
    #[must_use]
    pub fn version(&self) -> &Arc<ServerVersion> {
        &self.version
    }

    /// What it allows.
    #[must_use]
    pub fn entitlement(&self) -> Entitlement<'_> {
        Entitlement {
            principal: &self.principal,
            request: &self.request,
            server: &self.server,
            version: &self.version,
            grants: &self.grants,
        }
    }

    /// The tool.
    #[must_use]
    pub fn tool(&self) -> &ToolName {
        &self.tool.name
    }

    /// The tool's approved definition.
    #[must_use]
    pub fn definition(&self) -> &Tool {
        &self.tool
    }

    /// The grants that allow it, by id.
    #[must_use]
    pub fn grants(&self) -> &[GrantId] {
        &self.grants
    }
}
