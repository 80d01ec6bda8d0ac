//! How the health of a server is shown.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Health;

/// How a server answers its probes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// Whether it answers as it must.
    pub state: HealthState,
    /// Since when, in RFC 3339.
    #[schema(value_type = String)]
    pub since: Timestamp,
}

/// Whether a server answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthState {
    /// It does.
    Up,
    /// It does not.
    Down,
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        Self {
            state: if health.up {
                HealthState::Up
            } else {
                HealthState::Down
            },
            since: health.since,
        }
    }
}
