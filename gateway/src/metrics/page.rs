//! `GET /metrics`: all that was counted, and what can be read off the door now.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use onedoor_exchange::Exchange;
use onedoor_lease::Control;
use onedoor_model::{audit::DeniedFor, registry::Server};
use onedoor_redis::Redis;
use onedoor_registry::Registry;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::{self, Unit},
};

use crate::upstream::{Breaker, Health, Status, Upstreams, served};

use super::{Metrics, call, outcome_labels, process, sheet::Sheet};

/// Of `OpenMetrics` 1.0, which scrapers of Prometheus read since 2.5.
const TEXT: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) control: Arc<Control>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) exchange: Arc<Exchange>,
    /// What replicas share; none where they share nothing.
    pub(crate) redis: Option<Redis>,
}

/// The page's route.
pub(crate) fn router(page: Page) -> Router {
    Router::new().route("/metrics", get(show)).with_state(page)
}

/// GET `/metrics`
async fn show(State(page): State<Page>) -> Response {
    match page.text() {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Page {
    /// The whole page.
    ///
    /// # Errors
    /// None that the formatting of text into memory could have.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = registry::Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }

    fn calls(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let calls = self.metrics.calls.load();
        let outcomes = calls.iter().flat_map(|(slug, calls)| {
            calls.outcomes.counts().map(move |(outcome, count)| {
                let (outcome, cause) = outcome_labels(outcome);
                let labels = [("server", slug.as_str()), ("outcome", outcome), ("cause", cause)];
                (labels, count)
            })
        });
        sheet.counters(
            "onedoor_calls",
            "Recorded calls by outcome, as in the audit",
            outcomes,
        )?;
        let by_server = || {
            calls
                .iter()
                .map(|(slug, calls)| ([("server", slug.as_str())], calls))
        };
        sheet.latencies(
            "onedoor_call_duration",
            "From a request's arrival to the end of its answer",
            by_server().map(|(server, calls)| (server, &calls.total)),
        )?;
        sheet.latencies(
            "onedoor_call_added",
            "From a request's arrival to its dispatch: the door's own part",
            by_server().map(|(server, calls)| (server, &calls.added)),
        )?;
        sheet.latencies(
            "onedoor_upstream_response",
            "From dispatch to the head of the upstream's answer",
            by_server().map(|(server, calls)| (server, &calls.upstream)),
        )?;
        sheet.latencies(
            "onedoor_upstream_connect",
            "Until a call had a connection to its upstream, kept or fresh",
            by_server().map(|(server, calls)| (server, &calls.connect)),
        )
    }

    fn refusals(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        sheet.counters(
            "onedoor_denied",
            "Requests of known callers that were refused, by true reason",
            metrics.denied.counts().map(|(denied, count)| {
                let (plane, reason) = denial_labels(*denied);
                ([("plane", plane), ("reason", reason)], count)
            }),
        )?;
        sheet.counters(
            "onedoor_authentication_failures",
            "Requests without a valid token",
            metrics
                .unauthenticated
                .counts()
                .map(|(reason, count)| ([("reason", *reason)], count)),
        )?;
        self.tokens(sheet)
    }

    fn tokens(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        sheet.counters(
            "onedoor_token_b",
            "Tokens for tools that were asked for, by strategy and result",
            metrics.tokens_b.counts().map(|((strategy, result), count)| {
                let result = result.map_or_else(call::not_dispatched, |()| "obtained");
                (
                    [("strategy", strategy.to_string()), ("result", result.to_owned())],
                    count,
                )
            }),
        )?;
        let cache = self.exchange.cache_counts();
        sheet.counters(
            "onedoor_token_cache",
            "Looks into the cache of exchanged tokens",
            [
                ([("result", "hit")], cache.hits),
                ([("result", "miss")], cache.misses),
            ],
        )
    }

    fn shared(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        if let Some(redis) = &self.redis {
            let counts = redis.counts();
            sheet.gauge(
                "onedoor_redis_up",
                "Whether Redis answers; where it does not, calls go on without it",
                None,
                f64::from(u8::from(redis.is_up())),
            )?;
            sheet.counters(
                "onedoor_redis_questions",
                "Questions to Redis",
                [
                    (
                        [("result", "answered")],
                        counts.questions.saturating_sub(counts.failures),
                    ),
                    ([("result", "failed")], counts.failures),
                ],
            )?;
        }
        if let Some(counts) = self.exchange.shared_counts() {
            sheet.counters(
                "onedoor_shared_token_cache",
                "Looks for a token that another replica obtained, and values that were passed over",
                [
                    ([("result", "hit")], counts.hits),
                    ([("result", "miss")], counts.misses),
                    ([("result", "unreadable")], counts.unreadable),
                ],
            )?;
        }
        Ok(())
    }

    fn audit(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        use std::sync::atomic::Ordering::Relaxed;
        let audit = &self.metrics.audit;
        sheet.latency(
            "onedoor_audit_append",
            "Until the log had acknowledged a batch of audit events",
            &audit.appends,
        )?;
        sheet.counter(
            "onedoor_audit_events",
            "Audit events that the log acknowledged",
            audit.events.load(Relaxed),
        )?;
        sheet.counter(
            "onedoor_audit_append_failures",
            "Appends that the log did not take and that were tried again",
            audit.failures.load(Relaxed),
        )?;
        let writable = f64::from(u8::from(self.metrics.is_audit_writable()));
        sheet.gauge(
            "onedoor_audit_writable",
            "Whether the log took what was last appended, or has not had it for long",
            None,
            writable,
        )
    }

    fn upstreams(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let state = self.registry.state();
        let known: Vec<(&Server, String, Status)> = state
            .servers()
            .flat_map(|server| served(server).map(move |version| (server, version)))
            .filter_map(|(server, version)| {
                let status = self.upstreams.status((server.id, version.number))?;
                Some((&**server, version.number.0.to_string(), status))
            })
            .collect();
        let all = || {
            known.iter().map(|(server, version, status)| {
                let labels = [("server", server.slug.as_str()), ("version", version.as_str())];
                (labels, status)
            })
        };
        sheet.gauges(
            "onedoor_upstream_calls_in_flight",
            "Calls to an upstream that are under way",
            all().map(|(labels, status)| (labels, i64::from(status.calls))),
        )?;
        sheet.gauges(
            "onedoor_upstream_breaker_state",
            "0 closed, 1 half-open, 2 open",
            all().map(|(labels, status)| (labels, breaker_number(status.breaker))),
        )?;
        sheet.gauges(
            "onedoor_upstream_up",
            "Whether an upstream answers its probes",
            all().filter_map(|(labels, status)| Some((labels, health_number(status.health)?))),
        )?;
        sheet.counters(
            "onedoor_upstream_refused",
            "Calls that were not let through to an upstream",
            all().flat_map(|([server, version], status)| {
                [
                    ([server, version, ("reason", "busy")], status.refused_busy),
                    (
                        [server, version, ("reason", "circuit_open")],
                        status.refused_circuit_open,
                    ),
                ]
            }),
        )
    }

    fn lease(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        use std::sync::atomic::Ordering::Relaxed;
        let (metrics, lease) = (&self.metrics, self.control.lease());
        sheet.gauge(
            "onedoor_lease_remaining",
            "How much longer this replica may serve by what it has shown; 0 where its lease has run out",
            Some(&Unit::Seconds),
            lease.left().as_secs_f64(),
        )?;
        sheet.counter(
            "onedoor_lease_expired",
            "How often the lease has run out",
            lease.expired(),
        )?;
        if let Some(age) = self.control.tick_age() {
            sheet.gauge(
                "onedoor_control_tick_age",
                "Since this replica's last record in control was read back",
                Some(&Unit::Seconds),
                age.as_secs_f64(),
            )?;
        }
        sheet.gauge(
            "onedoor_calls_waiting",
            "Requests that wait for the lease",
            None,
            metrics.waiting.get() as f64,
        )?;
        sheet.counter(
            "onedoor_dispatched_late",
            "Calls that were written after the lease had run out, and reset",
            metrics.dispatched_late.load(Relaxed),
        )?;
        sheet.latency(
            "onedoor_enforcement",
            "From the receipt of a restrictive command to its answer, when it is enforced everywhere",
            &metrics.enforced,
        )
    }

    fn replica(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        let revision = self.registry.snapshot().revision().0;
        sheet.gauge(
            "onedoor_registry_revision",
            "Offset of the last registry event that is enforced",
            None,
            revision as f64,
        )?;
        sheet.counter(
            "onedoor_registry_events_applied",
            "Registry events that are enforced",
            revision.saturating_add(1),
        )?;
        let following = f64::from(u8::from(!self.registry.is_stopped()));
        sheet.gauge(
            "onedoor_registry_followed",
            "Whether the registry is followed; where it is not, nothing is served",
            None,
            following,
        )?;
        sheet.gauge(
            "onedoor_registry_snapshot_age",
            "Since the snapshot in use was made",
            Some(&Unit::Seconds),
            metrics.snapshot_age().as_secs_f64(),
        )?;
        sheet.gauge(
            "onedoor_streams_open",
            "Streams to clients that are open",
            None,
            metrics.streams.get() as f64,
        )?;
        sheet.gauges(
            "onedoor_connections_open",
            "Connections of clients, by listener",
            [
                ([("plane", "data")], metrics.data_connections.get()),
                ([("plane", "admin")], metrics.admin_connections.get()),
            ],
        )?;
        sheet.gauges(
            "onedoor_build_info",
            "Always 1; the version is a label",
            [([("version", env!("CARGO_PKG_VERSION"))], 1)],
        )
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet::new(encoder);
        self.calls(&mut sheet)?;
        self.refusals(&mut sheet)?;
        self.shared(&mut sheet)?;
        self.audit(&mut sheet)?;
        self.upstreams(&mut sheet)?;
        self.metrics.admin.write(&mut sheet)?;
        self.replica(&mut sheet)?;
        self.lease(&mut sheet)?;
        process::write(&mut sheet)
    }
}

fn denial_labels(denied: DeniedFor) -> (&'static str, &'static str) {
    use onedoor_model::{
        audit::{
            AdminDenial::{NoRole, NotOwner},
            RateLimited::{PerClient, PerServer, PerUser},
        },
        decide::DenialReason as Rule,
    };
    match denied {
        DeniedFor::Rule(rule) => (
            "data",
            match rule {
                Rule::Blocked => "blocked",
                Rule::UnknownServer => "unknown_server",
                Rule::ServerNotGranted => "server_not_granted",
                Rule::WrongKind => "wrong_kind",
                Rule::NoVersion => "no_version",
                Rule::NotApproved => "not_approved",
                Rule::UnknownTool => "unknown_tool",
                Rule::ToolNotGranted => "tool_not_granted",
                Rule::ServerDisabled => "server_disabled",
                Rule::ToolDisabled => "tool_disabled",
                Rule::RestoreNotAccepted => "restore_not_accepted",
            },
        ),
        DeniedFor::Admin(NoRole) => ("admin", "no_role"),
        DeniedFor::Admin(NotOwner) => ("admin", "not_owner"),
        DeniedFor::Limited(PerUser) => ("data", "limited_per_user"),
        DeniedFor::Limited(PerClient) => ("data", "limited_per_client"),
        DeniedFor::Limited(PerServer) => ("data", "limited_per_server"),
    }
}

fn breaker_number(breaker: Breaker) -> i64 {
    match breaker {
        Breaker::Closed { .. } => 0,
        Breaker::HalfOpen { .. } => 1,
        Breaker::Open { .. } => 2,
    }
}

fn health_number(health: Health) -> Option<i64> {
    match health {
        Health::Unknown => None,
        Health::Up { .. } => Some(1),
        Health::Down { .. } => Some(0),
    }
}
