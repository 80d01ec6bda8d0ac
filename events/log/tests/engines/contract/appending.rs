//! What appends do.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
};

use bytes::Bytes;
use futures_util::{
    future::{MaybeDone, join_all, maybe_done},
    poll,
};
use onedoor_log::{
    AppendError, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, Partition, ReadError, Refusal, Stream,
};

use super::support::*;

pub(crate) async fn gives_back_exactly_the_bytes(log: &Log) {
    let events = vec![
        Bytes::new(),
        Bytes::from_static(b"\0"),
        Bytes::from((0..=u8::MAX).collect::<Vec<_>>()),
        Bytes::from_static("{\"text\": \"Zürich\u{2028}\"} \r\n".as_bytes()),
        Bytes::from(vec![0xff; MAX_EVENT_BYTES]),
    ];
    for stream in [Stream::Registry, Stream::Audit] {
        assert_eq!(append(log, stream, events.clone()).await, 0);
        assert_eq!(append(log, stream, events.clone()).await, events.len() as u64);
        let back: Vec<_> = everything(log, stream)
            .await
            .into_iter()
            .map(|record| record.bytes)
            .collect();
        assert_eq!(back, [events.clone(), events.clone()].concat());
    }
}

pub(crate) async fn gives_time_in_milliseconds_that_never_goes_back(log: &Log) {
    let before = jiff::Timestamp::now().as_millisecond();
    for n in 0..20 {
        append(log, Stream::Audit, batch(n, 2, 0)).await;
    }
    let after = jiff::Timestamp::now().as_millisecond();
    let times: Vec<_> = everything(log, Stream::Audit)
        .await
        .iter()
        .map(|record| record.time)
        .collect();
    assert!(times.is_sorted());
    assert!(times.iter().all(|time| time.subsec_nanosecond() % 1_000_000 == 0));
    assert!(
        times
            .iter()
            .all(|time| (before..=after).contains(&time.as_millisecond()))
    );
}

pub(crate) async fn offsets_are_gapless_and_events_in_order_under_concurrent_appends(log: &Log) {
    let appends = (0..32).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..20 {
                let events = batch(task * 100 + n, 1 + n % 3, n * 10);
                acknowledged.push((append(&log, Stream::Audit, events.clone()).await, events));
                tokio::task::yield_now().await;
            }
            acknowledged
        })
    });
    let appends: Vec<_> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    let records = everything(log, Stream::Audit).await;
    let places: BTreeMap<_, _> = records
        .iter()
        .map(|record| (&record.bytes, record.offset.0))
        .collect();
    assert_eq!(places.len(), records.len(), "each event is stored once");
    assert_eq!(records.len(), 32 * (7 + 7 * 2 + 6 * 3));
    for of_one_caller in appends {
        for (first, events) in &of_one_caller {
            assert_eq!(places[&events[0]], *first);
        }
        let in_order = of_one_caller
            .iter()
            .flat_map(|(_, events)| events)
            .map(|event| places[event]);
        assert!(in_order.is_sorted());
    }
}

pub(crate) async fn appends_keep_the_order_of_their_calls(log: &Log) {
    let appends = (0..300).map(|n| log.append(Stream::Audit, P0, batch(n, 1 + n % 3, 1_000)));
    for outcome in join_all(appends).await {
        outcome.unwrap();
    }
    let stored: Vec<_> = everything(log, Stream::Audit)
        .await
        .into_iter()
        .map(|record| record.bytes)
        .collect();
    let called: Vec<_> = (0..300).flat_map(|n| batch(n, 1 + n % 3, 1_000)).collect();
    assert!(stored == called, "the order is another");
}

/// Those that come while the engine is behind, too, whichever of them is polled first once there is room.
pub(crate) async fn waiting_appends_keep_the_order_of_their_calls(log: &Log) {
    // Far more than any engine takes at once.
    const APPENDS: usize = 250;
    let filling = "x".repeat(MAX_EVENT_BYTES / 2);
    let mut appends: Vec<_> = (0..APPENDS)
        .map(|n| log.append(Stream::Audit, P0, one(&format!("{n} {filling}"))))
        .map(maybe_done)
        .collect();
    for append in &mut appends {
        let _ = poll!(append);
    }
    // By then there is room for many more at once.
    log.wait_for(Stream::Audit, P0, at(50)).await.unwrap();
    let is_done = |append: &MaybeDone<_>| matches!(append, MaybeDone::Done(_));
    while !appends.iter().all(is_done) {
        for append in appends.iter_mut().rev() {
            let _ = poll!(append);
        }
        tokio::task::yield_now().await;
    }
    for append in &mut appends {
        Pin::new(append).take_output().unwrap().unwrap();
    }
    let stored = everything(log, Stream::Audit).await;
    let numbers = stored
        .iter()
        .map(|record| record.bytes.split(|byte| *byte == b' ').next().unwrap());
    let called = (0..APPENDS).map(|n| n.to_string());
    assert!(numbers.eq(called.map(String::into_bytes)), "the order is another");
}

