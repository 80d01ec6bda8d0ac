//! Nothing is dispatched more than a second after a command that takes it away, whatever fails meanwhile.

use std::time::{Duration, Instant};

use onedoor_log::Stream;
use onedoor_tests::{
    admin::Reply,
    cluster::{Cluster, SLUG},
    stack::brokers::{Brokers, Settings},
    wait,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    fault::{Fault, VICTIM},
    load::{End, Load},
    watch::{BOUND, Times, Watch, arrivals, figure, unconfessed},
};

/// How many replicas there are.
pub(crate) const REPLICAS: usize = 3;
/// Callers at each.
const CALLERS: usize = 2;
/// Within what the last replica refuses, in 99 of 100 cases.
const GOAL: Duration = Duration::from_millis(100);
/// How long a fault goes on after a command.
const GOES_ON: Duration = Duration::from_secs(5);
/// How long is looked at after a fault, for what was held up by it.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Three replicas on three brokers.
pub(crate) async fn three_replicas() -> Cluster {
    let brokers = Brokers::start(Settings::Tuned, REPLICAS).await;
    Cluster::start_on(brokers, REPLICAS, 1).await
}

/// Takes the server away through a replica that works, as often as it says to try again; the answer, and when it came.
pub(crate) async fn disable(cluster: &Cluster, gateway: usize) -> (Reply, Instant) {
    // With the same Idempotency-Key each time.
    let request = cluster
        .admin(gateway)
        .request(Method::POST, &format!("/servers/{SLUG}/disable"))
        .json(&json!({ "reason": "a test" }));
    let answer = wait::until("the answer to disable", async || {
        let answer = Reply::of(request.try_clone().unwrap()).await;
        (answer.status != 503).then_some(answer)
    });
    (answer.await.expect(200), Instant::now())
}

/// The replicas that an answer names as `confirmed` or `expired`.
pub(crate) fn names<'a>(answer: &'a Reply, member: &str) -> Vec<&'a str> {
    let names = answer.body["enforced"][member].as_array().unwrap();
    names.iter().map(|name| name.as_str().unwrap()).collect()
}

/// Gives it back, and waits until all replicas serve it.
pub(crate) async fn enable(cluster: &Cluster, load: &Load) {
    // A replica may have confirmed by the hold, before it has the event.
    cluster.agreed().await;
    cluster.admin(0).act(SLUG, "enable").await.expect(200);
    load.serves(0..REPLICAS, Instant::now()).await;
}

/// Disables the server under load while something is wrong: what reaches the upstream later than it may, the audit owns up to.
async fn nothing_is_late(cluster: &mut Cluster, fault: Fault) {
    let watch = Watch::start(cluster).await;
    let load = Load::start(cluster, 0..REPLICAS, CALLERS);
    load.serves(0..REPLICAS, Instant::now()).await;

    let ongoing = fault.begin(cluster).await;
    let asked = Instant::now();
    let ((answer, answered), hold) = tokio::join!(disable(cluster, 0), watch.hold_after(asked));
    tokio::time::sleep_until((asked + GOES_ON).into()).await;
    ongoing.end(cluster).await;
    let disabled = End::Refused("server_disabled".to_owned());
    let refused = load.each(0..REPLICAS, asked, &disabled).await;
    tokio::time::sleep(AFTERMATH).await;

    // It stood in the log when it could be read, and when the first replica refused for it.
    let hold = hold.min(*refused.iter().min().unwrap());
    let bound = answered.min(hold + BOUND);
    let written = cluster.written(Stream::Audit).await;
    let seen = arrivals(&cluster.upstream, asked);
    assert_eq!(unconfessed(&seen, bound, &written), [], "late: {fault:?}");
    let late = seen.iter().filter(|arrival| arrival.at > bound).count();
    let most = if fault.pauses() { CALLERS } else { 0 };
    assert!(late <= most, "{late} are late, though said to be: {fault:?}");
    let last = seen.iter().map(|arrival| arrival.at).max().unwrap_or(hold);
    figure(&format!(
        "{fault:?}: answered after {:.0?}, last dispatch {:.0?} after the hold, replicas refuse after {:.0?}; {}",
        answered - asked,
        last.saturating_duration_since(hold),
        refused.iter().map(|at| *at - asked).collect::<Vec<_>>(),
        answer.body["enforced"]
    ));
    let expired = names(&answer, "expired");
    if fault.isolates_victim() {
        assert_eq!(expired, ["gateway-2"], "{fault:?}");
    } else if !fault.stops_a_leader() {
        assert_eq!(expired, [""; 0], "{fault:?}");
    }
    let named = names(&answer, "confirmed").len() + expired.len();
    assert_eq!(named, REPLICAS, "{fault:?}");

    enable(cluster, &load).await;
    let calls = load.stop().await;
    let judged = calls
        .iter()
        .filter(|call| call.gateway != VICTIM || !fault.isolates_victim());
    let unexpected: Vec<_> = judged
        .filter(|call| ![&End::Answered, &disabled].contains(&&call.end))
        .collect();
    assert!(unexpected.is_empty(), "{fault:?}: {unexpected:?}");
}

