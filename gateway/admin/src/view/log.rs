//! How the log is shown.

use onedoor_model::registry::{Ends, LogRestored, State, Versioned};
use serde::Serialize;
use utoipa::ToSchema;

use super::TouchView;

/// The log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogView {
    /// Its id. A revision means something only together with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The last event of its registry.
    pub revision: u64,
    /// How it was restored, while nobody has accepted that: the data plane refuses every call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unaccepted_restore: Option<RestoreView>,
}

/// A restore.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RestoreView {
    /// The log that the backup was made of.
    pub from: String,
    /// What the backup held.
    pub restored: EndsView,
    /// What is known to be lost: what the projection that was there had seen beyond the backup. None: there was no projection to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<EndsView>,
    /// When it was restored.
    pub changed: TouchView,
}

/// Numbers of events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndsView {
    /// Of the registry.
    pub registry: u64,
    /// Of the audit.
    pub audit: u64,
}

impl LogView {
    /// How the log of a state is shown.
    #[must_use]
    pub(crate) fn of(state: &State) -> Self {
        Self {
            id: state.log().map(|log| log.to_string()),
            revision: state.revision().unwrap_or_default().0,
            unaccepted_restore: state.unaccepted_restore().map(|restore| RestoreView::of(restore)),
        }
    }
}

impl RestoreView {
    fn of(Versioned { value, changed }: &Versioned<LogRestored>) -> Self {
        let Ends { registry, audit } = value.restored;
        Self {
            from: value.from.to_string(),
            restored: EndsView {
                registry: registry.0,
                audit: audit.0,
            },
            lost: value.known.map(|known| EndsView {
                registry: known.registry.0.saturating_sub(registry.0),
                audit: known.audit.0.saturating_sub(audit.0),
            }),
            changed: TouchView::of(changed),
        }
    }
}
