//! How it is shown where a command is enforced.

use onedoor_lease::Enforced;
use onedoor_model::ids::ReplicaName;
use serde::Serialize;
use utoipa::ToSchema;

/// Where a command that takes something away is enforced: nothing is dispatched any more as if it had not been given.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnforcedView {
    /// The revision that it took effect as.
    pub revision: u64,
    /// Replicas that have confirmed: they refuse, open streams are cut, cached tokens are out of reach.
    pub confirmed: Vec<String>,
    /// Replicas that have not confirmed, and serve nothing until they have caught up: their leases have run out.
    pub expired: Vec<String>,
    /// From the command's receipt to this answer, in milliseconds.
    pub took_ms: u64,
}

impl From<&Enforced> for EnforcedView {
    fn from(enforced: &Enforced) -> Self {
        let names = |replicas: &[ReplicaName]| replicas.iter().map(ToString::to_string).collect();
        Self {
            revision: enforced.revision.0,
            confirmed: names(&enforced.confirmed),
            expired: names(&enforced.expired),
            took_ms: u64::try_from(enforced.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
