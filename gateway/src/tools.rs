//! `GET /tools`: every tool the caller may call, over all servers, with its schemas.

use std::sync::Arc;

use axum::{
    extract::{ConnectInfo, Query, State},
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use onedoor_model::{
    decide::{DenialReason, VisibleTool, visible_tools},
    ids::{CallId, Digest, Slug, ToolName},
    registry::Stage,
};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use uuid::Uuid;

use crate::{
    door::{Door, Refused},
    http_tools::base_path,
    mcp::full_name,
    paging::{Page, Paging},
    problem::problem,
    refusal::{HttpReason, Reason},
};

/// The query of `GET /tools`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolsQuery {
    /// Only this server's.
    server: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page at most.
    limit: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolsPage<'a> {
    tools: Vec<ListedTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A tool as the caller would use it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedTool<'a> {
    /// Full name: `slug__tool`.
    name: String,
    server: &'a Slug,
    /// The tool's name on the server's own endpoint.
    tool: &'a ToolName,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    description: &'a str,
    input_schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a RawValue>,
    stage: Stage,
    /// HTTP method, of a tool of a plain HTTP service.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    /// Where to call it: an MCP endpoint, or a plain HTTP tool's own URL with its open places, as `{id}`.
    url: String,
}

/// GET `/tools`
pub(crate) async fn list(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<std::net::SocketAddr>,
    headers: HeaderMap,
    query: Result<Query<ToolsQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let principal = match door.authenticate(&headers, source.ip()).await {
        Ok(caller) => caller.principal,
        Err(refusal) => {
            return refusal.respond(&door.resource_metadata(&headers, Some("tools".to_owned())));
        }
    };
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return bad_query("query", &rejection.body_text()),
    };
    if let Err(reason) = door.fresh().await {
        let title = reason.told().message;
        let reason = HttpReason::Stale;
        return problem(reason.status(), reason.name(), title, [("errors", json!([]))]);
    }
    let snapshot = door.registry.snapshot();
    if let Err(denial) = snapshot.admit(&principal) {
        let route = Refused {
            operation: "GET /tools",
            server: query.server.as_deref(),
            tool: None,
        };
        door.record_denial(&principal, CallId(Uuid::now_v7()), route, denial, None);
        let reason = if denial == DenialReason::RestoreNotAccepted {
            HttpReason::RestoreNotAccepted
        } else {
            HttpReason::Blocked
        };
        let title = Reason::Denied(denial).told().message;
        return problem(reason.status(), reason.name(), title, [("errors", json!([]))]);
    }
    let limits = &snapshot.settings().limits;
    let limit = query.limit.unwrap_or(limits.page);
    if !(1..=limits.page_max).contains(&limit) {
        return bad_query(
            "limit",
            &format!("limit must be between 1 and {}", limits.page_max),
        );
    }
    let scope = format!("/tools {}", query.server.as_deref().unwrap_or_default());
    let paging = match Paging::new(&door.cursors, &principal, &scope, query.cursor.as_deref(), limit) {
        Ok(paging) => paging,
        Err(fault) => return bad_query("cursor", &fault.to_string()),
    };
    let mut tools = visible_tools(&snapshot, &principal);
    if let Some(server) = &query.server {
        tools.retain(|tool| tool.server.slug.as_str() == server);
    }
    let Page { entries, next_cursor } = paging.page(&tools, position);
    let tools = entries
        .iter()
        .map(|tool| listed(tool, &door.public_url))
        .collect();
    answer(&headers, &ToolsPage { tools, next_cursor })
}

/// Where a tool stands in the list: its order is that of [`visible_tools`], by slug, stage and name.
fn position(tool: &VisibleTool) -> String {
    // Production before QA: '0' before '1'. No part can hold a space.
    let stage = match tool.stage {
        Stage::Production => '0',
        Stage::Qa => '1',
    };
    format!("{} {stage} {}", tool.server.slug, tool.tool.name)
}

fn listed<'a>(visible: &'a VisibleTool, public_url: &str) -> ListedTool<'a> {
    let (server, tool) = (&visible.server.slug, &*visible.tool);
    let path = match (&tool.route, visible.stage) {
        (Some(route), stage) => format!("{}{}", base_path(server, stage), route.template),
        (None, Stage::Production) => format!("/servers/{server}/mcp"),
        (None, Stage::Qa) => format!("/servers/{server}/qa/mcp"),
    };
    ListedTool {
        name: full_name(server, &tool.name),
        server,
        tool: &tool.name,
        title: tool.title.as_deref(),
        description: &tool.description,
        input_schema: &tool.input_schema,
        output_schema: tool.output_schema.as_deref(),
        annotations: tool.annotations.as_deref(),
        stage: visible.stage,
        method: tool.route.as_ref().map(|route| route.method.as_str()),
        url: format!("{public_url}{path}"),
    }
}

fn answer(headers: &HeaderMap, page: &ToolsPage<'_>) -> Response {
    let body = match serde_json::to_vec(page) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "a list of tools cannot be written as JSON");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let tag = format!("\"{}\"", Digest::of(&body));
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let unchanged = known.flat_map(|tags| tags.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(http::header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    // The list is the caller's own, and good until the next grant change: to be asked for again each time.
    headers.insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(http::header::VARY, HeaderValue::from_static("authorization"));
    response
}

/// A query that cannot be answered.
fn bad_query(parameter: &str, message: &str) -> Response {
    let fault = json!({
        "pointer": format!("?{parameter}"), "message": message, "hint": "GET /tools takes server, cursor and limit",
    });
    let reason = HttpReason::BadQuery;
    let errors = ("errors", json!([fault]));
    problem(reason.status(), reason.name(), "The query is not valid", [errors])
}
