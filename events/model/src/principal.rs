//! Who calls, and who acts on the registry.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AppRole, ClientId, GroupId, IssuerName, Scope, TenantId, UserId};

/// Who calls: what a verified Token A says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The trusted issuer, by its name in the registry.
    pub issuer: IssuerName,
    /// The tenant at that issuer. Groups and roles mean something only within it.
    pub tenant: TenantId,
    /// The user's object id; `None` for an app that calls on its own behalf.
    pub user: Option<UserId>,
    /// For people who read audits; never decided on.
    pub display_name: Option<String>,
    /// The client app the token was issued to (`azp` or `appid`).
    pub client: ClientId,
    /// Directory groups (`groups`).
    pub groups: BTreeSet<GroupId>,
    /// App roles (`roles`).
    pub roles: BTreeSet<AppRole>,
    /// Delegated scopes (`scp`).
    pub scopes: BTreeSet<Scope>,
    /// The token's own id (`uti` or `jti`), or a digest of the token where it has none.
    pub token_id: String,
    /// When the token was issued (`iat`): compared to a block's `not_before`.
    pub issued_at: Timestamp,
    /// When the token ends (`exp`), and with it every stream it opened.
    pub expires_at: Timestamp,
}

impl Principal {
    /// The same caller as the actor of a command.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Caller {
            issuer: self.issuer.clone(),
            tenant: self.tenant.clone(),
            user: self.user.clone(),
            client: self.client.clone(),
            display_name: self.display_name.clone(),
        }
    }
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Actor {
    /// A caller with a token: a user, or an app on its own behalf.
    Caller {
        /// The trusted issuer's name.
        issuer: IssuerName,
        /// The tenant at that issuer.
        tenant: TenantId,
        /// The user's object id; none for an app.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
        /// The client app.
        client: ClientId,
        /// For people who read histories.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
    },
    /// Onedoor itself, such as "bootstrap".
    System {
        /// Which part of it.
        name: String,
    },
}

impl Actor {
    /// Tells one actor from every other, whatever they are called and from whichever client app they act:
    /// command ids are unique per this key.
    #[must_use]
    pub fn key(&self) -> ActorKey {
        match self {
            Self::Caller {
                issuer,
                tenant,
                user: Some(user),
                ..
            } => ActorKey(format!("user {issuer} {tenant} {user}")),
            Self::Caller {
                issuer,
                tenant,
                user: None,
                client,
                ..
            } => ActorKey(format!("app {issuer} {tenant} {client}")),
            Self::System { name } => ActorKey(format!("system {name}")),
        }
    }
}

/// See [`Actor::key`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActorKey(String);
