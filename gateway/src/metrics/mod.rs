//! What is counted and measured, for `GET /metrics`. Labels are few and known beforehand: a server's slug, an outcome, a reason; never a
//! user, an app or what a caller wrote. Counting takes no lock and never fails.

mod admin;
mod call;
mod latency;
mod page;
mod process;
mod sheet;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use onedoor_model::{
    audit::{AdminDenial, DeniedFor, NotDispatchedReason, Outcome, RateLimited},
    decide::DenialReason,
    ids::Slug,
    manifest::Strategy,
};
use prometheus_client::metrics::gauge::Gauge;

use self::{admin::AdminRequests, call::ServerCalls, latency::Latency, tally::Tally};
pub(crate) use self::{
    admin::admin_request,
    call::{CallTimes, outcome_labels},
    page::{Page, router},
};

/// An append that takes longer than this is stuck. A broker's death does not, on brokers that are set up for it: calls wait for it.
const STUCK_MS: u64 = 5_000;

/// Later than any time.
const NEVER: u64 = u64::MAX;

/// Why known callers are refused.
const DENIED: &[DeniedFor] = &[
    DeniedFor::Rule(DenialReason::Blocked),
    DeniedFor::Rule(DenialReason::UnknownServer),
    DeniedFor::Rule(DenialReason::ServerNotGranted),
    DeniedFor::Rule(DenialReason::WrongKind),
    DeniedFor::Rule(DenialReason::NoVersion),
    DeniedFor::Rule(DenialReason::NotApproved),
    DeniedFor::Rule(DenialReason::UnknownTool),
    DeniedFor::Rule(DenialReason::ToolNotGranted),
    DeniedFor::Rule(DenialReason::ServerDisabled),
    DeniedFor::Rule(DenialReason::ToolDisabled),
    DeniedFor::Rule(DenialReason::RestoreNotAccepted),
    DeniedFor::Admin(AdminDenial::NoRole),
    DeniedFor::Admin(AdminDenial::NotOwner),
    DeniedFor::Limited(RateLimited::PerUser),
    DeniedFor::Limited(RateLimited::PerClient),
    DeniedFor::Limited(RateLimited::PerServer),
];

/// What may come of asking for a Token B, by strategy: it is there, or the reason the call's record names.
const TOKENS_B: &[TokenB] = &[
    (Strategy::GatewayIssued, Ok(())),
    (Strategy::EntraObo, Ok(())),
    (Strategy::GatewayIssued, Err(NotDispatchedReason::NoTokenB)),
    (Strategy::EntraObo, Err(NotDispatchedReason::NoTokenB)),
    (Strategy::EntraObo, Err(NotDispatchedReason::ConsentRequired)),
    (Strategy::EntraObo, Err(NotDispatchedReason::InteractionRequired)),
    (Strategy::EntraObo, Err(NotDispatchedReason::TokenARejected)),
    (Strategy::EntraObo, Err(NotDispatchedReason::ExchangeRefused)),
    (Strategy::EntraObo, Err(NotDispatchedReason::ExchangeUnavailable)),
];

type TokenB = (Strategy, Result<(), NotDispatchedReason>);

/// Everything that is counted as it happens; what can be read off the door at any time is read when it is asked for.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    calls: ArcSwap<BTreeMap<Slug, Arc<ServerCalls>>>,
    denied: Tally<DeniedFor>,
    unauthenticated: Tally<&'static str>,
    tokens_b: Tally<TokenB>,
    audit: Audit,
    admin: AdminRequests,
    streams: Gauge,
    data_connections: Gauge,
    admin_connections: Gauge,
    /// Requests that wait for the lease.
    waiting: Gauge,
    /// Calls that were written after the lease had run out.
    dispatched_late: AtomicU64,
    /// From a restrictive command's receipt to its answer.
    enforced: Latency,
    /// When the snapshot was swapped last, in milliseconds after `started`.
    snapshot_ms: AtomicU64,
}

/// Appends of the audit.
#[derive(Debug)]
struct Audit {
    appends: Latency,
    events: AtomicU64,
    failures: AtomicU64,
    /// Whether the last try succeeded.
    taken: AtomicBool,
    /// When the append under way was first tried, in milliseconds after `started`; [`NEVER`] while there is none.
    tried_ms: AtomicU64,
}

/// One of many that is there; no longer once this is dropped.
#[derive(Debug)]
#[must_use = "it is counted for as long as this is held"]
pub(crate) struct Counted(Gauge);

