//! Blocks: list, add, remove.

use deserr::Deserr;
use jiff::Timestamp;
use onedoor_model::{
    ids::{BlockId, ClientId, IssuerName, TenantId, UserId},
    registry::{Block, BlockTarget, Command, State},
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::{
    Api,
    action::{ChangeBlocks, ReadBlocks},
    answer::{Created, Plain, Removed},
    body::{Given, Json, Nothing},
    endpoint::{Named, endpoint},
    faults::Faults,
    order::Incoming,
    page,
    permission::May,
    read::Read,
    reason::Why,
    refusal::Refusal,
    servers::limits,
    text::Text,
    view::{BlockList, BlockView, EnforcedView},
};

/// The name of the list, in its cursors.
const LIST: &str = "blocks";

/// Which part of the list.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
struct PageQuery {
    /// Where the last page ended.
    #[deserr(default)]
    cursor: Option<String>,
    /// Entries on a page: 100 where none is named, at most 1,000, unless the settings say otherwise.
    #[deserr(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<Text<u32>>,
}

/// A block to be: of a user or of a client app.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewBlock {
    /// The user to keep out, through whichever app.
    #[deserr(default)]
    user: Option<BlockUser>,
    /// The client app to keep out, on whosever behalf.
    #[deserr(default)]
    client: Option<BlockClient>,
    /// Tokens issued at this time (RFC 3339) or later pass again; where none is named, no token passes.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    not_before: Option<Text<Timestamp>>,
    /// Why, for those who read the history.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 1000)]
    reason: Option<Text<Why>>,
}

/// A user to keep out.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct BlockUser {
    /// Trusted issuer's name.
    #[schema(value_type = String)]
    issuer: Text<IssuerName>,
    /// Tenant.
    #[schema(value_type = String)]
    tenant: Text<TenantId>,
    /// Object id.
    #[schema(value_type = String)]
    user: Text<UserId>,
}

/// A client app to keep out.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct BlockClient {
    /// Trusted issuer's name.
    #[schema(value_type = String)]
    issuer: Text<IssuerName>,
    /// `azp` or `appid`.
    #[schema(value_type = String)]
    client: Text<ClientId>,
}

impl Given for NewBlock {
    fn reason(&self) -> Option<&Why> {
        self.reason.as_ref().map(|Text(why)| why)
    }
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_list, list))
        .routes(endpoint(__path_add, add))
        .routes(endpoint(__path_remove, remove))
}

/// List blocks
#[utoipa::path(get, path = "/blocks", operation_id = "listBlocks")]
async fn list(_may: May<ReadBlocks>, read: Read<PageQuery>) -> Result<Plain<BlockList>, Refusal> {
    let PageQuery { cursor, limit } = read.query;
    let limit = page::limit(limit.map(|Text(limit)| limit), &limits(&read.state))?;
    let after = cursor
        .map(|cursor| page::read::<BlockId>(LIST, &cursor))
        .transpose()?;
    let views = read
        .state
        .blocks()
        .map(|block| (block.value.id, BlockView::of(block)));
    let page = page::page(LIST, views, after.as_ref(), limit);
    Ok(Plain(BlockList {
        blocks: page.items,
        next_cursor: page.next_cursor,
    }))
}

/// Block a user or a client app
///
/// It is kept out from the answer on, and its open streams are cut. It takes no `If-Match`: it always wins.
#[utoipa::path(post, path = "/blocks", operation_id = "addBlock")]
async fn add(
    may: May<ChangeBlocks>,
    incoming: Incoming<Json<NewBlock>>,
) -> Result<Created<BlockView>, Refusal> {
    let Json(new) = incoming.body;
    let id = BlockId(Uuid::now_v7());
    let not_before = new.not_before.as_ref().map(|Text(time)| *time);
    let target = new.target().map_err(Refusal::Body)?;
    let state = may.api.registry.state();
    if !may.is_retry(&state, &incoming.head) {
        check_issuer(&target, &state).map_err(Refusal::Body)?;
    }
    let command = Command::AddBlock(Block {
        id,
        target,
        not_before,
    });
    let done = may.execute(incoming.head, command, None).await?;
    let revision = done.applied.revision;
    // A retry has made no block of this id: its block is the one that its first try made.
    let made = done.state.block(id).or_else(|| {
        done.state
            .blocks()
            .find(|block| block.changed.revision == revision)
    });
    let block = made.ok_or(Refusal::Gone { revision })?;
    Ok(Created {
        view: BlockView {
            enforced: done.enforced.as_ref().map(EnforcedView::from),
            ..BlockView::of(block)
        },
        version: block.changed.version(),
        location: None,
        applied: done.applied,
    })
}

/// Remove a block
#[utoipa::path(delete, path = "/blocks/{id}", operation_id = "removeBlock")]
async fn remove(
    may: May<ChangeBlocks>,
    Named(id): Named<BlockId>,
    incoming: Incoming<Nothing>,
) -> Result<Removed, Refusal> {
    // A block never changes, so the version it has is the one that was meant.
    let expected = may
        .api
        .registry
        .state()
        .block(id)
        .map(|block| block.changed.version());
    let done = may
        .execute(incoming.head, Command::RemoveBlock { id }, expected)
        .await?;
    Ok(Removed(done.applied))
}

impl NewBlock {
    fn target(self) -> Result<BlockTarget, Faults> {
        match (self.user, self.client) {
            (Some(BlockUser { issuer, tenant, user }), None) => Ok(BlockTarget::User {
                issuer: issuer.0,
                tenant: tenant.0,
                user: user.0,
            }),
            (None, Some(BlockClient { issuer, client })) => Ok(BlockTarget::Client {
                issuer: issuer.0,
                client: client.0,
            }),
            (None, None) => Err(Faults::one(
                "",
                "`user` or `client` is missing",
                "name whom to keep out",
            )),
            (Some(_), Some(_)) => Err(Faults::one(
                "/client",
                "is there beside `user`",
                "keep one, and add a second block for the other",
            )),
        }
    }
}

fn check_issuer(target: &BlockTarget, state: &State) -> Result<(), Faults> {
    let (pointer, issuer) = match target {
        BlockTarget::User { issuer, .. } => ("/user/issuer", issuer),
        BlockTarget::Client { issuer, .. } => ("/client/issuer", issuer),
    };
    match state.issuer(issuer) {
        Some(_) => Ok(()),
        None => Err(Faults::one(
            pointer,
            format!("there is no issuer {issuer}"),
            "the list of issuers has their names",
        )),
    }
}
