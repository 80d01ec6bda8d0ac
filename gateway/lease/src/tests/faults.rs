//! Gaps, and boots that die.

use std::sync::Arc;

use onedoor_log::{ReadError, Stream};
use onedoor_model::{ids::Offset, lease::DEAD_AFTER};

use super::{
    faulty::{Way, memory},
    replica::{Replica, disable, in_time, until},
};
use crate::ControlError;

#[tokio::test]
async fn a_boot_that_died_is_told_as_dead_and_one_that_was_never_seen_too() {
    let log = memory();
    let (dead, living) = (
        Replica::start("dead", &log).await,
        Replica::start("living", &log).await,
    );
    until(|| living.control.replicas().len() == 2).await;
    assert!(living.control.replicas().iter().all(|replica| !replica.is_dead));
    dead.kill();
    assert!(!living.control.is_dead(dead.boot.id));
    until(|| living.control.is_dead(dead.boot.id)).await;
    assert!(!living.control.is_dead(living.boot.id));
    let told: Vec<_> = living
        .control
        .replicas()
        .into_iter()
        .map(|replica| (replica.replica.to_string(), replica.is_dead))
        .collect();
    assert_eq!(told, [("dead".to_owned(), true), ("living".to_owned(), false)]);
}

#[tokio::test]
async fn a_boot_that_was_taken_for_dead_stops_when_it_comes_back() {
    let log = memory();
    let (paused, living) = (
        Replica::start("paused", &log).await,
        Replica::start("living", &log).await,
    );
    paused.log.cut(Stream::Control, Way::Append);
    until(|| living.control.is_dead(paused.boot.id)).await;
    let error = in_time(paused.task).await.unwrap();
    assert!(
        matches!(error, ControlError::TakenForDead),
        "{error} after {DEAD_AFTER:?}"
    );
    assert!(!paused.control.lease().may_serve());
    assert!(living.control.lease().may_serve());
}

#[tokio::test]
async fn after_a_gap_a_replica_joins_again_and_what_is_held_is_held() {
    let log = memory();
    let (here, there) = (
        Replica::start("here", &log).await,
        Replica::start("there", &log).await,
    );
    here.register("finance").await;
    here.log.cut(Stream::Registry, Way::Append);
    let control = Arc::clone(&here.control);
    tokio::spawn(async move { control.execute(Replica::order("off", disable("finance"))).await });
    until(|| there.refuses("finance")).await;

    let joined = there.control.registry().snapshot().revision();
    let expired = there.control.lease().expired();
    *there.log.fails.lock() = Some(ReadError::Truncated { first: Offset(0) });
    until(|| {
        assert!(there.refuses("finance"));
        there.control.lease().expired() > expired
    })
    .await;
    there.serves().await;
    assert!(there.refuses("finance") && !there.is_disabled("finance"));
    assert!(
        there.control.registry().snapshot().revision() > joined,
        "it has joined again"
    );
    assert!(!there.task.is_finished());
}

#[tokio::test]
async fn a_boot_ends_with_the_stream_that_it_has_ticked_into() {
    let log = memory();
    let replica = Replica::start("a", &log).await;
    *replica.log.fails.lock() = Some(ReadError::BeyondEnd { end: Offset(0) });
    let error = in_time(replica.task).await.unwrap();
    assert!(matches!(error, ControlError::Read(_)), "{error}");
    assert!(!replica.control.lease().may_serve());
}

#[tokio::test]
async fn an_earlier_run_of_a_replica_is_shown_for_as_long_as_it_may_serve() {
    let log = memory();
    let (first, other) = (Replica::start("a", &log).await, Replica::start("b", &log).await);
    first.kill();
    let again = Replica::start("a", &log).await;
    let boots = || {
        let replicas = other.control.replicas();
        replicas
            .into_iter()
            .map(|replica| replica.boot)
            .collect::<Vec<_>>()
    };
    until(|| boots() == [again.boot.id, other.boot.id]).await;
    // One that no other has followed is shown, though it does not serve.
    again.kill();
    other.serves().await;
    until(|| other.control.replicas()[0].lease.is_zero()).await;
    assert_eq!(boots(), [again.boot.id, other.boot.id]);
}
