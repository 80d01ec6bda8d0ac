//! Grants: list, add, remove.

use deserr::Deserr;
use onedoor_model::{
    ids::{AggregateVersion, AppRole, GrantId, GroupId, IssuerName, Slug, TenantId, ToolName},
    manifest::Fault,
    registry::{Command, Grant, Stage, State, Subject},
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::{
    Api,
    action::{AddGrant, ReadGrants, RemoveGrant},
    answer::{Created, Plain, TakenAway},
    body::{Given, Json, Nothing},
    endpoint::{Named, endpoint},
    faults::Faults,
    order::Incoming,
    page,
    permission::May,
    read::Read,
    refusal::Refusal,
    servers::limits,
    text::Text,
    view::{GrantList, GrantView},
};

/// The name of the list, in its cursors.
const LIST: &str = "grants";

/// Which grants. Every part that is given must hold.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
struct GrantQuery {
    /// The server's slug.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    server: Option<Text<Slug>>,
    /// The issuer.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    issuer: Option<Text<IssuerName>>,
    /// The group that holds them.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    group: Option<Text<GroupId>>,
    /// The app role that holds them.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    role: Option<Text<AppRole>>,
    /// Where the last page ended.
    #[deserr(default)]
    cursor: Option<String>,
    /// Entries on a page: 100 where none is named, at most 1,000, unless the settings say otherwise.
    #[deserr(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<Text<u32>>,
}

/// A grant to be: to a group or to a role.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct NewGrant {
    /// The trusted issuer whose word on groups and roles counts.
    #[schema(value_type = String)]
    issuer: Text<IssuerName>,
    /// The tenant of the group or role.
    #[schema(value_type = String)]
    tenant: Text<TenantId>,
    /// The directory group that is to hold it.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    group: Option<Text<GroupId>>,
    /// The app role that is to hold it.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    role: Option<Text<AppRole>>,
    /// The server's slug.
    #[schema(value_type = String)]
    server: Text<Slug>,
    /// The one tool it is for; all where none is named.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    tool: Option<Text<ToolName>>,
    /// `qa` or `production`. A grant at one stage says nothing of the other.
    #[schema(value_type = String)]
    stage: Text<Stage>,
}

impl Given for NewGrant {}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_list, list))
        .routes(endpoint(__path_add, add))
        .routes(endpoint(__path_remove, remove))
}

/// List grants
#[utoipa::path(get, path = "/grants", operation_id = "listGrants")]
async fn list(_may: May<ReadGrants>, read: Read<GrantQuery>) -> Result<Plain<GrantList>, Refusal> {
    let query = &read.query;
    let limit = page::limit(
        query.limit.as_ref().map(|Text(limit)| *limit),
        &limits(&read.state),
    )?;
    let after = query
        .cursor
        .as_ref()
        .map(|cursor| page::read::<GrantId>(LIST, cursor))
        .transpose()?;
    let state = &read.state;
    let grants = state.grants().filter(|grant| query.holds(&grant.value, state));
    let views = grants.map(|grant| (grant.value.id, GrantView::of(grant, state)));
    let page = page::page(LIST, views, after.as_ref(), limit);
    Ok(Plain(GrantList {
        grants: page.items,
        next_cursor: page.next_cursor,
    }))
}

/// Add a grant
#[utoipa::path(post, path = "/grants", operation_id = "addGrant")]
async fn add(may: May<AddGrant>, incoming: Incoming<Json<NewGrant>>) -> Result<Created<GrantView>, Refusal> {
    let Json(new) = incoming.body;
    let subject = new.subject().map_err(Refusal::Body)?;
    let state = may.api.registry.state();
    if !may.is_retry(&state, &incoming.head) {
        Faults::refuse_any(new.dangling(&state)).map_err(Refusal::Body)?;
    }
    let id = GrantId(Uuid::now_v7());
    let command = Command::AddGrant {
        id,
        issuer: new.issuer.0,
        tenant: new.tenant.0,
        subject,
        slug: new.server.0,
        tool: new.tool.map(|Text(tool)| tool),
        stage: new.stage.0,
    };
    let done = may
        .execute(incoming.head, command, Some(AggregateVersion::NONE))
        .await?;
    let revision = done.applied.revision;
    // A retry has made no grant of this id: its grant is the one that its first try made.
    let made = done.state.grant(id).or_else(|| {
        done.state
            .grants()
            .find(|grant| grant.changed.revision == revision)
    });
    let grant = made.ok_or(Refusal::Gone { revision })?;
    Ok(Created {
        view: GrantView::of(grant, &done.state),
        version: grant.changed.version(),
        location: None,
        applied: done.applied,
    })
}

/// Remove a grant
///
/// It is good for nothing from the answer on. It takes no `If-Match`: it always wins.
#[utoipa::path(delete, path = "/grants/{id}", operation_id = "removeGrant")]
async fn remove(
    may: May<RemoveGrant>,
    Named(id): Named<GrantId>,
    incoming: Incoming<Nothing>,
) -> Result<TakenAway, Refusal> {
    let done = may
        .execute(incoming.head, Command::RemoveGrant { id }, None)
        .await?;
    Ok(TakenAway(done))
}

impl GrantQuery {
    fn holds(&self, grant: &Grant, state: &State) -> bool {
        let server =
            |Text(slug): &Text<Slug>| state.server_named(slug).is_some_and(|it| it.id == grant.server);
        let issuer = |Text(issuer): &Text<IssuerName>| *issuer == grant.issuer;
        let group = |Text(group): &Text<GroupId>| grant.subject == Subject::Group(group.clone());
        let role = |Text(role): &Text<AppRole>| grant.subject == Subject::Role(role.clone());
        self.server.as_ref().is_none_or(server)
            && self.issuer.as_ref().is_none_or(issuer)
            && self.group.as_ref().is_none_or(group)
            && self.role.as_ref().is_none_or(role)
    }
}

impl NewGrant {
    fn subject(&self) -> Result<Subject, Faults> {
        match (&self.group, &self.role) {
            (Some(Text(group)), None) => Ok(Subject::Group(group.clone())),
            (None, Some(Text(role))) => Ok(Subject::Role(role.clone())),
            (None, None) => Err(Faults::one(
                "",
                "`group` or `role` is missing",
                "name one of them",
            )),
            (Some(_), Some(_)) => Err(Faults::one(
                "/role",
                "is there beside `group`",
                "keep one: a grant has one holder",
            )),
        }
    }

    /// What it names and is not there.
    fn dangling(&self, state: &State) -> Vec<Fault> {
        let missing = |pointer: &str, what: String, hint: &str| Fault {
            pointer: pointer.to_owned(),
            message: format!("there is no {what}"),
            hint: hint.to_owned(),
        };
        let mut faults = Vec::new();
        if state.issuer(&self.issuer.0).is_none() {
            faults.push(missing(
                "/issuer",
                format!("issuer {}", self.issuer.0),
                "trust it first, or mend its name",
            ));
        }
        match (state.server_named(&self.server.0), &self.tool) {
            (None, _) => {
                faults.push(missing(
                    "/server",
                    format!("server {}", self.server.0),
                    "register it first, or mend its slug",
                ));
            }
            (Some(server), Some(Text(tool))) => {
                let known = server
                    .versions
                    .values()
                    .any(|version| version.manifest.tools.contains_key(tool));
                if !known {
                    let hint = "show the server for the names of its tools";
                    faults.push(missing("/tool", format!("tool {tool} of {}", server.slug), hint));
                }
            }
            (Some(_), None) => {}
        }
        faults
    }
}