pub(crate) async fn streams_are_apart(log: &Log) {
    for (count, stream) in Stream::ALL.into_iter().enumerate() {
        for n in 0..=count {
            append(log, stream, one(&format!("{stream} {n}"))).await;
        }
    }
    for (count, stream) in Stream::ALL.into_iter().enumerate() {
        let texts: Vec<_> = everything(log, stream)
            .await
            .into_iter()
            .map(|record| record.bytes)
            .collect();
        let expected: Vec<_> = (0..=count)
            .map(|n| Bytes::from(format!("{stream} {n}")))
            .collect();
        assert_eq!(texts, expected);
    }
}

pub(crate) async fn refuses_what_is_too_large_or_empty_and_goes_on(log: &Log) {
    let event = |bytes| Bytes::from(vec![b'x'; bytes]);
    let refusal = async |events| match log.append(Stream::Audit, P0, events).await {
        Err(AppendError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    };
    assert!(matches!(refusal(vec![]).await, Refusal::EmptyBatch));
    assert!(matches!(
        refusal(vec![event(1), event(MAX_EVENT_BYTES + 1)]).await,
        Refusal::EventTooLarge { index: 1, .. }
    ));
    assert!(matches!(
        refusal(vec![event(1); MAX_BATCH_EVENTS + 1]).await,
        Refusal::BatchTooLarge { .. }
    ));
    assert!(matches!(
        refusal(vec![
            event(MAX_EVENT_BYTES);
            MAX_BATCH_BYTES / MAX_EVENT_BYTES + 1
        ])
        .await,
        Refusal::BatchTooLarge { .. }
    ));
    assert_eq!(bounds(log, Stream::Audit).await.end, at(0));
    assert_eq!(
        append(log, Stream::Audit, vec![event(1); MAX_BATCH_EVENTS]).await,
        0
    );
    let largest = vec![event(MAX_EVENT_BYTES); MAX_BATCH_BYTES / MAX_EVENT_BYTES];
    assert_eq!(append(log, Stream::Audit, largest).await, MAX_BATCH_EVENTS as u64);
}

pub(crate) async fn refuses_a_partition_that_is_not_there(log: &Log) {
    for stream in Stream::ALL {
        let none = Partition(log.partitions(stream));
        assert!(matches!(
            log.append(stream, none, one("lost")).await,
            Err(AppendError::Refused(Refusal::NoSuchPartition(_)))
        ));
        assert!(matches!(
            log.read(stream, none, at(0), 1).await,
            Err(ReadError::NoSuchPartition(_))
        ));
        assert!(matches!(
            log.bounds(stream, none).await,
            Err(ReadError::NoSuchPartition(_))
        ));
        assert!(matches!(
            log.wait_for(stream, none, at(0)).await,
            Err(ReadError::NoSuchPartition(_))
        ));
    }
}

pub(crate) async fn of_a_dropped_append_a_prefix_is_stored_once(log: &Log) {
    for n in 0..100 {
        let mut append = pin!(log.append(Stream::Audit, P0, batch(n, 3, 2_000)));
        for _ in 0..n % 4 {
            if poll!(&mut append).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // An append is answered after those before it were dealt with.
    let last = append(log, Stream::Audit, batch(100, 1, 0)).await;
    let records = everything(log, Stream::Audit).await;
    assert_eq!(records.len() as u64, last + 1);
    for n in 0..100 {
        let events = batch(n, 3, 2_000);
        let stored: Vec<_> = records
            .iter()
            .map(|record| &record.bytes)
            .filter(|stored| events.contains(stored))
            .collect();
        assert!(events.iter().take(stored.len()).eq(stored), "of batch {n}");
    }
}
