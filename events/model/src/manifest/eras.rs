//! Which revisions of MCP a server speaks.

use super::{
    ServerKind,
    document::Json,
    faults::{Findings, shown},
    members::{Members, items},
};

/// Revisions with sessions (MCP 2025-11-25 and before, as far as they go over Streamable HTTP).
const SESSION: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// Revisions without.
const STATELESS: [&str; 1] = ["2026-07-28"];
const HINT: &str = "give a list such as [\"2025-11-25\", \"2026-07-28\"], or leave it out: Onedoor finds out";

/// The eras of MCP that a server says it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eras {
    /// A revision with sessions: 2025-03-26, 2025-06-18 or 2025-11-25.
    pub session: bool,
    /// The stateless revision, 2026-07-28.
    pub stateless: bool,
}

/// None where the manifest does not say.
pub(super) fn read(part: Members<'_, '_>, kind: ServerKind, findings: &mut Findings) -> Option<Eras> {
    let node = part.get("protocolVersions")?;
    if kind == ServerKind::Http {
        findings.unacceptable(
            node.at,
            "is for MCP servers, not for a plain HTTP service",
            "remove it",
        );
        return None;
    }
    let Ok(versions) = items(node, HINT, findings) else {
        return None;
    };
    let mut eras = Eras::default();
    for version in versions {
        match &version.json {
            Json::Text(text) if SESSION.contains(&text.as_str()) => eras.session = true,
            Json::Text(text) if STATELESS.contains(&text.as_str()) => eras.stateless = true,
            Json::Text(text) => findings.unacceptable(
                version.at,
                format!("{} is not a revision of MCP that Onedoor speaks", shown(text)),
                HINT,
            ),
            Json::Null | Json::Flag(_) | Json::Number | Json::List(_) | Json::Object(_) | Json::Broken(_) => {
                findings.unacceptable(version.at, format!("must be text, not {}", version.kind()), HINT);
            }
        }
    }
    if versions.is_empty() {
        findings.unacceptable(node.at, "names no revision", HINT);
    }
    (eras != Eras::default()).then_some(eras)
}
