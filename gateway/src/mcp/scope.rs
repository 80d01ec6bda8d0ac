//! What an MCP endpoint stands for: one server at a stage, or all of the caller's.

use onedoor_model::{
    decide::{DenialReason, Method, Operation, Request as Wanted},
    ids::{Slug, ToolName},
    registry::Stage,
};

/// Between slug and tool in a full name. No slug has an underscore, so the first one ends the slug.
const SEPARATOR: &str = "__";

/// What an endpoint stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// `/servers/{name}/mcp` and `/servers/{name}/qa/mcp`: one server, as the URL names it, under its tools' own names.
    Server {
        /// As the caller wrote it.
        slug: &'a str,
        /// Which of its versions.
        stage: Stage,
    },
    /// `/mcp`: every server in production, tools under their full names.
    All,
}

/// The full name of a tool.
pub(crate) fn full_name(server: &Slug, tool: &ToolName) -> String {
    format!("{server}{SEPARATOR}{tool}")
}

impl<'a> Scope<'a> {
    /// What a request asks of one server; none where it asks about all.
    ///
    /// # Errors
    /// When no such server or tool can exist.
    pub(super) fn wanted(self, method: Method, name: Option<&str>) -> Result<Option<Wanted>, DenialReason> {
        let (slug, stage, tool) = match (self, method) {
            (Self::All, Method::Discover | Method::ListTools) => return Ok(None),
            (Self::All, Method::CallTool) => {
                let (slug, tool) = name
                    .and_then(|name| name.split_once(SEPARATOR))
                    .ok_or(DenialReason::UnknownTool)?;
                (slug, Stage::Production, Some(tool))
            }
            (Self::Server { slug, stage }, _) => (slug, stage, name),
        };
        let server = Slug::new(slug).map_err(|_| DenialReason::UnknownServer)?;
        let operation = match method {
            Method::Discover => Operation::Discover,
            Method::ListTools => Operation::ListTools,
            Method::CallTool => {
                let tool = ToolName::new(tool.unwrap_or_default());
                Operation::CallTool(tool.map_err(|_| DenialReason::UnknownTool)?)
            }
        };
        Ok(Some(Wanted {
            server,
            stage,
            operation,
        }))
    }

    /// How a denial is told here: where all servers are one, one that may not be known makes a tool unknown.
    pub(super) fn told(self, reason: DenialReason) -> DenialReason {
        match self {
            Self::All if reason.is_hidden() => DenialReason::UnknownTool,
            Self::All | Self::Server { .. } => reason,
        }
    }

    /// The endpoint's path below the data plane's URL. The slug is as the caller wrote it: only a valid one may go back in a header.
    pub(crate) fn path(self) -> Option<String> {
        match self {
            Self::All => Some("mcp".to_owned()),
            Self::Server { slug, stage } => Slug::new(slug).ok().map(|slug| match stage {
                Stage::Production => format!("servers/{slug}/mcp"),
                Stage::Qa => format!("servers/{slug}/qa/mcp"),
            }),
        }
    }

    /// The server as the caller named it.
    pub(super) fn server(self, name: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Server { slug, .. } => Some(slug),
            Self::All => name
                .and_then(|name| name.split_once(SEPARATOR))
                .map(|(slug, _)| slug),
        }
    }

    /// Tells cursors of one endpoint from those of another.
    pub(super) fn list(self) -> String {
        match self {
            Self::Server { slug, stage } => format!("tools/list {slug} {stage}"),
            Self::All => "tools/list".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_a_slug_and_a_tool() {
        let wanted = |name| Scope::All.wanted(Method::CallTool, Some(name));
        for (name, slug, tool) in [
            ("finance__get_balance", "finance", "get_balance"),
            ("a-b__c__d", "a-b", "c__d"),
            ("a___b", "a", "_b"),
        ] {
            let wanted = wanted(name).unwrap().unwrap();
            assert_eq!(wanted.server.as_str(), slug);
            assert_eq!(wanted.stage, Stage::Production);
            assert_eq!(
                wanted.operation,
                Operation::CallTool(ToolName::new(tool).unwrap())
            );
            assert_eq!(full_name(&wanted.server, &ToolName::new(tool).unwrap()), name);
        }
        for name in [
            "",
            "finance",
            "finance_get",
            "__tool",
            "Finance__x",
            "finance__",
            "a b__c",
        ] {
            assert!(wanted(name).is_err(), "{name}");
        }
    }
}
