//! Gaps, and boots that die.

use onedoor_log::Stream;
use onedoor_model::lease::DEAD_AFTER;

use super::{
    faulty::{Way, memory},
    replica::{Replica, in_time, until},
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
