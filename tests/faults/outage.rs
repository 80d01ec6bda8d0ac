//! A broker's death under load is latency, not failure.

use std::time::{Duration, Instant};

use onedoor_tests::{
    cluster::Cluster,
    stack::brokers::{Brokers, Settings},
};

use crate::{
    fault::Fault,
    freshness::REPLICAS,
    journal::Journal,
    load::{End, Load, longest},
    watch::figure,
};

/// How long is looked at after a death.
const AFTERMATH: Duration = Duration::from_secs(15);
/// Without a fault no call takes so long.
const FELT: Duration = Duration::from_secs(1);

/// Kills and pauses brokers under load; no call fails or is lost, and how long calls took is told.
async fn calls_wait(settings: Settings) {
    let brokers = Brokers::start(settings, REPLICAS).await;
    let mut cluster = Cluster::start_on(brokers, REPLICAS, 1).await;
    let (mut answered, mut failures) = (0, Vec::new());
    for fault in [
        Fault::LeaderKilled("control"),
        Fault::LeaderKilled("audit"),
        Fault::LeaderPaused("control"),
    ] {
        let load = Load::start(&cluster, 0..REPLICAS, 2);
        load.serves(0..REPLICAS, Instant::now()).await;
        let ongoing = fault.begin(&mut cluster).await;
        tokio::time::sleep(AFTERMATH).await;
        ongoing.end(&mut cluster).await;
        load.serves(0..REPLICAS, Instant::now()).await;
        let calls = load.stop().await;
        let (gap, call) = longest(&calls);
        let failed: Vec<_> = calls.iter().filter(|call| call.end != End::Answered).collect();
        figure(&format!(
            "{settings:?} brokers, {fault:?}: nothing answered for {gap:.1?}, the longest call took {call:.1?}, {} of {} failed",
            failed.len(),
            calls.len()
        ));
        assert!(call > FELT, "{fault:?} was not felt: the test shows nothing");
        answered += calls.len() - failed.len();
        failures.extend(failed.into_iter().map(|call| (fault, call.clone())));
        cluster.brokers.as_ref().unwrap().complete().await;
    }
    assert!(failures.is_empty(), "{failures:?}");
    let journal = Journal::settled(&cluster).await;
    assert_eq!((journal.count("succeeded"), journal.len()), (answered, answered));
}

#[tokio::test]
async fn of_tuned_brokers_is_latency() {
    calls_wait(Settings::Tuned).await;
}

#[tokio::test]
async fn of_plain_brokers_is_latency() {
    calls_wait(Settings::Plain).await;
}
