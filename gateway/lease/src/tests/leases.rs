//! When a replica serves.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use onedoor_log::{EventLog as _, Stream};
use onedoor_model::{
    control::{ControlEvent, Tick},
    envelope::{Chain, Producer},
    ids::{BootId, LogId, Offset},
    lease::LEASE,
};
use onedoor_registry::Boot;
use uuid::Uuid;

use super::{
    faulty::{Way, memory},
    replica::{Replica, disable, in_time, until},
};
use crate::{ControlError, now, start::PARTITION};

#[tokio::test]
async fn a_replica_serves_once_it_has_joined_and_goes_on() {
    let log = memory();
    let replica = Replica::start("a", &log).await;
    let first = replica.control.lease().until();
    assert!(first > now() && first <= now().plus(LEASE));
    until(|| replica.control.lease().until() > first).await;
    assert!(replica.control.lease().may_serve());
    let joined = log.read(Stream::Registry, PARTITION, Offset(1), 1).await.unwrap();
    assert!(String::from_utf8_lossy(&joined[0].bytes).contains("ReplicaJoined"));
}

#[tokio::test]
async fn a_replica_that_cannot_read_either_stream_or_tick_serves_no_longer_than_its_lease() {
    for (stream, way) in [
        (Stream::Control, Way::Read),
        (Stream::Control, Way::Append),
        // Another replica's ticks carry what it has not folded.
        (Stream::Registry, Way::Read),
    ] {
        let log = memory();
        let (cut, other) = (
            Replica::start("cut", &log).await,
            Replica::start("other", &log).await,
        );
        cut.log.cut(stream, way);
        let since = now();
        other.register("finance").await;
        cut.serves_not().await;
        let lasted = now().since(since);
        assert!(lasted < Duration::from_secs(1), "{stream} {way:?}: {lasted:?}");
        assert!(other.control.lease().may_serve(), "{stream} {way:?}");
        cut.log.heal();
        cut.serves().await;
        assert!(
            cut.control.registry().snapshot().server("finance").is_some(),
            "{stream} {way:?}"
        );
    }
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_not_piled_up_with_ticks() {
    let log = memory();
    let replica = Replica::start("a", &log).await;
    replica.log.cut(Stream::Control, Way::Append);
    until(|| replica.log.ticking.load(Ordering::SeqCst) >= 4).await;
    tokio::time::sleep(3 * LEASE).await;
    assert_eq!(replica.log.ticking.load(Ordering::SeqCst), 4);
    // Late ticks renew nothing; the next one does.
    replica.log.heal();
    replica.serves().await;
}

#[tokio::test]
async fn ticks_that_are_stored_twice_change_nothing() {
    let log = memory();
    let replica = Replica::start("a", &log).await;
    replica.log.twice.store(true, Ordering::SeqCst);
    let first = replica.control.lease().until();
    until(|| replica.control.lease().until() > first.plus(LEASE)).await;
    assert!(!replica.task.is_finished());
}

#[tokio::test]
async fn a_replica_does_not_serve_before_it_has_read_what_is_held() {
    let log = memory();
    let first = Replica::start("first", &log).await;
    first.register("finance").await;
    first.log.cut(Stream::Registry, Way::Append);
    let control = Arc::clone(&first.control);
    tokio::spawn(async move { control.execute(Replica::order("off", disable("finance"))).await });
    until(|| first.refuses("finance")).await;

    let second = Replica::begin_cut("second", &log, Stream::Control).await;
    tokio::time::sleep(LEASE).await;
    assert!(!second.control.lease().may_serve());
    second.log.heal();
    second.serves().await;
    assert!(second.refuses("finance") && !second.is_disabled("finance"));
}

#[tokio::test]
async fn a_record_of_another_log_ends_serving_for_good() {
    let log = memory();
    let replica = Replica::start("a", &log).await;
    let tick = Tick {
        log: LogId(Uuid::now_v7()),
        nonce: 0,
        revision: Offset(0),
        control: Offset(0),
        oldest_hold: None,
        vocabulary: 1,
    };
    let chain = Chain::new("b".parse().unwrap(), Producer::Control, BootId(Uuid::now_v7()));
    let (bytes, _) = chain.seal(Boot::draft(ControlEvent::Tick(tick))).unwrap();
    log.append(Stream::Control, PARTITION, vec![Bytes::from(bytes)])
        .await
        .unwrap();
    let error = in_time(replica.task).await.unwrap();
    assert!(matches!(error, ControlError::Stopped(_)), "{error}");
    assert!(!replica.control.lease().may_serve());
    assert!(replica.control.registry().is_stopped());
}

#[tokio::test]
async fn an_unknown_event_of_either_stream_ends_serving_for_good() {
    for stream in [Stream::Control, Stream::Registry] {
        let log = memory();
        let replica = Replica::start("a", &log).await;
        let known = log.read(stream, PARTITION, Offset(0), 1).await.unwrap();
        let unknown = String::from_utf8(known[0].bytes.to_vec())
            .unwrap()
            .replace(".v1", ".v9");
        log.append(stream, PARTITION, vec![Bytes::from(unknown)])
            .await
            .unwrap();
        in_time(replica.task).await.unwrap();
        assert!(!replica.control.lease().may_serve(), "{stream}");
    }
}
