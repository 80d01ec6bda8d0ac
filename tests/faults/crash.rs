//! kill -9 at random under load, and a projector that was thought dead: no call is lost, and a rebuild equals what is live.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use onedoor_log::Stream;
use onedoor_tests::{
    cluster::{Cluster, Written},
    dice::Dice,
    stack::brokers::{BROKERS, Brokers, Settings},
    wait,
};
use serde_json::Value;

use crate::{
    commands::told,
    freshness::REPLICAS,
    load::{End, Load},
    watch::{figure, ids},
};

/// How often something is killed.
const ROUNDS: usize = 12;

#[tokio::test]
async fn nothing_is_lost_to_kills_at_random() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let brokers = Brokers::start(Settings::Tuned, REPLICAS).await;
    let mut cluster = Cluster::start_on(brokers, REPLICAS, 2).await;
    let load = Load::start(&cluster, 0..REPLICAS, 3);
    for _ in 0..ROUNDS {
        load.serves(0..REPLICAS, Instant::now()).await;
        let one_of = dice.below(3);
        match dice.below(4) {
            0 => {
                cluster.projectors[one_of % 2].process.kill().await;
                cluster.projectors[one_of % 2].restart();
            }
            1 => {
                let brokers = cluster.brokers.as_mut().unwrap();
                brokers.kill(one_of % BROKERS).await;
                brokers.restart(one_of % BROKERS).await;
                brokers.complete().await;
            }
            _ => {
                cluster.gateways[one_of].process.kill().await;
                cluster.gateways[one_of].restart();
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
    figure(&format!(
        "kills: {} answered, {} lost with their replica, refused {refused:?}",
        count(&End::Answered),
        count(&End::Lost)
    ));

    let written = settled(&cluster).await;
    let called = ids(&written.of_type("ToolCalled"));
    let seen: BTreeSet<String> = cluster
        .upstream
        .requests()
        .iter()
        .filter_map(|request| request.header("onedoor-call-id"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        seen.difference(&called).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert!(seen.len() > 100, "{}", seen.len());

    // The index says of each call what the log does, once.
    let outcomes = outcomes(&written);
    let listed = listed(&cluster).await;
    let mut index = BTreeMap::new();
    for call in &listed {
        let (id, outcome) = (call["call"].as_str().unwrap(), call["outcome"].as_str().unwrap());
        assert!(index.insert(id, outcome).is_none(), "{id} twice");
    }
    for (call, outcome) in &outcomes {
        assert_eq!(index.get(call.as_str()), Some(&outcome.as_str()), "{call}");
    }
    rebuild_equals_live(&cluster).await;
}

#[tokio::test]
async fn a_projector_that_was_thought_dead_changes_nothing() {
    let brokers = Brokers::start(Settings::Tuned, 1).await;
    let cluster = Cluster::start_on(brokers, 1, 2).await;
    let load = Load::start(&cluster, 0..1, 2);
    load.serves(0..1, Instant::now()).await;
    for zombie in [0, 1, 0, 1] {
        cluster.projectors[zombie].process.pause().await;
        let behind = listed(&cluster).await.len();
        wait::until("the other projector to go on", async || {
            (listed(&cluster).await.len() > behind + 20).then_some(())
        })
        .await;
        cluster.projectors[zombie].process.resume().await;
        load.serves(0..1, Instant::now()).await;
    }
    load.stop().await;
    settled(&cluster).await;
    rebuild_equals_live(&cluster).await;
}

/// The audit, once each call in it has an outcome, and the index knows all of them.
async fn settled(cluster: &Cluster) -> Written {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let written = cluster.written(Stream::Audit).await;
        let outcomes = outcomes(&written);
        let open = outcomes.values().filter(|outcome| *outcome == "open").count();
        if open == 0 {
            let listed = listed(cluster).await;
            let known: BTreeSet<&str> = listed
                .iter()
                .filter(|call| call["outcome"] != "open")
                .map(|call| call["call"].as_str().unwrap())
                .collect();
            if outcomes.keys().all(|call| known.contains(call.as_str())) {
                return written;
            }
        }
        assert!(
            Instant::now() < deadline,
            "{open} of {} calls have no outcome",
            outcomes.len()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How each call in the audit ended: as its first outcome says, else unknown if its boot is closed.
fn outcomes(written: &Written) -> BTreeMap<String, String> {
    let closed: BTreeSet<&str> = written
        .of_type("BootClosed")
        .iter()
        .map(|event| event["data"]["closed"].as_str().unwrap())
        .collect();
    let mut outcomes: BTreeMap<String, String> = written
        .of_type("ToolCalled")
        .iter()
        .map(|event| {
            let unknown = closed.contains(event["boot"].as_str().unwrap());
            let outcome = if unknown { "unknown" } else { "open" };
            (
                event["data"]["call"].as_str().unwrap().to_owned(),
                outcome.to_owned(),
            )
        })
        .collect();
    for event in written.of_type("ToolCallCompleted").iter().rev() {
        let outcome = event["data"]["outcome"].as_str().unwrap();
        let call = event["data"]["call"].as_str().unwrap();
        outcomes
            .insert(call.to_owned(), outcome.to_owned())
            .expect("an outcome without a call");
    }
    outcomes
}

/// All calls that the index lists.
async fn listed(cluster: &Cluster) -> Vec<Value> {
    let admin = cluster.admin(0);
    let (mut calls, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&format!("/audit/calls?limit=1000{cursor}"))
            .await
            .expect(200)
            .body;
        calls.extend(page["calls"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return calls,
        }
    }
}

/// Rebuilds the projection, and compares what is told before and after.
async fn rebuild_equals_live(cluster: &Cluster) {
    let live = (told(cluster).await, listed(cluster).await);
    cluster.projectors[0].rebuild().await;
    assert_eq!((told(cluster).await, listed(cluster).await), live);
}
