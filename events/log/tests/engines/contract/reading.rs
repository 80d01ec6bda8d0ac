//! What readers see.

use std::pin::pin;

use bytes::Bytes;
use futures_util::poll;
use onedoor_log::{MAX_EVENT_BYTES, MAX_READ_BYTES, ReadError, Stream, Tail};

use super::support::*;

pub(crate) async fn reads_are_bounded_by_records(log: &Log) {
    append(log, Stream::Audit, batch(0, 10, 0)).await;
    let read = async |from, max| offsets(&log.read(Stream::Audit, P0, at(from), max).await.unwrap());
    assert_eq!(read(0, 3).await, [0, 1, 2]);
    assert_eq!(read(3, 1).await, [3]);
    assert_eq!(read(8, usize::MAX).await, [8, 9]);
    assert!(read(0, 0).await.is_empty());
    assert!(read(10, 5).await.is_empty());
}

pub(crate) async fn reads_are_bounded_by_bytes(log: &Log) {
    let full = MAX_READ_BYTES / MAX_EVENT_BYTES;
    append(
        log,
        Stream::Audit,
        vec![Bytes::from(vec![0; MAX_EVENT_BYTES]); full + 2],
    )
    .await;
    let read = async |from| log.read(Stream::Audit, P0, at(from), 1_000).await.unwrap().len();
    assert_eq!(read(0).await, full);
    assert_eq!(read(full as u64).await, 2);
}

pub(crate) async fn reads_outside_of_the_bounds_are_errors(log: &Log) {
    let beyond = async |from, ends: u64| {
        let read = log.read(Stream::Registry, P0, at(from), 1).await;
        assert!(
            matches!(read, Err(ReadError::BeyondEnd { end }) if end == at(ends)),
            "{read:?}"
        );
    };
    assert!(log.read(Stream::Registry, P0, at(0), 1).await.unwrap().is_empty());
    beyond(1, 0).await;
    append(log, Stream::Registry, batch(0, 2, 0)).await;
    assert_eq!(bounds(log, Stream::Registry).await.end, at(2));
    beyond(3, 2).await;
    beyond(u64::MAX, 2).await;
}

pub(crate) async fn a_tail_sees_everything_once_in_order(log: &Log) {
    let writer = tokio::spawn({
        let log = log.clone();
        async move {
            for n in 0..200 {
                append(&log, Stream::Audit, batch(n, 1 + n % 4, 50)).await;
            }
        }
    });
    let mut tail = Tail::new(log.clone(), Stream::Audit, P0, at(0));
    let mut seen = Vec::new();
    while seen.len() < 500 {
        let records = tail.next().await.unwrap();
        assert!(!records.is_empty());
        seen.extend(records);
    }
    writer.await.unwrap();
    assert_eq!(tail.position(), at(500));
    assert_eq!(offsets(&seen), (0..500).collect::<Vec<_>>());
    assert_eq!(seen, everything(log, Stream::Audit).await);
    assert_eq!(whole_batches(&seen), 200);
}

pub(crate) async fn a_waiting_tail_is_woken(log: &Log) {
    for stream in Stream::ALL {
        append(log, stream, one("before")).await;
        let mut tail = Tail::new(log.clone(), stream, P0, at(1));
        let mut step = Box::pin(tail.next());
        // While these reads are done, the tail's own is too: it waits.
        for _ in 0..20 {
            assert!(poll!(&mut step).is_pending());
            log.read(stream, P0, at(0), 1).await.unwrap();
        }
        append(log, stream, one("after")).await;
        let records = step.await.unwrap();
        assert_eq!(offsets(&records), [1]);
        assert_eq!(records[0].bytes, "after");
    }
}

pub(crate) async fn a_dropped_step_of_a_tail_takes_nothing(log: &Log) {
    let mut tail = Tail::new(log.clone(), Stream::Audit, P0, at(0));
    let mut seen = Vec::new();
    for n in 0..100 {
        append(log, Stream::Audit, batch(n, 1, 0)).await;
        for _ in 0..n % 5 {
            let mut step = Box::pin(tail.next());
            if let std::task::Poll::Ready(records) = poll!(&mut step) {
                seen.extend(records.unwrap());
                break;
            }
        }
    }
    while seen.len() < 100 {
        seen.extend(tail.next().await.unwrap());
    }
    assert_eq!(offsets(&seen), (0..100).collect::<Vec<_>>());
}

pub(crate) async fn a_wait_ends_when_the_end_is_past_the_offset(log: &Log) {
    append(log, Stream::Registry, one("0")).await;
    log.wait_for(Stream::Registry, P0, at(0)).await.unwrap();
    let mut wait = pin!(log.wait_for(Stream::Registry, P0, at(2)));
    assert!(poll!(&mut wait).is_pending());
    append(log, Stream::Registry, one("1")).await;
    append(log, Stream::Audit, batch(0, 5, 0)).await;
    assert!(poll!(&mut wait).is_pending(), "the end is 2");
    append(log, Stream::Registry, one("2")).await;
    wait.await.unwrap();
}
