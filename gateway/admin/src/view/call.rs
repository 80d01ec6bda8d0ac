//! How a call is shown.

use onedoor_projector::{CallRow, Page};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallList {
    /// The newest first.
    pub calls: Vec<CallView>,
    /// Give it as `cursor`, with the same query, to get what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A call, or the refusal of one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallView {
    /// When its record was taken, before it left; RFC 3339 with milliseconds.
    pub time: String,
    /// The call's id, which client and server were told.
    pub call: String,
    /// How it stands: `open`, `succeeded`, `tool_error`, `upstream_error`, `cancelled`, `timed_out`, `not_dispatched`, `unknown`, `denied`.
    pub outcome: String,
    /// Why, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why it should no longer have left when it did: `stale` or `revoked`. Whether the tool did its work is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<String>,
    /// MCP method, or HTTP method and route.
    pub operation: String,
    /// The server's slug at that time; of a refused call, the name that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The server's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_id: Option<String>,
    /// The server's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// `qa` or `production`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The tool; of a refused call, the name that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Trusted issuer's name.
    pub issuer: String,
    /// Tenant.
    pub tenant: String,
    /// User's object id; none for an app on its own behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's name as the token gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Client app.
    pub client: String,
    /// Id of Token A.
    pub token_id: String,
    /// Trace id (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Scope of Token B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<String>,
    /// Audience of Token B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The grants that allowed it.
    pub grants: Vec<String>,
    /// The registry revision it was decided on.
    pub revision: u64,
    /// When its outcome was recorded; RFC 3339 with milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// From the request's arrival to its end, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// From dispatch to the server's first byte, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<f64>,
    /// Bytes of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_size: Option<u64>,
    /// Bytes of the answer that were passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_size: Option<u64>,
}

impl CallList {
    /// How a page of calls is shown.
    #[must_use]
    pub(crate) fn of(page: Page<CallRow>) -> Self {
        Self {
            calls: page.items.into_iter().map(CallView::of).collect(),
            next_cursor: page.next_cursor,
        }
    }
}

impl CallView {
    fn of(row: CallRow) -> Self {
        Self {
            time: format!("{:.3}", row.time),
            call: row.call.to_string(),
            outcome: row.outcome.to_string(),
            cause: row.cause,
            late: row.late,
            operation: row.operation,
            server: row.server,
            server_id: row.server_id.map(|id| id.to_string()),
            version: row.version,
            stage: row.stage,
            tool: row.tool,
            issuer: row.issuer,
            tenant: row.tenant,
            user: row.user,
            user_name: row.user_name,
            client: row.client,
            token_id: row.token_id,
            trace_id: row.trace_id,
            required_scope: row.required_scope,
            audience: row.audience,
            grants: row.grants.iter().map(ToString::to_string).collect(),
            revision: row.revision.0,
            ended: row.ended.map(|ended| format!("{ended:.3}")),
            duration_ms: row.duration_ms,
            upstream_ms: row.upstream_ms,
            arguments_size: row.arguments_size,
            answer_size: row.answer_size,
        }
    }
}
