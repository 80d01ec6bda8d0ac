//! How replicas are shown.

use std::time::Duration;

use onedoor_lease::ReplicaView as Known;
use onedoor_model::ids::Offset;
use serde::Serialize;
use utoipa::ToSchema;

/// The replicas, as the one sees them that answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaList {
    /// By name; those of one name in the order of their runs.
    pub replicas: Vec<ReplicaView>,
    /// How many events the registry has; none where the log does not say so now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_end: Option<u64>,
}

/// One run of a replica, by what it last told the others.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaView {
    /// Its name.
    pub replica: String,
    /// This run of it.
    pub boot: String,
    /// Whether it is the one that answers.
    pub answers: bool,
    /// How it stands.
    pub status: ReplicaStatus,
    /// The revision that it enforces.
    pub revision: u64,
    /// How many events of the registry it does not enforce yet; none where the registry's end is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// How much longer it may serve, in milliseconds: its lease, where it is the one that answers; else at most.
    pub lease_ms: u64,
    /// Since it last told, in milliseconds.
    pub ticked_ms: u64,
    /// The oldest command that is held and that its registry does not have yet: its offset in the stream `control`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_hold: Option<u64>,
}

/// How a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReplicaStatus {
    /// It serves, or may do so.
    Serving,
    /// Its lease has run out: it serves nothing until it has caught up.
    Expired,
    /// It was silent for so long that it is taken for dead, or it has ended.
    Gone,
}

impl ReplicaView {
    pub(crate) fn of(known: &Known, registry_end: Option<Offset>) -> Self {
        let status = match known {
            Known { is_dead: true, .. } => ReplicaStatus::Gone,
            Known { lease, .. } if lease.is_zero() => ReplicaStatus::Expired,
            Known { .. } => ReplicaStatus::Serving,
        };
        Self {
            replica: known.replica.to_string(),
            boot: known.boot.to_string(),
            answers: known.is_this,
            status,
            revision: known.revision.0,
            lag: registry_end.map(|end| end.0.saturating_sub(known.revision.next().0)),
            lease_ms: millis(known.lease),
            ticked_ms: millis(known.ticked),
            oldest_hold: known.oldest_hold.map(|hold| hold.0),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
