//! Upstreams as the door finds them: which are failing, how much they have to do, whether they answer their probes. One that is slow or
//! dead never sinks the others.

mod breaker;
mod bulkhead;
mod health;
mod probe;
#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use onedoor_admin::Probes;
use onedoor_model::{
    audit::{NotDispatchedReason, Outcome, UpstreamFault},
    ids::{ServerId, VersionNumber},
    registry::{Breaker as Rules, Settings},
};
use parking_lot::Mutex;

use crate::refusal::{Failure, Reason};

pub(crate) use self::{
    breaker::Breaker,
    health::Health,
    probe::{Prober, served},
};
use self::{
    breaker::{Pass, Verdict},
    bulkhead::Bulkhead,
};

/// One version of a server: what a version does says nothing of another.
pub(crate) type Key = (ServerId, VersionNumber);

/// All upstreams that were called or probed. Looking one up takes no lock.
#[derive(Debug, Default)]
pub(crate) struct Upstreams(ArcSwap<HashMap<Key, Arc<Upstream>>>);

/// One upstream. While nothing is wrong with it, calls to it take no lock.
#[derive(Debug)]
pub(crate) struct Upstream {
    bulkhead: Bulkhead,
    /// Whether the breaker has nothing to remember. A call that reads it just before another one fails is let through: it was sent
    /// before the failure was known.
    calm: AtomicBool,
    breaker: Mutex<Breaker>,
    health: ArcSwap<Health>,
    refused: Refused,
}

/// Calls that were not let through.
#[derive(Debug, Default)]
struct Refused {
    busy: AtomicU64,
    circuit_open: AtomicU64,
}

/// What there is to know of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) breaker: Breaker,
    pub(crate) health: Health,
    pub(crate) calls: u32,
    pub(crate) refused_busy: u64,
    pub(crate) refused_circuit_open: u64,
}

/// Why a call is not made: its upstream has enough to do, or is failing. Another try may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// As many calls as may be are under way.
    #[error("too many calls to the server are under way")]
    Busy,
    /// It failed too often in a row.
    #[error("the server failed too often of late")]
    CircuitOpen {
        /// When it is tried again at the earliest.
        retry_after: Duration,
    },
}

/// Leave to make one call to an upstream, counted until it is dropped. It is told once what the call showed; dropped before, it showed
/// nothing.
#[derive(Debug)]
#[must_use = "a call is counted for as long as its admission is held"]
pub(crate) struct Admission {
    upstream: Arc<Upstream>,
    rules: Rules,
    /// Taken by the verdict.
    pass: Option<Pass>,
}

impl Upstreams {
    /// Lets a call through, or refuses it at once.
    ///
    /// # Errors
    /// [`Refusal`]
    pub(crate) fn admit(
        &self,
        server: ServerId,
        version: VersionNumber,
        settings: &Settings,
        now: Instant,
    ) -> Result<Admission, Refusal> {
        self.of((server, version)).admit(settings, now)
    }

    /// How a version answers its probes.
    pub(crate) fn health(&self, server: ServerId, version: VersionNumber) -> Health {
        let known = self.0.load();
        known
            .get(&(server, version))
            .map(|upstream| **upstream.health.load())
            .unwrap_or_default()
    }

    /// What there is to know of a version that was called or probed.
    pub(crate) fn status(&self, key: Key) -> Option<Status> {
        self.0.load().get(&key).map(|upstream| upstream.status())
    }

    /// Takes the result of a probe; says what it changed, if anything.
    pub(crate) fn probed(&self, key: Key, answered: bool, now: Timestamp) -> Option<Health> {
        let upstream = self.of(key);
        let before = **upstream.health.load();
        let after = before.after(answered, now);
        (after != before).then(|| {
            upstream.health.store(Arc::new(after));
            after
        })
    }

    /// Forgets the others. Calls under way to them go on.
    pub(crate) fn keep(&self, served: impl Fn(&Key) -> bool) {
        if self.0.load().keys().all(&served) {
            return;
        }
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.retain(|key, _| served(key));
            known
        });
    }

    fn of(&self, key: Key) -> Arc<Upstream> {
        if let Some(upstream) = self.0.load().get(&key) {
            return Arc::clone(upstream);
        }
        let new = Arc::new(Upstream::default());
        let before = self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(key).or_insert_with(|| Arc::clone(&new));
            known
        });
        before.get(&key).map_or(new, Arc::clone)
    }
}

