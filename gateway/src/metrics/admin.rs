//! Requests of the admin plane, by route and status. Few and far between, so a lock will do.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode};
use parking_lot::Mutex;

use super::{Metrics, latency::Latency, sheet::Sheet};

/// All routes that were asked for.
#[derive(Debug, Default)]
pub(super) struct AdminRequests(Mutex<BTreeMap<Route, Answers>>);

/// HTTP method, and the path with names for its parameters.
type Route = (&'static str, String);

#[derive(Debug, Default)]
struct Answers {
    by_status: BTreeMap<StatusCode, u64>,
    took: Latency,
}

/// Counts every request of the admin plane.
pub(crate) async fn admin_request(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // What is no route, or no method of one, is counted together: callers write no labels.
    let route = (known(request.method()), path.unwrap_or("other").to_owned());
    let response = next.run(request).await;
    let mut routes = metrics.admin.0.lock();
    let answers = routes.entry(route).or_default();
    *answers.by_status.entry(response.status()).or_default() += 1;
    answers.took.observe(begun.elapsed());
    response
}

fn known(method: &Method) -> &'static str {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let known = methods.into_iter().find(|known| method == known);
    known.unwrap_or("other")
}

impl AdminRequests {
    pub(super) fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let routes = self.0.lock();
        let counts = routes.iter().flat_map(|((method, route), answers)| {
            answers.by_status.iter().map(move |(status, count)| {
                let labels = [
                    ("method", *method),
                    ("route", route.as_str()),
                    ("status", status.as_str()),
                ];
                (labels, *count)
            })
        });
        sheet.counters("onedoor_admin_requests", "Requests of the admin plane", counts)?;
        let took = routes.iter().map(|((method, route), answers)| {
            let labels = [("method", *method), ("route", route.as_str())];
            (labels, &answers.took)
        });
        sheet.latencies(
            "onedoor_admin_request_duration",
            "Until a request of the admin plane was answered: a command, once it was enforced",
            took,
        )
    }
}
