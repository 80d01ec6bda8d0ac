//! How long a replica takes from its start until it serves, with a long history in the log.

use std::time::{Duration, Instant};

use bytes::Bytes;
use onedoor_log::{Partition, Stream};
use onedoor_tests::{
    cluster::{Cluster, SLUG},
    proxy::Way,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::watch::figure;

/// Events in the registry.
const EVENTS: usize = 100_000;
/// How long they may take to be projected, row by row.
const PROJECTING: Duration = Duration::from_secs(240);
/// How many are appended at once.
const BATCH: usize = 1_000;

#[tokio::test]
async fn with_a_hundred_thousand_events() {
    let mut cluster = Cluster::start(1).await;
    fill(&cluster).await;
    let revision = cluster.end_of_registry().await - 1;
    let admin = cluster.admin(0);
    let history = format!("/servers/{SLUG}/history?limit=1&at_least={revision}");
    // Each look waits for a few seconds.
    let projected = async { while admin.get(&history).await.status != 200 {} };
    tokio::time::timeout(PROJECTING, projected)
        .await
        .expect("the projection does not come to know all");
    // The state is kept now and then only, while events come fast.
    let patience = Instant::now() + PROJECTING;
    let (mut took, mut known) = start(&mut cluster, Way::Open).await;
    while known <= EVENTS / 2 && Instant::now() < patience {
        (took, known) = start(&mut cluster, Way::Open).await;
    }
    assert!(known > EVENTS / 2, "the projection knew only {known}");
    figure(&format!(
        "from start to ready with {EVENTS} registry events, {known} of them from the projection: {took:.1?}"
    ));
    let (took, known) = start(&mut cluster, Way::Cut).await;
    assert_eq!(known, 0, "not from the log alone");
    figure(&format!(
        "from start to ready with {EVENTS} registry events, from the log alone: {took:.1?}"
    ));
    assert!(cluster.mcp(0).call("echo", json!({})).await.is_answered());
}

/// Starts the replica again: how long it took, and how many events the projection knew.
async fn start(cluster: &mut Cluster, way: Way) -> (Duration, usize) {
    let replica = &mut cluster.gateways[0];
    assert!(replica.process.stop().await.success());
    replica.postgres.set(way);
    let start = Instant::now();
    replica.process.restart();
    replica.ready(&cluster.http).await;
    (start.elapsed(), known(&replica.process.log()))
}

/// How many events the projection knew when a replica last began.
pub(crate) fn known(log: &str) -> usize {
    let line = log
        .lines()
        .rfind(|line| line.contains("the registry is read"))
        .unwrap();
    let (_, known) = line.split_once("known=").unwrap();
    known.split_whitespace().next().unwrap().parse().unwrap()
}

/// Gives and takes a grant, over and over.
async fn fill(cluster: &Cluster) {
    let written = cluster.written(Stream::Registry).await;
    let given: Value = (*written.of_type("GrantAdded").first().unwrap()).clone();
    let log = cluster.log().await;
    let pairs: Vec<usize> = (0..EVENTS / 2).collect();
    for batch in pairs.chunks(BATCH / 2) {
        let events = batch.iter().flat_map(|_| pair(&given)).collect();
        log.append(Stream::Registry, Partition(0), events).await.unwrap();
    }
    log.close().await;
}

/// A grant like this one, and its end.
fn pair(given: &Value) -> [Bytes; 2] {
    let grant = json!(Uuid::now_v7());
    let mut added = renewed(given);
    added["data"]["id"] = grant.clone();
    let mut removed = renewed(given);
    removed["type"] = json!("dev.onedoor.GrantRemoved.v1");
    removed["data"] = json!({ "command": removed["data"]["command"], "id": grant });
    [added, removed].map(|event| Bytes::from(event.to_string()))
}

/// The same event, as another.
fn renewed(event: &Value) -> Value {
    let mut renewed = event.clone();
    renewed["id"] = json!(Uuid::now_v7());
    renewed["data"]["command"]["id"] = json!(Uuid::now_v7());
    renewed
}
