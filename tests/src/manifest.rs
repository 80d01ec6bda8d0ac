//! Manifests of servers that tests register.

use std::fmt;

use serde_json::{Value, json};

/// A manifest to be changed and submitted.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members of a manifest, by their names there")]
pub struct Manifest {
    pub slug: String,
    /// A plain HTTP service: each of its tools needs a member `http`.
    pub http: bool,
    pub url: String,
    pub owner: String,
    pub audience: String,
    pub required_scope: String,
    pub strategy: String,
    pub version: String,
    /// Left out where it is none, and for a plain HTTP service: the door then asks the server.
    pub protocol_versions: Option<Vec<String>>,
    pub timeouts: Value,
    pub tools: Vec<Value>,
}

impl Manifest {
    /// A server without sessions, of this slug at this URL, with these tools, each of which takes any arguments.
    pub fn new<'a>(slug: &str, url: &str, tools: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            slug: slug.to_owned(),
            http: false,
            url: url.to_owned(),
            owner: "team".to_owned(),
            audience: format!("api://{slug}"),
            required_scope: format!("{slug}.use"),
            strategy: "gateway-issued".to_owned(),
            version: "1.0.0".to_owned(),
            protocol_versions: Some(vec![crate::mcp::REVISION.to_owned()]),
            timeouts: json!({ "connectMs": 2_000, "firstByteMs": 30_000, "totalMs": 60_000 }),
            tools: tools.into_iter().map(tool).collect(),
        }
    }
}

/// A tool of a plain HTTP service.
#[must_use]
pub fn route(name: &str, method: &str, path: &str) -> Value {
    let mut tool = tool(name);
    tool["http"] = json!({ "method": method, "path": path });
    tool
}

/// A tool that takes any arguments.
#[must_use]
pub fn tool(name: &str) -> Value {
    json!({ "name": name, "description": format!("The tool {name}"), "inputSchema": { "type": "object" } })
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut manifest = json!({
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": format!("dev.onedoor.tests/{}", self.slug),
            "description": "A server of the end-to-end tests",
            "version": self.version,
            "_meta": { "dev.onedoor/server": {
                "slug": self.slug,
                "owner": self.owner,
                "audience": self.audience,
                "requiredScope": self.required_scope,
                "strategy": self.strategy,
                "timeouts": self.timeouts,
                "tools": self.tools,
            }},
        });
        if self.http {
            manifest["_meta"]["dev.onedoor/server"]["http"] = json!({ "url": self.url });
        } else {
            if let Some(versions) = &self.protocol_versions {
                manifest["_meta"]["dev.onedoor/server"]["protocolVersions"] = json!(versions);
            }
            manifest["remotes"] = json!([{ "type": "streamable-http", "url": self.url }]);
        }
        write!(f, "{manifest:#}")
    }
}
