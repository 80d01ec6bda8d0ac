//! What is done to servers and their tools: approve, promote, disable, enable, retire.

use deserr::Deserr;
use onedoor_model::{
    ids::{Slug, ToolName, VersionNumber},
    registry::Command,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::{ApproveServer, DisableServer, EnableServer, Permission, PromoteServer, RetireServer},
    answer::Changed,
    body::{Given, Json},
    endpoint::{Named, endpoint},
    faults::Faults,
    order::{Head, Incoming},
    permission::May,
    precondition::IfMatch,
    reason::Why,
    refusal::Refusal,
    text::Text,
    view::ServerView,
};

/// Why it is done.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub(crate) struct Reasoned {
    /// Why, for those who read the history.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 1000)]
    reason: Option<Text<Why>>,
}

/// To which version it is done, and why.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct VersionChoice {
    /// The version's number; the latest where none is named.
    #[deserr(default)]
    version: Option<u32>,
    /// Why, for those who read the history.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 1000)]
    reason: Option<Text<Why>>,
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_approve, approve))
        .routes(endpoint(__path_promote, promote))
        .routes(endpoint(__path_disable, disable))
        .routes(endpoint(__path_enable, enable))
        .routes(endpoint(__path_retire, retire))
        .routes(endpoint(__path_disable_tool, disable_tool))
        .routes(endpoint(__path_enable_tool, enable_tool))
}

/// Approve a version
///
/// Approves what ties its tokens to a place: owner, URL, audience, strategy and scope. Before that it is served to nobody.
#[utoipa::path(post, path = "/servers/{slug}/approve", operation_id = "approveServer")]
async fn approve(
    may: May<ApproveServer>,
    Named(slug): Named<Slug>,
    incoming: Incoming<Json<VersionChoice>, IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    let version = incoming.body.0.version.map(VersionNumber);
    let command = Command::Approve {
        slug: slug.clone(),
        version,
    };
    change(may, slug, incoming.head, command, Some(incoming.when)).await
}

/// Promote a version
///
/// Puts an approved version into production.
#[utoipa::path(post, path = "/servers/{slug}/promote", operation_id = "promoteServer")]
async fn promote(
    may: May<PromoteServer>,
    Named(slug): Named<Slug>,
    incoming: Incoming<Json<VersionChoice>, IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    let version = incoming.body.0.version.map(VersionNumber);
    let command = Command::Promote {
        slug: slug.clone(),
        version,
    };
    change(may, slug, incoming.head, command, Some(incoming.when)).await
}

/// Disable a server
///
/// Nothing of it is served from the answer on, and its open streams are cut. It takes no `If-Match`: it always wins.
#[utoipa::path(post, path = "/servers/{slug}/disable", operation_id = "disableServer")]
async fn disable(
    may: May<DisableServer>,
    Named(slug): Named<Slug>,
    incoming: Incoming<Json<Reasoned>>,
) -> Result<Changed<ServerView>, Refusal> {
    let command = Command::Disable { slug: slug.clone() };
    change(may, slug, incoming.head, command, None).await
}

/// Enable a server
#[utoipa::path(post, path = "/servers/{slug}/enable", operation_id = "enableServer")]
async fn enable(
    may: May<EnableServer>,
    Named(slug): Named<Slug>,
    incoming: Incoming<Json<Reasoned>, IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    let command = Command::Enable { slug: slug.clone() };
    change(may, slug, incoming.head, command, Some(incoming.when)).await
}

/// Retire a server
///
/// For good: its grants go with it, and its slug is free for another.
#[utoipa::path(post, path = "/servers/{slug}/retire", operation_id = "retireServer")]
async fn retire(
    may: May<RetireServer>,
    Named(slug): Named<Slug>,
    incoming: Incoming<Json<Reasoned>, IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    let before = may
        .api
        .registry
        .state()
        .server_named(&slug)
        .map(|server| server.id);
    let command = Command::Retire { slug: slug.clone() };
    let done = may.execute(incoming.head, command, Some(incoming.when.0)).await?;
    // The version it was given for has seen to it that this server was retired, and no other one of its slug.
    let known = before.filter(|_| !done.applied.retried);
    let (view, version) = may.api.server_after(&done, &slug, known).await?;
    Ok(Changed {
        view,
        version,
        applied: done.applied,
    })
}

/// Disable a tool
///
/// It is not served from the answer on. It takes no `If-Match`: it always wins.
#[utoipa::path(
    post,
    path = "/servers/{slug}/tools/{tool}/disable",
    operation_id = "disableTool"
)]
async fn disable_tool(
    may: May<DisableServer>,
    Named((slug, tool)): Named<(Slug, ToolName)>,
    incoming: Incoming<Json<Reasoned>>,
) -> Result<Changed<ServerView>, Refusal> {
    let command = Command::DisableTool {
        slug: slug.clone(),
        tool,
    };
    change(may, slug, incoming.head, command, None).await
}

/// Enable a tool
#[utoipa::path(
    post,
    path = "/servers/{slug}/tools/{tool}/enable",
    operation_id = "enableTool"
)]
async fn enable_tool(
    may: May<EnableServer>,
    Named((slug, tool)): Named<(Slug, ToolName)>,
    incoming: Incoming<Json<Reasoned>, IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    let command = Command::EnableTool {
        slug: slug.clone(),
        tool,
    };
    change(may, slug, incoming.head, command, Some(incoming.when)).await
}

async fn change<P: Permission>(
    may: May<P>,
    slug: Slug,
    head: Head,
    command: Command,
    when: Option<IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    may.allow(&may.api.registry.state(), &slug)?;
    let done = may
        .execute(head, command, when.map(|IfMatch(version)| version))
        .await?;
    may.api.changed_server(done, &slug).await
}

impl Given for Reasoned {
    const OPTIONAL: bool = true;

    fn reason(&self) -> Option<&Why> {
        self.reason.as_ref().map(|Text(why)| why)
    }
}

impl Given for VersionChoice {
    const OPTIONAL: bool = true;

    fn reason(&self) -> Option<&Why> {
        self.reason.as_ref().map(|Text(why)| why)
    }
}
