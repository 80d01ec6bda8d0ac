//! A replica that can write its audit and hears of no command: what stops it is its lease, and nothing else does.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use onedoor_tests::{binary, cluster::Cluster, proxy::Way};

use crate::{
    fault::VICTIM,
    freshness::{REPLICAS, disable, names, three_replicas},
    load::Load,
    watch::{Arrival, BOUND, Watch, arrivals, figure},
};

/// How long the replica is left alone with its audit.
const ALONE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn ends_with_the_lease() {
    assert_eq!(late(&mut three_replicas().await).await, []);
}

/// The negative control.
#[tokio::test]
async fn does_not_end_without_one() {
    let mut cluster = three_replicas().await;
    let victim = &mut cluster.gateways[VICTIM].process;
    victim.use_binary(&without_lease());
    victim.kill_and_restart().await;
    cluster.ready().await;
    let late = late(&mut cluster).await;
    assert!(
        !late.is_empty(),
        "with the lease off, nothing came late: the partition tests show nothing"
    );
    figure(&format!(
        "with the lease off, {} calls were dispatched late",
        late.len()
    ));
}

/// Cuts the victim off from the leaders of `control` and `registry` alone, disables the server, and gives what came late.
async fn late(cluster: &mut Cluster) -> Vec<Arrival> {
    let deaf_to = part_ways(cluster).await;
    let watch = Watch::start(cluster).await;
    let load = Load::start(cluster, VICTIM..REPLICAS, 2);
    load.serves(VICTIM..REPLICAS, Instant::now()).await;
    let brokers = cluster.brokers.as_ref().unwrap();
    for broker in deaf_to {
        brokers.set_one(VICTIM, broker, Way::Stalled);
    }
    let asked = Instant::now();
    let ((answer, _), hold) = tokio::join!(disable(cluster, 0), watch.hold_after(asked));
    assert_eq!(names(&answer, "expired"), ["gateway-2"], "{}", answer.body);
    tokio::time::sleep_until((hold + ALONE).into()).await;
    arrivals(&cluster.upstream, hold + BOUND)
}

/// Starts the victim again until the broker of its audit leads neither `control` nor `registry`, and gives those that do.
async fn part_ways(cluster: &mut Cluster) -> [usize; 2] {
    loop {
        let partition = cluster.audit_partition(&cluster.gateways[VICTIM].name).await;
        let audit = cluster.leader("audit", partition).await;
        let commands = [
            cluster.leader("control", 0).await,
            cluster.leader("registry", 0).await,
        ];
        if !commands.contains(&audit) {
            return commands;
        }
        cluster.gateways[VICTIM].process.kill_and_restart().await;
        cluster.ready().await;
    }
}

/// A build that serves without a lease: `make test-faults` makes it.
fn without_lease() -> PathBuf {
    let path = binary::here().join("../target/lease-off/onedoor");
    assert!(
        path.is_file(),
        "there is no {}: run `make test-faults`",
        path.display()
    );
    Path::canonicalize(&path).unwrap()
}
