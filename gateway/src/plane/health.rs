//! Probes: whether the process runs, and whether it is to be sent requests. On both planes, for any `Host`: load balancers and
//! orchestrators ask by address.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use onedoor_lease::{BootInstant, Control, now};
use onedoor_registry::Registry;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Listening, Metrics};

/// How long a lease may have run out before a replica is not ready. A broker's death makes it run out at every replica at once, and for
/// less than this: calls that come meanwhile wait, which is better than no replica that takes them.
const LEASE_GAP: Duration = Duration::from_secs(5);

/// What readiness is read off.
#[derive(Clone, Debug)]
pub(crate) struct Vitals {
    /// Whose readiness it is: administrators are served when nobody else is.
    pub(crate) plane: Listening,
    pub(crate) registry: Arc<Registry>,
    pub(crate) control: Arc<Control>,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when requests are to go to other replicas.
    pub(crate) leaving: CancellationToken,
}

/// What a replica must be able to do to be sent requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    /// It goes on serving.
    Serving,
    /// It follows the registry, so that it enforces what was ordered.
    RegistryFollowed,
    /// It can show that it is up to date.
    LeaseHeld,
    /// The audit took what was last given to it.
    AuditWritable,
    /// A log that was restored has been accepted by an administrator.
    RestoreAccepted,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, Serialize)]
struct Checked {
    check: Check,
    ok: bool,
}

/// What a replica is ready for, in full.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    revision: u64,
    checks: Vec<Checked>,
}

/// The probes' routes.
pub(crate) fn probes(vitals: Vitals) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(Arc::new(vitals))
}

/// GET `/livez`: the process runs; that it answers is all there is to say.
async fn live() -> &'static str {
    "ok\n"
}

/// GET `/readyz`: 200, or 503 and what is not ready, a line each; with `?verbose` all of it as JSON.
async fn ready(State(vitals): State<Arc<Vitals>>, RawQuery(query): RawQuery) -> Response {
    let readiness = vitals.readiness();
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    if query.is_some_and(|query| query.split('&').any(|part| part == "verbose")) {
        (status, Json(readiness)).into_response()
    } else {
        (status, readiness.lines()).into_response()
    }
}

impl Vitals {
    fn readiness(&self) -> Readiness {
        let mut checks = vec![
            (Check::Serving, !self.leaving.is_cancelled()),
            (Check::RegistryFollowed, !self.registry.is_stopped()),
            (Check::AuditWritable, self.metrics.is_audit_writable()),
        ];
        match self.plane {
            Listening::Data => {
                let accepted = self.registry.state().unaccepted_restore().is_none();
                checks.push((Check::LeaseHeld, is_held(self.control.lease().until(), now())));
                checks.push((Check::RestoreAccepted, accepted));
            }
            Listening::Admin => {}
        }
        Readiness {
            ready: checks.iter().all(|(_, ok)| *ok),
            revision: self.registry.snapshot().revision().0,
            checks: checks
                .into_iter()
                .map(|(check, ok)| Checked { check, ok })
                .collect(),
        }
    }
}

/// Whether a lease until then counts as held now: one that was never there, or was ended for good, does not.
fn is_held(until: BootInstant, now: BootInstant) -> bool {
    until > BootInstant::from_nanos(0) && now.since(until) < LEASE_GAP
}

impl Readiness {
    fn lines(&self) -> String {
        let failed = self.checks.iter().filter(|checked| !checked.ok);
        let mut lines: String = failed.map(|checked| checked.check.failure()).collect();
        if lines.is_empty() {
            lines.push_str("ok\n");
        }
        lines
    }
}

impl Check {
    fn failure(self) -> &'static str {
        match self {
            Self::Serving => "stopping\n",
            Self::RegistryFollowed => "registry not followed\n",
            Self::LeaseHeld => "lease run out\n",
            Self::AuditWritable => "audit not writable\n",
            Self::RestoreAccepted => "restore not accepted\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use crate::upstream::scene::Scene;

    use super::*;

    async fn vitals() -> Vitals {
        let scene = Scene::new().await;
        Vitals {
            plane: Listening::Data,
            registry: Arc::clone(&scene.registry),
            control: scene.control,
            metrics: Arc::new(Metrics::new()),
            leaving: CancellationToken::new(),
        }
    }

    async fn ask(vitals: &Vitals, target: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(target).body(Body::empty()).unwrap();
        let response = probes(vitals.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_replica_is_ready_while_it_can_record_and_is_not_stopping() {
        let vitals = vitals().await;
        assert_eq!(ask(&vitals, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
        assert_eq!(ask(&vitals, "/readyz").await, (StatusCode::OK, "ok\n".to_owned()));

        vitals.metrics.audit_failed();
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let not_writable = (unavailable, "audit not writable\n".to_owned());
        assert_eq!(ask(&vitals, "/readyz").await, not_writable);
        vitals.metrics.audit_appended(1, Duration::ZERO);
        assert_eq!(ask(&vitals, "/readyz").await.0, StatusCode::OK);

        vitals.leaving.cancel();
        vitals.metrics.audit_failed();
        let both = (unavailable, "stopping\naudit not writable\n".to_owned());
        assert_eq!(ask(&vitals, "/readyz").await, both);
        assert_eq!(ask(&vitals, "/livez").await.0, StatusCode::OK, "it still runs");
    }

    #[test]
    fn a_lease_that_ran_out_counts_for_a_moment_and_one_that_is_none_does_not() {
        let at = |seconds: u64| BootInstant::from_nanos(seconds * 1_000_000_000);
        let until = at(100);
        for (now, held) in [(90, true), (100, true), (104, true), (105, false), (200, false)] {
            assert_eq!(is_held(until, at(now)), held, "{now}");
        }
        assert!(
            !is_held(at(0), at(1)),
            "never held, though the machine has just started"
        );
    }

    #[tokio::test]
    async fn machines_read_each_check() {
        let vitals = vitals().await;
        vitals.leaving.cancel();
        let (status, body) = ask(&vitals, "/readyz?verbose").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({ "ready": false, "revision": 2, "checks": [
                { "check": "serving", "ok": false },
                { "check": "registry_followed", "ok": true },
                { "check": "audit_writable", "ok": true },
                { "check": "lease_held", "ok": true },
                { "check": "restore_accepted", "ok": true },
            ]})
        );
    }
}
