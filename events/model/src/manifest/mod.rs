//! The manifest: what a tool owner submits to register a server, kept byte for byte.
//!
//! It is the official registry's `server.json` (schema 2025-12-11, unchanged) with Onedoor's part under
//! `_meta["dev.onedoor/server"]`. An MCP server is the one `streamable-http` remote; a plain HTTP service has no remote, as those are
//! MCP's, but a member `http` in Onedoor's part and in each tool.
//!
//! # Two ways to read one
//! - [`check`] is for a person who submits one. It holds every rule and reports every fault at once.
//! - [`read`] is for the fold, which meets manifests that were accepted earlier, perhaps by an older Onedoor. It wants only what a
//!   [`Manifest`] cannot be made without.
//!
//! Both are the same walk over the document and make the same [`Manifest`]. The walk marks each fault as *unreadable* or
//! *unacceptable*, and `read` overlooks the second kind. So rules for new manifests may become stricter, and a library that judges
//! schemas may change its mind, without making a log unreadable.
//!
//! **Invariant: what `read` accepts may only widen over time.** An accepted manifest stays in the registry's log for ever, and a
//! registry event that cannot be read stops every replica. Adding a call of `Findings::unreadable`, or a rule to a name in
//! [`crate::ids`] that a manifest holds, breaks logs.
//!
//! Both are total and deterministic: the same bytes give the same answer on every machine and in every build. Nothing read from a
//! manifest depends on optional features of `serde_json`, which other packages switch on and off.

mod address;
mod canonical;
mod document;
mod eras;
mod faults;
mod headers;
mod members;
mod remote;
mod route;
mod schema;
mod schema_rules;
mod server_json;
mod server_part;
mod service;
mod shape;
mod timeouts;
mod tools;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use self::{
    document::Node,
    faults::{Findings, Purpose},
};
pub use self::{
    eras::Eras,
    faults::{Fault, Faults, MAX_FAULTS},
    headers::{HeaderKind, McpHeader},
    route::{HttpMethod, PathTemplate, Route},
    timeouts::Timeouts,
};
use crate::{
    ids::{Digest, Scope, Slug, ToolName},
    path::CanonicalPath,
};

/// The name under `_meta` that holds Onedoor's part of a manifest.
pub const META_KEY: &str = "dev.onedoor/server";
/// The most bytes that a manifest may have.
pub const MAX_BYTES: usize = 512 * 1024;
/// The most tools that a manifest may declare.
pub const MAX_TOOLS: usize = 1_000;

/// A manifest that was read: everything Onedoor uses of it. Two are equal if they were made from the same bytes.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The server's name in the official registry's form, `namespace/name`.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does, in one sentence.
    pub description: String,
    /// The owner's version text. Onedoor counts versions itself ([`crate::ids::VersionNumber`]).
    pub version: String,
    /// Its name in URLs and full tool names.
    pub slug: Slug,
    /// Who answers for it.
    pub owner: Owner,
    /// What it speaks.
    pub kind: ServerKind,
    /// Its MCP endpoint, or the base URL of a plain HTTP service: http or https, with a host, without credentials, query and
    /// fragment.
    pub url: Url,
    /// Whom a Token B for it is meant for.
    pub audience: Audience,
    /// The scope that a Token B for it carries.
    pub required_scope: Scope,
    /// How its Token B is obtained.
    pub strategy: Strategy,
    /// The path, on the origin of `url`, that answers when the server is well.
    pub health_path: Option<String>,
    /// The eras of MCP it speaks; none: not said.
    pub eras: Option<Eras>,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// Its tools, in the order of their names.
    pub tools: BTreeMap<ToolName, Arc<Tool>>,
    /// SHA-256 of the submitted bytes.
    pub digest: Digest,
}

/// One callable of a server. Two are equal if their definitions are written in the same way.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name as the server knows it.
    pub name: ToolName,
    /// Its name for people: `title`, else `annotations.title` (MCP 2026-07-28, Tool).
    pub title: Option<String>,
    /// What it does, for people and models.
    pub description: String,
    /// JSON Schema 2020-12 of its arguments, as in the manifest.
    pub input_schema: Box<RawValue>,
    /// JSON Schema 2020-12 of its structured result, as in the manifest.
    pub output_schema: Option<Box<RawValue>>,
    /// Hints on its behaviour (MCP `ToolAnnotations`), as in the manifest.
    pub annotations: Option<Box<RawValue>>,
    /// The whole tool object exactly as in the manifest. It may contain line breaks.
    pub definition: Box<RawValue>,
    /// SHA-256 of the definition in canonical form: members sorted by name, no white space between tokens, text escaped in one way,
    /// numbers as the owner wrote them. Another order of members is the same digest, another meaning is another one.
    pub digest: Digest,
    /// Arguments that are repeated in HTTP headers (`x-mcp-header`), in the order of the schema.
    pub mcp_headers: Vec<McpHeader>,
    /// Which requests are calls of it: of a plain HTTP service's tools each has one, of others none.
    pub route: Option<Route>,
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerKind {
    /// MCP over Streamable HTTP.
    Mcp,
    /// Plain HTTP: its tools are routes below its URL.
    Http,
}

