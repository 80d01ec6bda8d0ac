//! How a grant is shown.

use onedoor_model::registry::{Grant, State, Subject, Versioned};
use serde::Serialize;
use utoipa::ToSchema;

use super::TouchView;

/// A page of grants.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GrantList {
    /// By id, which is the order in which they came.
    pub grants: Vec<GrantView>,
    /// Give it as `cursor` to get what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A grant: it has a group or a role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantView {
    /// Its id.
    pub id: String,
    /// The trusted issuer whose word on groups and roles counts.
    pub issuer: String,
    /// The tenant of the group or role.
    pub tenant: String,
    /// The directory group that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The app role that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The server's slug.
    pub server: String,
    /// The one tool it is for; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// `qa` or `production`.
    pub stage: String,
    /// Its version: the revision at which it came.
    pub version: u64,
    /// When it came.
    pub changed: TouchView,
}

impl GrantView {
    /// How a grant is shown.
    #[must_use]
    pub(crate) fn of(grant: &Versioned<Grant>, state: &State) -> Self {
        let Versioned { value, changed } = grant;
        let (group, role) = match &value.subject {
            Subject::Group(group) => (Some(group.to_string()), None),
            Subject::Role(role) => (None, Some(role.to_string())),
        };
        // A server's grants go with it, so that it is there.
        let server = state
            .server(value.server)
            .map(|server| server.slug.to_string())
            .unwrap_or_default();
        Self {
            id: value.id.to_string(),
            issuer: value.issuer.to_string(),
            tenant: value.tenant.to_string(),
            group,
            role,
            server,
            tool: value.tool.as_ref().map(ToString::to_string),
            stage: value.stage.to_string(),
            version: changed.version().0,
            changed: TouchView::of(changed),
        }
    }
}
