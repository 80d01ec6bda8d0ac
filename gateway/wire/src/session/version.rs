//! The session revisions.

use std::fmt;

/// A revision of MCP with sessions, older ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionVersion {
    /// The first with streamable HTTP. Its batches, which the next one removed, are refused.
    V2025_03_26,
    /// Brings the `MCP-Protocol-Version` header and elicitation.
    V2025_06_18,
    /// The last one. Brings priming events and `retry`.
    V2025_11_25,
}

impl SessionVersion {
    /// All of them, older ones first.
    pub const ALL: [Self; 3] = [Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25];
    /// The newest.
    pub const LATEST: Self = Self::V2025_11_25;

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }

    /// The revision of this name; `None` if it is not one with sessions that we speak.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == name)
    }

    /// Whether its messages after `initialize` carry the `MCP-Protocol-Version` header.
    #[must_use]
    pub fn has_header(self) -> bool {
        self >= Self::V2025_06_18
    }
}

impl fmt::Display for SessionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of all revisions of an endpoint that has these eras, newest first: what
/// [`UnsupportedVersion`](crate::malformed::Malformed::UnsupportedVersion) tells.
#[must_use]
pub fn versions(stateless: bool, session: bool) -> Vec<&'static str> {
    let stateless = stateless.then_some(crate::PROTOCOL_VERSION);
    let sessions = SessionVersion::ALL.into_iter().rev().filter(|_| session);
    stateless
        .into_iter()
        .chain(sessions.map(SessionVersion::as_str))
        .collect()
}
