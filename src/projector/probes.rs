//! What a projector tells of itself, in plain text, to whoever asks: `/livez`, `/readyz`, `/metrics`.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use onedoor_projector::{Activity, Store};
use tokio_util::sync::CancellationToken;

use super::metrics;

/// What is read off.
#[derive(Clone, Debug)]
struct Vitals {
    store: Store,
    /// Cancelled when the process stops.
    stop: CancellationToken,
}

/// The routes.
pub(super) fn router(store: Store, stop: CancellationToken) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(page))
        .with_state(Vitals { store, stop })
}

/// GET `/livez`: the process answers.
async fn live() -> &'static str {
    "ok\n"
}

/// GET `/readyz`: it projects or stands by; else 503 and why.
async fn ready(State(vitals): State<Vitals>) -> Response {
    readiness(&vitals.store.status().activity, vitals.stop.is_cancelled()).into_response()
}

/// GET `/metrics`
async fn page(State(vitals): State<Vitals>) -> Response {
    match metrics::page(vitals.store.status()) {
        Ok(page) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn readiness(activity: &Activity, stopping: bool) -> (StatusCode, String) {
    let name = activity.as_str();
    let said = match activity {
        _ if stopping => "stopping\n".to_owned(),
        Activity::Active | Activity::Standby | Activity::Starting | Activity::Ended => format!("{name}\n"),
        Activity::Waiting { reason } | Activity::Halted { reason } => format!("{name}: {reason}\n"),
    };
    if activity.is_well() && !stopping {
        (StatusCode::OK, said)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_it_projects_or_stands_by() {
        let halted = Activity::Halted {
            reason: "event 7".to_owned(),
        };
        for (activity, stopping, wanted) in [
            (Activity::Active, false, (200, "active\n")),
            (Activity::Standby, false, (200, "standby\n")),
            (Activity::Active, true, (503, "stopping\n")),
            (Activity::Starting, false, (503, "starting\n")),
            (halted, false, (503, "halted: event 7\n")),
        ] {
            let (status, said) = readiness(&activity, stopping);
            assert_eq!((status.as_u16(), said.as_str()), wanted);
        }
    }
}
