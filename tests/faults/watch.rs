//! What the tests judge by: when a hold could first be read, when calls reached the upstream, and what the audit says of them.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;
use onedoor_tests::{
    cluster::{Cluster, Written},
    upstream::Upstream,
    wait,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinSet;

/// How long after its bound a command may still be unknown to a replica that serves.
pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// How often `control` is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Reads `control` as it grows, by a way that does not fail.
#[derive(Debug)]
pub(crate) struct Watch {
    holds: Arc<Mutex<Vec<Instant>>>,
    _task: JoinSet<()>,
}

impl Watch {
    /// From now on.
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        let log = cluster.log().await;
        let mut next = log.bounds(Stream::Control, Partition(0)).await.unwrap().end;
        let holds = Arc::<Mutex<Vec<Instant>>>::default();
        let seen = Arc::clone(&holds);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                // Its broker may be the one that fails.
                let Ok(records) = log.read(Stream::Control, Partition(0), next, 1_000).await else {
                    tokio::time::sleep(LOOK).await;
                    continue;
                };
                if records.is_empty() {
                    tokio::time::sleep(LOOK).await;
                }
                let now = Instant::now();
                for record in records {
                    next = Offset(record.offset.0 + 1);
                    let event: Value = serde_json::from_slice(&record.bytes).unwrap();
                    if event["type"] == "dev.onedoor.Hold.v1" {
                        seen.lock().push(now);
                    }
                }
            }
        });
        Self { holds, _task: task }
    }

    /// When the first hold after an instant was read, which is not before it was committed.
    pub(crate) async fn hold_after(&self, instant: Instant) -> Instant {
        wait::until("a hold", async || {
            self.holds.lock().iter().copied().find(|hold| *hold >= instant)
        })
        .await
    }
}

/// A call that reached the upstream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    /// When its first byte was there.
    pub(crate) at: Instant,
    /// Its id.
    pub(crate) call: String,
}

/// The calls that have reached the upstream after an instant. Each says its id, once.
pub(crate) fn arrivals(upstream: &Upstream, after: Instant) -> Vec<Arrival> {
    let requests = upstream.requests_after(after);
    let calls = requests.iter().filter(|request| !request.tool().is_empty());
    calls
        .map(|call| Arrival {
            at: call.at,
            call: call.header("onedoor-call-id").unwrap().to_owned(),
        })
        .collect()
}

/// The calls that reached the upstream after an instant, and of which the audit does not say so.
pub(crate) fn unconfessed(arrivals: &[Arrival], after: Instant, written: &Written) -> Vec<Arrival> {
    let confessed = ids(&written.of_type("DispatchedLate"));
    let late = arrivals.iter().filter(|arrival| arrival.at > after);
    late.filter(|arrival| !confessed.contains(&arrival.call))
        .cloned()
        .collect()
}

/// The calls that events are about.
pub(crate) fn ids(events: &[&Value]) -> BTreeSet<String> {
    events
        .iter()
        .map(|event| event["data"]["call"].as_str().unwrap().to_owned())
        .collect()
}

/// Times, the least first.
#[derive(Clone, Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// The time within which so many of a hundred are (nearest rank).
    pub(crate) fn percentile(&self, of_hundred: usize) -> Duration {
        self.0[(self.0.len() * of_hundred).div_ceil(100) - 1]
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, most] = [50, 99, 100].map(|of_hundred| self.percentile(of_hundred));
        let count = self.0.len();
        write!(f, "P50 {p50:.1?}, P99 {p99:.1?}, most {most:.1?} of {count}")
    }
}

/// Tells a figure for the closing note, on a line of its own.
pub(crate) fn figure(text: &str) {
    println!("\nfigure: {text}");
}