/// Who answers for a server: a team or a person, as the organisation names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

/// Whom a Token B is meant for (`aud`, RFC 7519 §4.1.3): a URI, or an app's GUID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audience(String);

/// How the Token B of a server is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// A short JWT signed by the gateway, its keys at the gateway's JWKS.
    GatewayIssued,
    /// Exchanged at Microsoft Entra on behalf of the user (`urn:ietf:params:oauth:grant-type:jwt-bearer`,
    /// `requested_token_use=on_behalf_of`).
    EntraObo,
}

/// What binds a server's tokens to a place. A `Security.Admin` approves it, and another tie needs another approval: else an owner
/// could register a host of his own with another tool's audience and harvest its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tie {
    /// Who answers for the server.
    pub owner: Owner,
    /// Scheme, host and port of `url` (RFC 6454 §6.2; a scheme's default port is left out).
    pub origin: String,
    /// The endpoint. Its path counts too: one host may serve many tools.
    pub url: Url,
    /// Whom its tokens are meant for.
    pub audience: Audience,
    /// How they are obtained.
    pub strategy: Strategy,
    /// The scope they carry.
    pub required_scope: Scope,
}

/// Reads a manifest that was accepted before. See the [module](self) for what it overlooks.
///
/// # Errors
/// [`Faults`] that make it unreadable.
pub fn read(bytes: &[u8]) -> Result<Manifest, Faults> {
    walk(bytes, Purpose::Fold)
}

/// Reads a manifest that is submitted, holding every rule.
///
/// # Errors
/// Every fault at once, in the order of the document. All are the submitter's to mend.
pub fn check(bytes: &[u8]) -> Result<Manifest, Faults> {
    if bytes.len() > MAX_BYTES {
        return Err(Faults::whole(
            format!("the manifest has {} bytes, {MAX_BYTES} are allowed", bytes.len()),
            "shorten descriptions and schemas, or split the server in two",
        ));
    }
    walk(bytes, Purpose::Registration)
}

fn walk(bytes: &[u8], purpose: Purpose) -> Result<Manifest, Faults> {
    let text = document::text(bytes)?;
    let mut findings = Findings::new(purpose);
    let root = Node::read(text, &mut findings)?;
    let manifest = server_json::read(&root, Digest::of(bytes), &mut findings);
    findings.conclude(manifest, &root)
}

impl Manifest {
    /// The tool that a plain HTTP request is a call of: of the routes that fit, the first in precedence.
    #[must_use]
    pub fn routed(&self, method: HttpMethod, path: &CanonicalPath) -> Option<&Arc<Tool>> {
        let fitting = self.tools.values().filter_map(|tool| {
            let route = tool.route.as_ref()?;
            route.fits(method, path).then_some((route, tool))
        });
        let (_, tool) = fitting.min_by(|(one, _), (other, _)| one.precedence().cmp(other.precedence()))?;
        Some(tool)
    }

    /// The part that a `Security.Admin` approves.
    #[must_use]
    pub fn tie(&self) -> Tie {
        Tie {
            owner: self.owner.clone(),
            origin: self.url.origin().ascii_serialization(),
            url: self.url.clone(),
            audience: self.audience.clone(),
            strategy: self.strategy,
            required_scope: self.required_scope.clone(),
        }
    }
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Manifest {}

impl PartialEq for Tool {
    fn eq(&self, other: &Self) -> bool {
        self.definition.get() == other.definition.get()
    }
}

impl Eq for Tool {}

impl Owner {
    /// The owner as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Audience {
    /// The audience as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Strategy {
    /// Every strategy of this version.
    pub const ALL: [Self; 2] = [Self::GatewayIssued, Self::EntraObo];

    /// The strategy as a manifest writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GatewayIssued => "gateway-issued",
            Self::EntraObo => "entra-obo",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
