//! All replicas are restarted one after the other under load, and no call fails.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use onedoor_tests::{
    cluster::{Cluster, SLUG},
    mcp::Mcp,
    session::Session,
    session_upstream::SessionUpstream,
    token::Token,
    wait,
};
use parking_lot::Mutex;
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    freshness::{REPLICAS, three_replicas},
    journal::Journal,
    load::{End, call},
    watch::figure,
};

/// How often a load balancer looks at a replica.
const PROBE: Duration = Duration::from_millis(100);
/// Calls of each kind that must have been made between two restarts.
const BETWEEN: usize = 20;

/// What a load balancer does: asks each replica whether it is ready, and gives those that are, by turns.
#[derive(Clone, Debug, Default)]
struct Balancer {
    ready: Arc<[AtomicBool; REPLICAS]>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    /// Looks at the replicas for ever.
    fn start(cluster: &Cluster) -> (Self, JoinSet<()>) {
        let balancer = Self::default();
        let mut probes = JoinSet::new();
        for (gateway, replica) in cluster.gateways.iter().enumerate() {
            let (ready, http) = (Arc::clone(&balancer.ready), cluster.http.clone());
            let url = format!("{}/readyz", replica.data_url);
            probes.spawn(async move {
                loop {
                    let answer = http.get(&url).send().await;
                    let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
                    ready[gateway].store(is_ready, Ordering::SeqCst);
                    tokio::time::sleep(PROBE).await;
                }
            });
        }
        (balancer, probes)
    }

    /// By turns.
    async fn next(&self) -> usize {
        self.near(self.turn.fetch_add(1, Ordering::Relaxed)).await
    }

    /// This replica, or else the next one.
    async fn near(&self, first: usize) -> usize {
        let some = async {
            for replica in first.. {
                if self.ready[replica % REPLICAS].load(Ordering::SeqCst) {
                    return replica % REPLICAS;
                }
                tokio::time::sleep(PROBE / 10).await;
            }
            unreachable!("numbers have no end")
        };
        wait::within("a replica that is ready", some).await
    }
}

/// What the callers have seen: how often each kind of call went well, and how it did not.
#[derive(Clone, Debug, Default)]
struct Tally {
    stop: Arc<AtomicBool>,
    good: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    /// Streams that are open, at each replica.
    open: Arc<[AtomicUsize; REPLICAS]>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn count(&self, kind: &'static str, gateway: usize, end: &End) {
        if *end == End::Answered {
            *self.good.lock().entry(kind).or_default() += 1;
        } else {
            self.failures
                .lock()
                .push(format!("{kind} at replica {gateway}: {end:?}"));
        }
    }
}

#[tokio::test]
async fn restart_fails_no_call() {
    let mut cluster = three_replicas().await;
    let sessions = SessionUpstream::start().await;
    cluster.open(&sessions.manifest("sessions")).await;
    let (balancer, _probes) = Balancer::start(&cluster);
    let (tally, mut callers) = (Tally::default(), JoinSet::new());
    let http2 = Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let urls =
        |slug: &str| -> [String; REPLICAS] { std::array::from_fn(|gateway| cluster.endpoint(gateway, slug)) };
    let edge = |http: &Client| urls(SLUG).map(|url| Mcp::new(http, &url, &cluster.token()));
    callers.spawn(stateless(
        "keep-alive",
        edge(&cluster.http),
        balancer.clone(),
        tally.clone(),
    ));
    callers.spawn(stateless("http/2", edge(&http2), balancer.clone(), tally.clone()));
    callers.spawn(with_session(
        cluster.http.clone(),
        urls("sessions"),
        cluster.token(),
        balancer.clone(),
        tally.clone(),
    ));
    for first in 0..REPLICAS {
        callers.spawn(streams(
            first,
            edge(&cluster.http),
            balancer.clone(),
            tally.clone(),
        ));
    }

    for gateway in 0..REPLICAS {
        let before = tally.good.lock().clone();
        wait::until("load of every kind", async || {
            let good = tally.good.lock();
            let more = |kind| {
                good.get(kind).copied().unwrap_or_default()
                    > before.get(kind).copied().unwrap_or_default() + BETWEEN
            };
            let streams = tally.open[gateway].load(Ordering::SeqCst) > 0;
            let all = ["keep-alive", "http/2", "session"].into_iter().all(more);
            (all && streams).then_some(())
        })
        .await;
        cluster.gateways[gateway].process.stop_and_restart().await;
        cluster.ready().await;
    }
    tally.stop.store(true, Ordering::Relaxed);
    wait::within("the last calls", async {
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
    })
    .await;
    let good = tally.good.lock().clone();
    figure(&format!("rolling restart: {good:?}"));
    assert_eq!(*tally.failures.lock(), Vec::<String>::new());
    assert!(good["stream"] >= REPLICAS);
    let journal = Journal::settled(&cluster).await;
    let calls: usize = good.values().sum();
    assert_eq!((journal.count("succeeded"), journal.len()), (calls, calls));
}

/// Calls without sessions, each at the next replica.
async fn stateless(kind: &'static str, replicas: [Mcp; REPLICAS], balancer: Balancer, tally: Tally) {
    while tally.goes_on() {
        let gateway = balancer.next().await;
        tally.count(kind, gateway, &call(&replicas[gateway]).await);
    }
}

/// One session, whose calls go to replica after replica.
async fn with_session(
    http: Client,
    urls: [String; REPLICAS],
    token: Token,
    balancer: Balancer,
    tally: Tally,
) {
    let begun = Session::at(&http, &urls[balancer.next().await], Some(token))
        .begun(json!({}))
        .await;
    while tally.goes_on() {
        let gateway = balancer.next().await;
        let answer = begun.moved_to(&urls[gateway]).call("echo", json!({})).await;
        let end = if answer.is_answered() {
            End::Answered
        } else {
            End::Refused(answer.text)
        };
        tally.count("session", gateway, &end);
    }
}

/// Streams of twenty seconds, at one replica for as long as it is ready.
async fn streams(first: usize, replicas: [Mcp; REPLICAS], balancer: Balancer, tally: Tally) {
    while tally.goes_on() {
        let gateway = balancer.near(first).await;
        let mut events = replicas[gateway].stream("long", json!({})).await;
        let mut last = events.next().await.unwrap();
        tally.open[gateway].fetch_add(1, Ordering::SeqCst);
        while let Some(message) = events.next().await {
            last = message;
        }
        tally.open[gateway].fetch_sub(1, Ordering::SeqCst);
        let end = if last["result"].is_object() {
            End::Answered
        } else {
            End::Refused(last.to_string())
        };
        tally.count("stream", gateway, &end);
    }
}