impl Probes for Upstreams {
    fn health(&self, server: ServerId, version: VersionNumber) -> Option<onedoor_admin::Health> {
        let (up, since) = match self.health(server, version) {
            Health::Unknown => return None,
            Health::Up { since } => (true, since),
            Health::Down { since } => (false, since),
        };
        Some(onedoor_admin::Health { up, since })
    }
}

impl Upstream {
    fn admit(self: Arc<Self>, settings: &Settings, now: Instant) -> Result<Admission, Refusal> {
        if !self.bulkhead.enter(settings.limits.upstream_calls) {
            self.refused.busy.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal::Busy);
        }
        let passed = if self.calm.load(Ordering::Acquire) {
            Ok(Pass::Ordinary)
        } else {
            self.breaker.lock().admit(now)
        };
        match passed {
            Ok(pass) => Ok(Admission {
                upstream: self,
                rules: settings.breaker.clone(),
                pass: Some(pass),
            }),
            Err(retry_after) => {
                self.bulkhead.leave();
                self.refused.circuit_open.fetch_add(1, Ordering::Relaxed);
                Err(Refusal::CircuitOpen { retry_after })
            }
        }
    }

    fn learn(&self, pass: Pass, verdict: Verdict, rules: &Rules, now: Instant) {
        if verdict != Verdict::Fails && self.calm.load(Ordering::Acquire) {
            return;
        }
        let mut breaker = self.breaker.lock();
        breaker.learn(pass, verdict, rules, now);
        self.calm.store(breaker.is_calm(), Ordering::Release);
    }

    fn status(&self) -> Status {
        Status {
            breaker: *self.breaker.lock(),
            health: **self.health.load(),
            calls: self.bulkhead.inside(),
            refused_busy: self.refused.busy.load(Ordering::Relaxed),
            refused_circuit_open: self.refused.circuit_open.load(Ordering::Relaxed),
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            bulkhead: Bulkhead::default(),
            calm: AtomicBool::new(true),
            breaker: Mutex::default(),
            health: ArcSwap::default(),
            refused: Refused::default(),
        }
    }
}

impl Admission {
    /// The upstream answers: say so as soon as the head of its answer shows it, as others may be waiting for this call's result.
    pub(crate) fn succeeded(&mut self) {
        self.tell(Verdict::Works);
    }

    /// What the outcome of the call shows, where nothing was told before; `answered`: whether the head of an answer had come.
    pub(crate) fn ended(&mut self, outcome: &Outcome, answered: bool) {
        self.tell(shown_by(outcome, answered));
    }

    fn tell(&mut self, verdict: Verdict) {
        if let Some(pass) = self.pass.take() {
            self.upstream.learn(pass, verdict, &self.rules, Instant::now());
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.tell(Verdict::Unknown);
        self.upstream.bulkhead.leave();
    }
}

/// What the outcome of a call shows of its upstream. What one caller's token or arguments can bring about must not close the circuit
/// for others, nor what the door did.
fn shown_by(outcome: &Outcome, answered: bool) -> Verdict {
    match outcome {
        Outcome::Succeeded | Outcome::ToolError => Verdict::Works,
        Outcome::UpstreamError(fault) => match fault {
            UpstreamFault::Unreachable | UpstreamFault::Status | UpstreamFault::Protocol => Verdict::Fails,
            UpstreamFault::Unauthorized | UpstreamFault::TooLarge => Verdict::Works,
        },
        Outcome::TimedOut if !answered => Verdict::Fails,
        Outcome::NotDispatched(NotDispatchedReason::Unreachable) => Verdict::Fails,
        Outcome::TimedOut | Outcome::Cancelled(_) | Outcome::NotDispatched(_) | Outcome::Unknown => {
            Verdict::Unknown
        }
    }
}

impl Refusal {
    /// What the record of the call says of it.
    pub(crate) fn not_dispatched(self) -> NotDispatchedReason {
        match self {
            Self::Busy => NotDispatchedReason::Busy,
            Self::CircuitOpen { .. } => NotDispatchedReason::CircuitOpen,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => Reason::UpstreamBusy.into(),
            Refusal::CircuitOpen { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Reason::CircuitOpen.into()
            },
        }
    }
}
