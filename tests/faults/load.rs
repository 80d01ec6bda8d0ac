//! Callers that call one tool without a pause, and keep how each call ended.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onedoor_tests::{cluster::Cluster, mcp::Mcp, wait};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A call that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    caller: usize,
    /// The replica asked.
    pub(crate) gateway: usize,
    /// When the request was sent.
    pub(crate) sent: Instant,
    /// When the answer was there, or known not to come.
    pub(crate) ended: Instant,
    /// How it ended.
    pub(crate) end: End,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the tool's answer.
    Answered,
    /// With a refusal, for this reason.
    Refused(String),
    /// With a connection that broke or was refused.
    Lost,
}

/// Callers at work. Dropped, they end.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<Mutex<Vec<Call>>>,
    callers: JoinSet<()>,
}

impl Load {
    /// So many callers at each of these replicas.
    pub(crate) fn start(cluster: &Cluster, gateways: Range<usize>, callers: usize) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            calls: Arc::default(),
            callers: JoinSet::new(),
        };
        for gateway in gateways {
            for _ in 0..callers {
                load.add(gateway, cluster.mcp(gateway));
            }
        }
        load
    }

    fn add(&mut self, gateway: usize, mcp: Mcp) {
        let caller = self.callers.len();
        let (stop, calls) = (Arc::clone(&self.stop), Arc::clone(&self.calls));
        self.callers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let sent = Instant::now();
                let end = call(&mcp).await;
                let lost = end == End::Lost;
                calls.lock().push(Call {
                    caller,
                    gateway,
                    sent,
                    ended: Instant::now(),
                    end,
                });
                if lost {
                    // A replica that is not there answers at once, many thousand times a second.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }

    /// The calls that have ended so far.
    #[must_use]
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }

    /// Waits until each of these replicas has ended a call so that was sent after an instant, and gives when the first of each did.
    pub(crate) async fn each(&self, gateways: Range<usize>, after: Instant, end: &End) -> Vec<Instant> {
        let mut since = Vec::new();
        for gateway in gateways {
            let what = format!("replica {gateway}: {end:?}");
            let first = wait::until(&what, async || {
                let calls = self.calls.lock();
                let mut fitting =
                    sent_after(&calls, after).filter(|call| call.gateway == gateway && call.end == *end);
                fitting.next().map(|call| call.ended)
            });
            since.push(first.await);
        }
        since
    }

    /// Waits until each of these replicas has answered a call that was sent after an instant.
    pub(crate) async fn serves(&self, gateways: Range<usize>, after: Instant) {
        self.each(gateways, after, &End::Answered).await;
    }

    /// Waits until every caller has ended a call that it sent after an instant: whatever was under way then has ended, too.
    pub(crate) async fn has_passed(&self, instant: Instant) {
        wait::until("every caller's next call", async || {
            let calls = self.calls.lock();
            let callers: BTreeSet<usize> = sent_after(&calls, instant).map(|call| call.caller).collect();
            (callers.len() == self.callers.len()).then_some(())
        })
        .await;
    }

    /// Ends it, and gives all calls.
    pub(crate) async fn stop(mut self) -> Vec<Call> {
        self.stop.store(true, Ordering::Relaxed);
        wait::within("the callers' last calls", async {
            while let Some(ended) = self.callers.join_next().await {
                ended.unwrap();
            }
        })
        .await;
        self.calls()
    }
}

/// Those that were sent after an instant, of calls in the order of their ends.
fn sent_after(calls: &[Call], instant: Instant) -> impl Iterator<Item = &Call> {
    let later = calls.partition_point(|call| call.ended < instant);
    calls[later..].iter().filter(move |call| call.sent >= instant)
}

/// Makes one call.
pub(crate) async fn call(mcp: &Mcp) -> End {
    let body = Mcp::body("tools/call", json!({ "name": "echo", "arguments": { "x": 1 } }));
    let answer = async {
        let answer = mcp.post(&body).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.bytes().await.ok()?))
    };
    let Some((status, body)) = answer.await else {
        return End::Lost;
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if body["result"].is_object() {
        End::Answered
    } else {
        let reason = body["error"]["data"]["reason"].as_str();
        End::Refused(reason.map_or_else(|| status.to_string(), str::to_owned))
    }
}

/// The longest time in which no call was answered, and how long the longest took.
pub(crate) fn longest(calls: &[Call]) -> (Duration, Duration) {
    let mut answers: Vec<Instant> = calls
        .iter()
        .filter(|call| call.end == End::Answered)
        .map(|call| call.ended)
        .collect();
    answers.sort();
    let gap = answers.windows(2).map(|pair| pair[1] - pair[0]).max();
    let call = calls.iter().map(|call| call.ended - call.sent).max();
    (gap.unwrap_or_default(), call.unwrap_or_default())
}
