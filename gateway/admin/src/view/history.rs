//! How an event of the registry is shown.

use onedoor_projector::{HistoryRow, Page};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::touch::ActorView;

/// A page of a server's history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryList {
    /// The oldest first.
    pub events: Vec<HistoryView>,
    /// Give it as `cursor` to get what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A change, or an attempt at one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryView {
    /// Its revision.
    pub revision: u64,
    /// When the command was taken; RFC 3339 with milliseconds.
    pub time: String,
    /// The event's type, such as `dev.onedoor.ServerDisabled.v1`.
    pub r#type: String,
    /// What it is about: `server` or `grant`.
    pub aggregate: String,
    /// The id of what it is about.
    pub aggregate_id: String,
    /// The server's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_id: Option<String>,
    /// The server's slug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What was asked for. A manifest is given as its digest.
    #[schema(value_type = Object)]
    pub change: Value,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorView>,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The command's name.
    pub command: String,
    /// Method and path it was sent to.
    pub route: String,
    /// The version it was given for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// What became of it: `effective`, `duplicate` or `refused`.
    pub verdict: String,
    /// What stood in its way, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
    /// The revision of the event that won over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub won: Option<u64>,
}

impl HistoryList {
    /// How a page of a history is shown.
    #[must_use]
    pub(crate) fn of(page: Page<HistoryRow>) -> Self {
        Self {
            events: page.items.into_iter().map(HistoryView::of).collect(),
            next_cursor: page.next_cursor,
        }
    }
}

impl HistoryView {
    fn of(row: HistoryRow) -> Self {
        Self {
            revision: row.revision.0,
            time: format!("{:.3}", row.time),
            r#type: row.kind,
            aggregate: row.aggregate.as_str().to_owned(),
            aggregate_id: row.aggregate_id,
            server_id: row.server_id.map(|id| id.to_string()),
            server: row.server,
            change: row.change,
            actor: row.actor.as_ref().map(ActorView::of),
            reason: row.reason,
            command: row.command.to_string(),
            route: row.route,
            expected: row.expected.map(|version| version.0),
            verdict: row.verdict.as_str().to_owned(),
            conflict: row.conflict,
            won: row.won.map(|won| won.0),
        }
    }
}
