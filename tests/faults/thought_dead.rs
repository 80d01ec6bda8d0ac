//! What was thought dead and goes on: no call is lost or ends twice, and the projection is what the log says.

use std::time::{Duration, Instant};

use onedoor_log::Stream;
use onedoor_tests::{
    cluster::Cluster,
    proxy::Way,
    stack::brokers::{Brokers, Settings},
    wait,
};

use crate::{
    commands::told,
    fault::VICTIM,
    freshness::{REPLICAS, three_replicas},
    journal::{Journal, after_the_end, listed},
    load::Load,
    watch::figure,
};

/// A boot is closed after 15 s of silence, and looked for every 5.
const CLOSING: Duration = Duration::from_secs(60);

/// What a replica had on its way when it was cut off comes into the log after its boot was closed.
#[tokio::test]
async fn a_replica_that_goes_on_after_its_end_loses_nothing() {
    let mut cluster = three_replicas().await;
    let load = Load::start(&cluster, VICTIM..REPLICAS, 8);
    load.serves(VICTIM..REPLICAS, Instant::now()).await;
    cluster.brokers.as_ref().unwrap().set(VICTIM, Way::Stalled);
    let closed = async {
        while cluster
            .written(Stream::Audit)
            .await
            .of_type("BootClosed")
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(CLOSING, closed)
        .await
        .expect("nobody closed its boot");
    cluster.brokers.as_ref().unwrap().set(VICTIM, Way::Open);

    let victim = &mut cluster.gateways[VICTIM].process;
    assert!(!victim.ended().await.success(), "it went on: {}", victim.log());
    assert!(victim.log().contains("taken for dead"), "{}", victim.log());
    victim.restart();
    cluster.ready().await;
    load.serves(VICTIM..REPLICAS, Instant::now()).await;
    load.stop().await;
    let journal = Journal::settled(&cluster).await;
    let [called, completed] =
        ["ToolCalled", "ToolCallCompleted"].map(|name| after_the_end(&journal.written, name));
    figure(&format!(
        "a replica that was thought dead: {called} calls and {completed} outcomes came after its end, {} of {} calls are unknown",
        journal.count("unknown"),
        journal.len()
    ));
    assert!(called > 0, "nothing came after the end: the test shows nothing");
    rebuild_equals_live(&cluster).await;
}

#[tokio::test]
async fn a_projector_that_goes_on_changes_nothing() {
    let brokers = Brokers::start(Settings::Tuned, 1).await;
    let cluster = Cluster::start_on(brokers, 1, 2).await;
    let load = Load::start(&cluster, 0..1, 2);
    load.serves(0..1, Instant::now()).await;
    for _ in 0..4 {
        let zombie = active_projector(&cluster).await;
        cluster.projectors[zombie].process.pause().await;
        let behind = listed(&cluster).await.len();
        let other = &cluster.projectors[1 - zombie];
        wait::until("the other projector to go on", async || {
            let is_active = cluster.shows(&other.url, ACTIVE).await;
            (is_active && listed(&cluster).await.len() > behind + 20).then_some(())
        })
        .await;
        cluster.projectors[zombie].process.resume().await;
        wait::until("the one that was thought dead to know it", async || {
            let is_active = cluster.shows(&cluster.projectors[zombie].url, ACTIVE).await;
            (!is_active).then_some(())
        })
        .await;
        load.serves(0..1, Instant::now()).await;
    }
    load.stop().await;
    Journal::settled(&cluster).await;
    rebuild_equals_live(&cluster).await;
}

const ACTIVE: &str = "onedoor_projector_active 1";

async fn active_projector(cluster: &Cluster) -> usize {
    wait::until("a projector that projects", async || {
        for (number, projector) in cluster.projectors.iter().enumerate() {
            if cluster.shows(&projector.url, ACTIVE).await {
                return Some(number);
            }
        }
        None
    })
    .await
}

/// Rebuilds the projection, and compares what is told before and after.
pub(crate) async fn rebuild_equals_live(cluster: &Cluster) {
    let live = (told(cluster).await, listed(cluster).await);
    cluster.projectors[0].rebuild().await;
    assert_eq!((told(cluster).await, listed(cluster).await), live);
}
