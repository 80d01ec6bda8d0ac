//! Probes.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::door::Door;

/// GET `/livez`: the process runs.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// GET `/readyz`: the replica takes requests.
pub(super) async fn ready(State(door): State<Arc<Door>>) -> (StatusCode, &'static str) {
    if door.stopping.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}
