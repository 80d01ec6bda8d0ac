//! How a demonstration MCP server is served: `/mcp` behind Token B, `/healthz` for everyone.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router, middleware};
use rmcp::ErrorData;
use rmcp::ServerHandler;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::token_b::{Caller, Verifier, require_token_b};
use crate::work::Activity;

/// Path of the MCP endpoint.
pub const MCP_PATH: &str = "/mcp";
/// Path of the health probe. It answers with the counts of [`Activity`], too.
pub const HEALTH_PATH: &str = "/healthz";

/// What a demonstration server needs to know.
#[derive(Debug, Clone)]
pub struct DemoServerConfig {
    /// The `iss` of the gateway's Token B.
    pub gateway_issuer: String,
    /// Where the gateway publishes its keys. Read when the first call comes, not before.
    pub gateway_jwks_url: Url,
    /// The `Host`s to serve beside loopback's, where others than this machine's own processes call: `demo`, `demo:9100`.
    pub hosts: Vec<String>,
    /// Where long-running tools are counted.
    pub activity: Activity,
    /// Cancelled to stop: running tools are cancelled and open streams end.
    pub shutdown: CancellationToken,
}

/// Whom the tool acted for, as its Token B says
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ActedFor {
    /// Subject of Token B
    user: String,
    /// Display name, if Token B has one
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Client application, if Token B names it
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl DemoServerConfig {
    /// A server behind the gateway with this issuer and these keys.
    #[must_use]
    pub fn new(gateway_issuer: impl Into<String>, gateway_jwks_url: Url) -> Self {
        Self {
            gateway_issuer: gateway_issuer.into(),
            gateway_jwks_url,
            hosts: Vec::new(),
            activity: Activity::default(),
            shutdown: CancellationToken::new(),
        }
    }
}

/// Serves `tools` to callers whose Token B is for `audience` with `required_scope`.
///
/// Both eras of MCP, both without sessions: a request says all there is to know, and its Token B counts for it alone.
/// An answer is JSON, or SSE once a tool has sent progress. Only the configured `Host`s and loopback's, and no browsers (`Origin`), are served.
pub(crate) fn serve<S: ServerHandler + Clone + Send + Sync + 'static>(
    tools: S,
    audience: &'static str,
    required_scope: &'static str,
    config: DemoServerConfig,
) -> Router {
    let DemoServerConfig {
        gateway_issuer,
        gateway_jwks_url,
        hosts,
        activity,
        shutdown,
    } = config;
    let verifier = Verifier::new(&gateway_issuer, gateway_jwks_url, audience, required_scope);
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mcp = StreamableHttpService::new(
        move || Ok(tools.clone()),
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .enforce_origin_validation()
            .with_allowed_hosts(loopback.into_iter().chain(hosts))
            .with_cancellation_token(shutdown),
    );
    Router::new()
        .route_service(MCP_PATH, mcp)
        .layer(middleware::from_fn_with_state(
            Arc::new(verifier),
            require_token_b,
        ))
        .route(
            HEALTH_PATH,
            get(async move || Json(json!({ "status": "ok", "longRunning": activity.counts() }))),
        )
}

/// A tool takes its [`Caller`] as an argument.
impl<S> FromContextPart<ToolCallContext<'_, S>> for Caller {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let parts = context
            .request_context()
            .extensions
            .get::<axum::http::request::Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Self>()).cloned();
        caller.ok_or_else(|| ErrorData::internal_error("no caller: Token B was not verified", None))
    }
}

impl From<Caller> for ActedFor {
    fn from(caller: Caller) -> Self {
        Self {
            user: caller.sub,
            name: caller.name,
            client: caller.client_id,
        }
    }
}
