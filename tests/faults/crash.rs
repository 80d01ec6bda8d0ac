//! kill -9 at random under load: no call is lost, and a rebuild equals what is live.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use onedoor_tests::{
    cluster::Cluster,
    dice::Dice,
    stack::brokers::{BROKERS, Brokers, Settings},
};

use crate::{
    freshness::REPLICAS,
    journal::Journal,
    load::{End, Load},
    thought_dead::rebuild_equals_live,
    watch::figure,
};

/// How many projectors there are.
const PROJECTORS: usize = 2;
/// A kill comes at most so many milliseconds after a call was answered.
const MOMENT_MS: usize = 300;

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Gateway,
    Projector,
    Broker,
}

#[tokio::test]
async fn nothing_is_lost_to_kills_at_random() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let brokers = Brokers::start(Settings::Tuned, REPLICAS).await;
    let mut cluster = Cluster::start_on(brokers, REPLICAS, PROJECTORS).await;
    let load = Load::start(&cluster, 0..REPLICAS, 3);
    // Each kind for certain; the dice choose the order, the moment, and which one.
    let mut kills = [
        [Killed::Gateway; 6].as_slice(),
        &[Killed::Projector; 3],
        &[Killed::Broker; 3],
    ]
    .concat();
    while !kills.is_empty() {
        load.serves(0..REPLICAS, Instant::now()).await;
        tokio::time::sleep(Duration::from_millis(dice.below(MOMENT_MS) as u64)).await;
        match kills.swap_remove(dice.below(kills.len())) {
            Killed::Gateway => {
                let gateway = dice.below(REPLICAS);
                cluster.gateways[gateway].process.kill_and_restart().await;
            }
            Killed::Projector => {
                let projector = dice.below(PROJECTORS);
                cluster.projectors[projector].process.kill_and_restart().await;
            }
            Killed::Broker => {
                let broker = dice.below(BROKERS);
                let brokers = cluster.brokers.as_mut().unwrap();
                brokers.kill(broker).await;
                brokers.restart(broker).await;
                brokers.complete().await;
            }
        }
        cluster.ready().await;
    }
    let calls = load.stop().await;
    let refused: BTreeSet<_> = calls
        .iter()
        .filter(|call| matches!(call.end, End::Refused(_)))
        .map(|call| format!("{:?}", call.end))
        .collect();
    let count = |end: &End| calls.iter().filter(|call| call.end == *end).count();
    let (answered, lost) = (count(&End::Answered), count(&End::Lost));
    let journal = Journal::settled(&cluster).await;
    let unknown = journal.count("unknown");
    figure(&format!(
        "kills: {answered} answered, {lost} lost with their replica, {unknown} unknown, refused {refused:?}"
    ));
    // Who dies right after an answer has not recorded it.
    assert!(
        journal.count("succeeded") + unknown >= answered,
        "an answer is not recorded"
    );
    assert!(unknown > 0, "no kill met a call: the test shows nothing");
    rebuild_equals_live(&cluster).await;
}
