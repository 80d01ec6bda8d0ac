//! The Rust SDK's client of the session revisions, as a host that answers whatever a server asks, and notes what it hears.

#![expect(
    deprecated,
    reason = "what sessions have and later revisions will not: roots, sampling, log messages"
)]

use std::sync::Arc;

use onedoor_tests::{dev::Dev, wait};
use rmcp::{
    ClientHandler, RoleClient, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, CreateMessageRequestParams,
        CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, Implementation,
        ListRootsResult, LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion, Root,
    },
    service::{NotificationContext, RequestContext, RunningService, ServiceError},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// A client that is connected.
pub(super) type Client = RunningService<RoleClient, Host>;

/// Whoever sits at the client.
#[derive(Clone, Debug)]
pub(super) struct Host {
    version: ProtocolVersion,
    heard: Arc<watch::Sender<Vec<Heard>>>,
}

/// What a client heard without having asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Log(Value),
    Progress(f64),
    ToolsChanged,
}

impl Host {
    pub(super) fn new(version: ProtocolVersion) -> Self {
        Self {
            version,
            heard: Arc::default(),
        }
    }

    /// Connects as `analyst`.
    pub(super) async fn connect(self, dev: &Dev, url: &str) -> Client {
        wait::within("a session", self.serve(transport(dev, url).await))
            .await
            .unwrap()
    }

    /// Waits until it has heard so many of a kind.
    pub(super) async fn hears(&self, number: usize, is_one: impl Fn(&Heard) -> bool) {
        let mut heard = self.heard.subscribe();
        let enough = heard.wait_for(|heard| heard.iter().filter(|one| is_one(one)).count() >= number);
        wait::within("what a client should hear", enough).await.unwrap();
    }

    fn note(&self, heard: Heard) {
        self.heard.send_modify(|all| all.push(heard));
    }
}

pub(super) async fn transport(dev: &Dev, url: &str) -> StreamableHttpClientTransport<reqwest::Client> {
    let token = dev.token("analyst").await;
    let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token.expose());
    StreamableHttpClientTransport::with_client(dev.http.clone(), config)
}

pub(super) fn call(tool: &str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments.as_object().unwrap().clone())
}

/// Calls a tool, which must answer in time.
pub(super) async fn called(
    client: &Client,
    tool: &str,
    arguments: Value,
) -> Result<CallToolResult, ServiceError> {
    wait::within(tool, client.call_tool(call(tool, &arguments))).await
}

/// The text of a tool's result.
pub(super) fn text(result: Result<CallToolResult, ServiceError>) -> String {
    let result = serde_json::to_value(result.unwrap()).unwrap();
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

impl ClientHandler for Host {
    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({ "roots": {}, "sampling": {}, "elicitation": {} });
        let capabilities: ClientCapabilities = serde_json::from_value(capabilities).unwrap();
        ClientConfig::new(capabilities, Implementation::new("onedoor-tests", "1"))
            .with_protocol_version(self.version.clone())
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///work")]))
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let answer = json!({
            "role": "assistant", "model": "none", "content": { "type": "text", "text": "short" },
        });
        Ok(serde_json::from_value(answer).unwrap())
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "name": "Ada" })))
    }

    async fn on_logging_message(
        &self,
        message: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.note(Heard::Log(message.data));
    }

    async fn on_progress(&self, update: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.note(Heard::Progress(update.progress));
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.note(Heard::ToolsChanged);
    }
}
