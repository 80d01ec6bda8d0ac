//! Servers: list, show, register, update.

use deserr::Deserr;
use http::HeaderValue;
use onedoor_model::{
    ids::{AggregateVersion, ServerId, Slug, VersionNumber},
    registry::{Command, Limits, Server, State},
};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::{
    Api,
    action::{ReadServers, RegisterServer, UpdateServer},
    answer::{Changed, Created, Exact, Plain, Shown},
    body::Submitted,
    endpoint::{Named, PREFIX, endpoint},
    faults::Faults,
    order::{Done, Incoming},
    page,
    permission::May,
    precondition::IfMatch,
    read::{Everything, Read},
    refusal::Refusal,
    text::Text,
    view::{EnforcedView, ServerList, ServerStatus, ServerView},
};

/// The name of the list, in its cursors.
const LIST: &str = "servers";

/// Which servers.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
struct ServerQuery {
    /// Only those that stand so. A retired server has given its slug free: it is found in histories only.
    #[deserr(default)]
    #[param(value_type = Option<ServerStatus>, inline)]
    status: Option<Text<ServerStatus>>,
    /// Where the last page ended.
    #[deserr(default)]
    cursor: Option<String>,
    /// Entries on a page: 100 where none is named, at most 1,000, unless the settings say otherwise.
    #[deserr(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<Text<u32>>,
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_list, list))
        .routes(endpoint(__path_register, register))
        .routes(endpoint(__path_show, show))
        .routes(endpoint(__path_update, update))
        .routes(endpoint(__path_manifest, manifest))
}

/// List servers
///
/// Ordered by slug. A Tool.Owner sees its own.
#[utoipa::path(get, path = "/servers", operation_id = "listServers")]
async fn list(may: May<ReadServers>, read: Read<ServerQuery>) -> Result<Plain<ServerList>, Refusal> {
    let ServerQuery {
        status,
        cursor,
        limit,
    } = read.query;
    let limit = page::limit(limit.map(|Text(limit)| limit), &limits(&read.state))?;
    let after = cursor
        .map(|cursor| page::read::<Slug>(LIST, &cursor))
        .transpose()?;
    let wanted = |server: &Server| {
        status
            .as_ref()
            .is_none_or(|Text(status)| ServerStatus::of(server) == *status)
    };
    let servers = read
        .state
        .servers()
        .filter(|server| wanted(server) && may.sees(server));
    let views = servers.filter_map(|server| {
        let view = ServerView::of(server)?.probed(server, &*may.api.probes);
        Some((server.slug.clone(), view))
    });
    let page = page::page(LIST, views, after.as_ref(), limit);
    Ok(Plain(ServerList {
        servers: page.items,
        next_cursor: page.next_cursor,
    }))
}

/// Register a server
///
/// It is served at stage `qa` once a Security.Admin has approved it. A Tool.Owner registers only servers whose manifest names it as
/// their owner.
#[utoipa::path(post, path = "/servers", operation_id = "registerServer")]
async fn register(
    may: May<RegisterServer>,
    incoming: Incoming<Submitted>,
) -> Result<Created<ServerView>, Refusal> {
    let Submitted { manifest, text } = incoming.body;
    may.allow_owner(&manifest.owner)?;
    let server = ServerId(Uuid::now_v7());
    let command = Command::Register {
        server,
        manifest: text,
    };
    let done = may
        .execute(incoming.head, command, Some(AggregateVersion::NONE))
        .await?;
    let known = (!done.applied.retried).then_some(server);
    let (view, version) = may.api.server_after(&done, &manifest.slug, known).await?;
    let location =
        HeaderValue::from_str(&format!("{PREFIX}/servers/{}", view.slug)).map_err(Refusal::internal)?;
    Ok(Created {
        view,
        version,
        location: Some(location),
        applied: done.applied,
    })
}

/// Show a server
#[utoipa::path(get, path = "/servers/{slug}", operation_id = "showServer")]
async fn show(
    may: May<ReadServers>,
    Named(slug): Named<Slug>,
    read: Read<Everything>,
) -> Result<Shown<ServerView>, Refusal> {
    let server = may.server(&read.state, &slug)?;
    let (view, version) = viewed(server)?;
    let view = view.probed(server, &*may.api.probes);
    Ok(Shown { view, version })
}

/// Update a server
///
/// Makes a new version, at stage `qa`. Production keeps its own until the new one is promoted. It needs a new approval where owner,
/// URL, audience, strategy or scope change. A Tool.Owner updates only its own servers, and stays their owner.
#[utoipa::path(put, path = "/servers/{slug}", operation_id = "updateServer")]
async fn update(
    may: May<UpdateServer>,
    Named(slug): Named<Slug>,
    incoming: Incoming<Submitted, IfMatch>,
) -> Result<Changed<ServerView>, Refusal> {
    let Submitted { manifest, text } = incoming.body;
    may.allow(&may.api.registry.state(), &slug)?;
    may.allow_owner(&manifest.owner)?;
    let command = Command::Update {
        slug: slug.clone(),
        manifest: text,
    };
    let done = may.execute(incoming.head, command, Some(incoming.when.0)).await?;
    may.api.changed_server(done, &slug).await
}

/// Show a version's manifest
///
/// The exact bytes that were submitted.
#[utoipa::path(
    get,
    path = "/servers/{slug}/versions/{number}/manifest",
    operation_id = "showManifest"
)]
async fn manifest(
    may: May<ReadServers>,
    Named((slug, number)): Named<(Slug, VersionNumber)>,
    read: Read<Everything>,
) -> Result<Exact, Refusal> {
    let server = may.server(&read.state, &slug)?;
    let version = server
        .versions
        .get(&number)
        .ok_or_else(|| Refusal::NotFound(format!("version {number} of {slug}")))?;
    Ok(Exact {
        text: version.manifest_text.clone(),
        version: version.submitted.version(),
    })
}

impl Api {
    /// The answer of a command that changed a server.
    pub(crate) async fn changed_server(
        &self,
        done: Done,
        slug: &Slug,
    ) -> Result<Changed<ServerView>, Refusal> {
        let (mut view, version) = self.server_after(&done, slug, None).await?;
        view.enforced = done.enforced.as_ref().map(EnforcedView::from);
        Ok(Changed {
            view,
            version,
            applied: done.applied,
        })
    }

    /// The server that a command was about, as it is now: by its id where that is known, else by the slug it had then.
    pub(crate) async fn server_after(
        &self,
        done: &Done,
        slug: &Slug,
        known: Option<ServerId>,
    ) -> Result<(ServerView, AggregateVersion), Refusal> {
        let revision = done.applied.revision;
        let of_slug = done
            .state
            .server_named(slug)
            .filter(|server| server.registered.revision <= revision);
        let server = match known {
            Some(id) => done.state.server(id),
            None => of_slug,
        };
        if let Some(server) = server {
            return viewed(server);
        }
        // It was retired since, and its slug may be another's: the history knows whose event it was.
        let id = self.server_of_event(slug, revision).await?;
        let server = id
            .and_then(|id| done.state.server(id))
            .ok_or(Refusal::Gone { revision })?;
        viewed(server)
    }
}

/// The limits in force.
pub(crate) fn limits(state: &State) -> Limits {
    state
        .settings()
        .map(|settings| settings.value.limits.clone())
        .unwrap_or_default()
}

fn viewed(server: &Server) -> Result<(ServerView, AggregateVersion), Refusal> {
    let view = ServerView::of(server).ok_or_else(|| Refusal::internal("a server without a version"))?;
    Ok((view, server.changed.version()))
}
