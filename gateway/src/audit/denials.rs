//! Recording refusals, without ever making one wait: denials of known callers one by one up to a rate each, then counted; failed
//! authentication counted by source network in a bounded table. A flood can neither fill the log nor hide in it.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use onedoor_log::{AppendError, EventLog, MAX_BATCH_EVENTS, Partition, Stream};
use onedoor_model::{
    audit::{AuthenticationsFailed, CallDenied, Caller, DenialEvent, DenialsCounted},
    envelope::{Chain, Draft, Producer},
    principal::ActorKey,
};
use onedoor_registry::Boot;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

const PARTITION: Partition = Partition(0);

/// Denials waiting to be written; further ones are counted.
const QUEUE: usize = 1_024;

/// Entries of each table of counts; further ones are counted together.
const TABLE: usize = 1_024;

/// How often counts are written.
const FLUSH: Duration = Duration::from_secs(5);

/// Takes refusals. Nothing here waits.
#[derive(Debug)]
pub(crate) struct Denials {
    queue: mpsc::Sender<Draft<DenialEvent>>,
    rate: Arc<ArcSwap<Rate>>,
    counts: Arc<Mutex<Counts>>,
    metrics: Arc<Metrics>,
}

/// How many denials of a caller are recorded one by one.
#[derive(Debug)]
struct Rate {
    per_minute: NonZeroU32,
    limiter: DefaultKeyedRateLimiter<ActorKey>,
}

/// The task that writes them: run it until it ends.
#[derive(Debug)]
pub(crate) struct DenialsTask {
    log: Arc<dyn EventLog>,
    chain: Chain,
    queue: mpsc::Receiver<Draft<DenialEvent>>,
    rate: Arc<ArcSwap<Rate>>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    denied: HashMap<Option<ActorKey>, (Option<Caller>, Count)>,
    unauthenticated: HashMap<(Option<String>, &'static str), Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    count: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Denials {
    /// A recorder of refusals, and its task.
    #[must_use]
    pub(crate) fn new(log: Arc<dyn EventLog>, boot: &Boot, metrics: Arc<Metrics>) -> (Self, DenialsTask) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let counts = Arc::<Mutex<Counts>>::default();
        let rate = Arc::new(ArcSwap::from_pointee(Rate::new(NonZeroU32::MIN)));
        let task = DenialsTask {
            log,
            chain: boot.chain(Producer::Denials),
            queue: receiver,
            rate: Arc::clone(&rate),
            counts: Arc::clone(&counts),
        };
        let denials = Self {
            queue,
            rate,
            counts,
            metrics,
        };
        (denials, task)
    }

    /// A known caller was refused. `per_minute` of a caller's refusals are recorded one by one.
    pub(crate) fn denied(&self, key: ActorKey, draft: Draft<CallDenied>, per_minute: u32) {
        let now = draft.time;
        self.metrics.denied(draft.data.reason);
        let caller = draft.data.caller.clone();
        if self.is_one_by_one(&key, per_minute) {
            let event = Draft {
                id: draft.id,
                time: draft.time,
                traceparent: draft.traceparent,
                tenant: draft.tenant,
                actor: draft.actor,
                reason: draft.reason,
                data: DenialEvent::CallDenied(Box::new(draft.data)),
            };
            if self.queue.try_send(event).is_ok() {
                return;
            }
        }
        let mut counts = self.counts.lock();
        let known = counts.denied.len() < TABLE || counts.denied.contains_key(&Some(key.clone()));
        let (key, caller) = if known {
            (Some(key), Some(caller))
        } else {
            (None, None)
        };
        counts
            .denied
            .entry(key)
            .or_insert_with(|| (caller, Count::none(now)))
            .1
            .add(now);
    }

    fn is_one_by_one(&self, key: &ActorKey, per_minute: u32) -> bool {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        if self.rate.load().per_minute != per_minute {
            // The setting changed: everybody begins anew.
            self.rate.store(Arc::new(Rate::new(per_minute)));
        }
        self.rate.load().limiter.check_key(key).is_ok()
    }

    /// A request had no valid token.
    pub(crate) fn unauthenticated(&self, source: Option<IpAddr>, reason: &'static str, now: Timestamp) {
        self.metrics.unauthenticated(reason);
        let mut counts = self.counts.lock();
        let network = source.map(network);
        let known = counts.unauthenticated.len() < TABLE
            || counts.unauthenticated.contains_key(&(network.clone(), reason));
        let network = if known { network } else { None };
        counts
            .unauthenticated
            .entry((network, reason))
            .or_insert_with(|| Count::none(now))
            .add(now);
    }
}

impl DenialsTask {
    /// Writes until stopped or until its [`Denials`] is gone, and then what is left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut flush = tokio::time::interval(FLUSH);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                taken = self.queue.recv_many(&mut batch, QUEUE) => if taken == 0 { break },
                _ = flush.tick() => {
                    batch.extend(self.counts.lock().drain());
                    self.rate.load().limiter.retain_recent();
                }
                () = stop.cancelled() => break,
            }
            self.append(&mut batch).await;
        }
        while let Ok(draft) = self.queue.try_recv() {
            batch.push(draft);
        }
        batch.extend(self.counts.lock().drain());
        self.append(&mut batch).await;
    }

    /// Appends a batch, once. A log that refuses loses it: denials must not pile up in memory, and nothing waits for them.
    async fn append(&mut self, batch: &mut Vec<Draft<DenialEvent>>) {
        let mut drafts = batch.drain(..).peekable();
        while drafts.peek().is_some() {
            let mut chain = self.chain.clone();
            let mut events = Vec::new();
            for draft in drafts.by_ref().take(MAX_BATCH_EVENTS) {
                match chain.seal(draft) {
                    Ok((bytes, after)) => {
                        chain = after;
                        events.push(Bytes::from(bytes));
                    }
                    Err(error) => tracing::error!(%error, "a denial cannot be written as JSON"),
                }
            }
            let count = events.len();
            match self.log.append(Stream::Denials, PARTITION, events).await {
                Ok(_) => self.chain = chain,
                Err(error) => {
                    if matches!(error, AppendError::Unknown(_)) {
                        self.chain = chain;
                    }
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        count,
                        "denials could not be recorded"
                    );
                }
            }
        }
    }
}

impl Rate {
    fn new(per_minute: NonZeroU32) -> Self {
        Self {
            per_minute,
            limiter: RateLimiter::keyed(Quota::per_minute(per_minute)),
        }
    }
}

impl Counts {
    fn drain(&mut self) -> Vec<Draft<DenialEvent>> {
        let denied = self
            .denied
            .drain()
            .map(|(_, (caller, Count { count, since, until }))| {
                DenialEvent::DenialsCounted(DenialsCounted {
                    caller,
                    count,
                    since,
                    until,
                })
            });
        let unauthenticated =
            self.unauthenticated
                .drain()
                .map(|((network, reason), Count { count, since, until })| {
                    let reason = reason.to_owned();
                    DenialEvent::AuthenticationsFailed(AuthenticationsFailed {
                        network,
                        reason,
                        count,
                        since,
                        until,
                    })
                });
        denied.chain(unauthenticated).map(Boot::draft).collect()
    }
}

impl Count {
    fn none(now: Timestamp) -> Self {
        Self {
            count: 0,
            since: now,
            until: now,
        }
    }

    fn add(&mut self, now: Timestamp) {
        self.count += 1;
        self.until = self.until.max(now);
    }
}

/// The network a failed authentication is counted for: /24 for IPv4, /48 for IPv6.
fn network(source: IpAddr) -> String {
    match source.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}