#[tokio::test]
async fn while_a_replica_stands_still() {
    nothing_is_late(&mut three_replicas().await, Fault::ReplicaPaused).await;
}

#[tokio::test]
async fn while_a_replica_is_cut_off_from_kafka() {
    let mut cluster = three_replicas().await;
    nothing_is_late(&mut cluster, Fault::KafkaStalled).await;
    nothing_is_late(&mut cluster, Fault::KafkaCut).await;
}

#[tokio::test]
async fn while_a_leader_is_dead_or_stands_still() {
    let mut cluster = three_replicas().await;
    for fault in [
        Fault::LeaderKilled("control"),
        Fault::LeaderPaused("control"),
        Fault::LeaderKilled("registry"),
        Fault::LeaderPaused("registry"),
    ] {
        nothing_is_late(&mut cluster, fault).await;
        cluster.brokers.as_ref().unwrap().complete().await;
    }
}

#[tokio::test]
async fn while_what_enforcement_does_not_need_is_down() {
    let mut cluster = three_replicas().await;
    // One that nobody comes up to, so that every call asks Redis.
    let limit = json!({ "perServer": { "perMinute": 1_000_000, "burst": 1_000_000 } });
    cluster
        .admin(0)
        .set(|settings| settings["rateLimits"] = limit)
        .await;
    cluster.agreed().await;
    for fault in [
        Fault::None,
        Fault::PostgresDown,
        Fault::ProjectorDown,
        Fault::RedisDown,
        Fault::RedisSlow,
        Fault::RedisFlushed,
        Fault::RedisGarbled,
    ] {
        nothing_is_late(&mut cluster, fault).await;
    }
}

/// How long a disable takes while all is well.
#[tokio::test]
async fn two_hundred_disables() {
    const TRIALS: usize = 200;
    let cluster = three_replicas().await;
    let load = Load::start(&cluster, 0..REPLICAS, 1);
    load.serves(0..REPLICAS, Instant::now()).await;
    let disabled = End::Refused("server_disabled".to_owned());
    let (mut last_refused, mut answers) = (Vec::new(), Vec::new());
    for trial in 0..TRIALS {
        let asked = Instant::now();
        let (_, answered) = disable(&cluster, trial % REPLICAS).await;
        let refused = load.each(0..REPLICAS, asked, &disabled).await;
        last_refused.push(*refused.iter().max().unwrap() - asked);
        answers.push(answered - asked);
        load.has_passed(answered).await;
        assert_eq!(arrivals(&cluster.upstream, answered), [], "trial {trial}");
        enable(&cluster, &load).await;
    }
    let calls = load.stop().await;
    assert!(
        calls
            .iter()
            .all(|call| [&End::Answered, &disabled].contains(&&call.end))
    );
    let last_refused = Times::new(last_refused);
    figure(&format!("disable, the last replica refuses: {last_refused}"));
    figure(&format!("disable, the answer: {}", Times::new(answers)));
    assert!(last_refused.percentile(100) < BOUND);
    assert!(
        last_refused.percentile(99) <= GOAL,
        "the goal of {GOAL:?} is for a `dist` build on a quiet machine"
    );
}
