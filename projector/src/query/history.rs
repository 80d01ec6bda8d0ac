//! What was done to a server, by whom, and what came to nothing.

use std::num::NonZeroU32;

use jiff::Timestamp;
use onedoor_model::{
    ids::{AggregateVersion, CommandId, Offset, ServerId},
    principal::Actor,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ServerSelector, milliseconds};

/// Whose history.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// The server.
    pub server: ServerSelector,
    /// Entries on a page.
    pub limit: NonZeroU32,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// An event of the registry: a change, or an attempt at one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    /// Its offset in the stream: its revision, and the version it gave to what it changed.
    pub revision: Offset,
    /// When, by the clock of the replica that took the command. The order is that of revisions.
    #[serde(serialize_with = "milliseconds")]
    pub time: Timestamp,
    /// The event's type, such as `dev.onedoor.ServerDisabled.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    pub aggregate: Aggregate,
    /// The id of what it is about.
    pub aggregate_id: String,
    /// The server it concerns.
    pub server_id: Option<ServerId>,
    /// That server's slug.
    pub server: Option<String>,
    /// The change that was asked for. A manifest is given as its digest.
    pub change: Value,
    /// Who asked for it.
    pub actor: Option<Actor>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// The command.
    pub command: CommandId,
    /// Method and path it was sent to.
    pub route: String,
    /// The version of the aggregate that it was given for.
    pub expected: Option<AggregateVersion>,
    /// What became of it.
    pub verdict: VerdictKind,
    /// What stood in its way, in words.
    pub conflict: Option<String>,
    /// The revision of the event that won over it, where it was another event.
    pub won: Option<Offset>,
}

/// What a registry event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Aggregate {
    Log,
    Server,
    Grant,
    Block,
    Issuer,
    Settings,
}

/// What became of a registry event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// It took effect.
    Effective,
    /// The same command had taken effect before.
    Duplicate,
    /// Something else won.
    Refused,
}

impl Aggregate {
    /// Its name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Server => "server",
            Self::Grant => "grant",
            Self::Block => "block",
            Self::Issuer => "issuer",
            Self::Settings => "settings",
        }
    }
}

impl VerdictKind {
    /// Its name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Effective => "effective",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        use Aggregate::{Block, Grant, Issuer, Log, Server, Settings};
        for aggregate in [Log, Server, Grant, Block, Issuer, Settings] {
            assert_eq!(serde_json::to_value(aggregate).unwrap(), aggregate.as_str());
        }
        for verdict in [
            VerdictKind::Effective,
            VerdictKind::Duplicate,
            VerdictKind::Refused,
        ] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
        }
    }
}
