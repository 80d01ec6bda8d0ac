//! Where, when and by whom something was changed.

use jiff::Timestamp;
use onedoor_model::{principal::Actor, registry::Touch};
use serde::Serialize;
use utoipa::ToSchema;

/// A change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TouchView {
    /// Its revision: the version of what was changed.
    pub revision: u64,
    /// What happened, such as "`ServerDisabled`".
    pub what: &'static str,
    /// When, in RFC 3339.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorView>,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who changed something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ActorView {
    /// A caller with a token.
    Caller {
        /// Trusted issuer's name.
        issuer: String,
        /// Tenant.
        tenant: String,
        /// User's object id; none for an app on its own behalf.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Client app.
        client: String,
        /// The user's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
    },
    /// Onedoor itself.
    System {
        /// Which part of it.
        name: String,
    },
}

impl TouchView {
    /// How a change is shown.
    #[must_use]
    pub(crate) fn of(touch: &Touch) -> Self {
        Self {
            revision: touch.revision.0,
            what: touch.what,
            time: touch.time,
            actor: touch.actor.as_ref().map(ActorView::of),
            reason: touch.reason.clone(),
        }
    }
}

impl ActorView {
    /// How an actor is shown.
    #[must_use]
    pub(crate) fn of(actor: &Actor) -> Self {
        match actor {
            Actor::Caller {
                issuer,
                tenant,
                user,
                client,
                display_name,
            } => Self::Caller {
                issuer: issuer.to_string(),
                tenant: tenant.to_string(),
                user: user.as_ref().map(ToString::to_string),
                client: client.to_string(),
                display_name: display_name.clone(),
            },
            Actor::System { name } => Self::System { name: name.clone() },
        }
    }
}
