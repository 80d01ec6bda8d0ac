//! How a block is shown.

use jiff::Timestamp;
use onedoor_model::registry::{Block, BlockTarget, Versioned};
use serde::Serialize;
use utoipa::ToSchema;

use super::{EnforcedView, TouchView};

/// A page of blocks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockList {
    /// By id, which is the order in which they came.
    pub blocks: Vec<BlockView>,
    /// Give it as `cursor` to get what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A block: it has a user or a client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockView {
    /// Its id.
    pub id: String,
    /// The user who is kept out, through whichever app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<BlockedUser>,
    /// The client app that is kept out, on whosever behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<BlockedClient>,
    /// Tokens issued at this time or later pass again; none: no token passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub not_before: Option<Timestamp>,
    /// Its version: the revision at which it came.
    pub version: u64,
    /// When it came.
    pub changed: TouchView,
    /// In the answer of the command that made it: where it is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<EnforcedView>,
}

/// A user who is kept out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockedUser {
    /// Trusted issuer's name.
    pub issuer: String,
    /// Tenant.
    pub tenant: String,
    /// Object id.
    pub user: String,
}

/// A client app that is kept out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockedClient {
    /// Trusted issuer's name.
    pub issuer: String,
    /// `azp` or `appid`.
    pub client: String,
}

impl BlockView {
    /// How a block is shown.
    #[must_use]
    pub(crate) fn of(block: &Versioned<Block>) -> Self {
        let Versioned { value, changed } = block;
        let (user, client) = match &value.target {
            BlockTarget::User { issuer, tenant, user } => {
                let user = BlockedUser {
                    issuer: issuer.to_string(),
                    tenant: tenant.to_string(),
                    user: user.to_string(),
                };
                (Some(user), None)
            }
            BlockTarget::Client { issuer, client } => (
                None,
                Some(BlockedClient {
                    issuer: issuer.to_string(),
                    client: client.to_string(),
                }),
            ),
        };
        Self {
            id: value.id.to_string(),
            user,
            client,
            not_before: value.not_before,
            version: changed.version().0,
            changed: TouchView::of(changed),
            enforced: None,
        }
    }
}