/// Which plane a connection is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    Data,
    Admin,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            calls: ArcSwap::default(),
            denied: Tally::new(DENIED),
            unauthenticated: Tally::new(&onedoor_authn::REASONS),
            tokens_b: Tally::new(TOKENS_B),
            audit: Audit {
                appends: Latency::default(),
                events: AtomicU64::new(0),
                failures: AtomicU64::new(0),
                taken: AtomicBool::new(true),
                tried_ms: AtomicU64::new(NEVER),
            },
            admin: AdminRequests::default(),
            streams: Gauge::default(),
            data_connections: Gauge::default(),
            admin_connections: Gauge::default(),
            waiting: Gauge::default(),
            dispatched_late: AtomicU64::new(0),
            enforced: Latency::default(),
            snapshot_ms: AtomicU64::new(0),
        }
    }

    /// A recorded call has its outcome.
    pub(crate) fn call_ended(&self, server: &Slug, outcome: &Outcome, times: CallTimes) {
        self.calls_to(server).ended(outcome, times);
    }

    /// A call has a connection to its upstream, kept or fresh.
    pub(crate) fn connected(&self, server: &Slug, took: Duration) {
        self.calls_to(server).connect.observe(took);
    }

    /// A Token B was asked for; a failure is told as the record of the call names it.
    pub(crate) fn token_b(&self, strategy: Strategy, result: Result<(), NotDispatchedReason>) {
        self.tokens_b.add(&(strategy, result));
    }

    /// A known caller was refused, on either plane.
    pub(crate) fn denied(&self, reason: DeniedFor) {
        self.denied.add(&reason);
    }

    /// A request came without a valid token, on either plane; one of [`onedoor_authn::REASONS`].
    pub(crate) fn unauthenticated(&self, reason: &'static str) {
        self.unauthenticated.add(&reason);
    }

    /// Events are given to the audit, for the first time or again.
    pub(crate) fn audit_tried(&self) {
        let now = millis(self.started.elapsed());
        self.audit.tried_ms.fetch_min(now, Ordering::Relaxed);
    }

    /// The audit has taken events.
    pub(crate) fn audit_appended(&self, events: usize, took: Duration) {
        self.audit.appends.observe(took);
        self.audit.events.fetch_add(events as u64, Ordering::Relaxed);
        self.audit.taken.store(true, Ordering::Relaxed);
        self.audit.tried_ms.store(NEVER, Ordering::Relaxed);
    }

    /// The audit did not take events; they are tried again.
    pub(crate) fn audit_failed(&self) {
        self.audit.failures.fetch_add(1, Ordering::Relaxed);
        self.audit.taken.store(false, Ordering::Relaxed);
    }

    /// Whether the audit took what was last given to it, or has not had it for long.
    pub(crate) fn is_audit_writable(&self) -> bool {
        let now = millis(self.started.elapsed());
        let waiting = now.saturating_sub(self.audit.tried_ms.load(Ordering::Relaxed));
        self.audit.taken.load(Ordering::Relaxed) && waiting < STUCK_MS
    }

    /// A stream to a client is open.
    pub(crate) fn stream(&self) -> Counted {
        Counted::new(&self.streams)
    }

    /// A request waits until the replica can show that it is up to date.
    pub(crate) fn waiting(&self) -> Counted {
        Counted::new(&self.waiting)
    }

    /// A call was written after the lease had run out, and reset.
    pub(crate) fn dispatched_late(&self) {
        self.dispatched_late.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection of a client is open.
    pub(crate) fn connection(&self, plane: Listening) -> Counted {
        Counted::new(match plane {
            Listening::Data => &self.data_connections,
            Listening::Admin => &self.admin_connections,
        })
    }

    /// A new snapshot is served, with these servers; the others' series end.
    pub(crate) fn snapshot_swapped(&self, servers: &BTreeSet<Slug>) {
        self.snapshot_ms
            .store(millis(self.started.elapsed()), Ordering::Relaxed);
        if self.calls.load().keys().all(|slug| servers.contains(slug)) {
            return;
        }
        self.calls.rcu(|calls| {
            let mut calls = BTreeMap::clone(calls);
            calls.retain(|slug, _| servers.contains(slug));
            calls
        });
    }

    fn snapshot_age(&self) -> Duration {
        let swapped = Duration::from_millis(self.snapshot_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(swapped)
    }

    fn calls_to(&self, server: &Slug) -> Arc<ServerCalls> {
        if let Some(calls) = self.calls.load().get(server) {
            return Arc::clone(calls);
        }
        let new = Arc::new(ServerCalls::new());
        self.calls.rcu(|calls| {
            let mut calls = BTreeMap::clone(calls);
            calls.entry(server.clone()).or_insert_with(|| Arc::clone(&new));
            calls
        });
        self.calls.load().get(server).map_or(new, Arc::clone)
    }
}

impl onedoor_admin::Enforcements for Metrics {
    fn enforced(&self, took: Duration) {
        self.enforced.observe(took);
    }
}

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
