//! What embedded engines do beyond the contract: batches are whole, and caps are kept to the byte.

use std::{collections::BTreeMap, pin::pin};

use bytes::Bytes;
use futures_util::{future::join_all, poll};
use onedoor_log::{ReadError, Stream};

use super::support::*;

pub(crate) async fn batches_are_whole_under_concurrent_appends(log: &Log) {
    let appends = (0..32).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..20 {
                let events = batch(task * 100 + n, 1 + n % 3, n * 10);
                let first = append(&log, Stream::Audit, events.clone()).await;
                acknowledged.extend((first..).zip(events));
                tokio::task::yield_now().await;
            }
            acknowledged
        })
    });
    let mut acknowledged = BTreeMap::new();
    for task in join_all(appends).await {
        for (offset, event) in task.unwrap() {
            assert_eq!(
                acknowledged.insert(offset, event),
                None,
                "offset {offset} was given twice"
            );
        }
    }
    let records = everything(log, Stream::Audit).await;
    assert_eq!(whole_batches(&records), 32 * 20);
    let held: BTreeMap<_, _> = records
        .into_iter()
        .map(|record| (record.offset.0, record.bytes))
        .collect();
    assert_eq!(held, acknowledged);
}

pub(crate) async fn keeps_the_newest_denials_and_everything_else(log: &Log) {
    for n in 0..100 {
        for stream in Stream::ALL {
            assert_eq!(append(log, stream, batch(n, 3, 100)).await, n as u64 * 3);
        }
    }
    for stream in [Stream::Registry, Stream::Audit] {
        assert_eq!(bounds(log, stream).await.first, at(0));
        assert_eq!(whole_batches(&everything(log, stream).await), 100);
    }
    let held = bounds(log, Stream::Denials).await;
    assert_eq!(held.end, at(300));
    let records = everything(log, Stream::Denials).await;
    let expected: Vec<_> = (0..100)
        .flat_map(|n| batch(n, 3, 100))
        .skip(300 - records.len())
        .collect();
    let events: Vec<_> = records.iter().map(|record| record.bytes.clone()).collect();
    assert_eq!(events, expected);
    let weight: u64 = records.iter().map(|record| record.bytes.len() as u64 + 32).sum();
    assert!(
        (DENIALS_BYTES - 200..=DENIALS_BYTES).contains(&weight),
        "{weight} bytes are kept"
    );
    let before = at(held.first.0 - 1);
    assert!(matches!(
        log.read(Stream::Denials, P0, before, 10).await,
        Err(ReadError::Truncated { first }) if first == held.first
    ));
}

pub(crate) async fn keeps_the_newest_denial_however_large(log: &Log) {
    append(log, Stream::Denials, one("small")).await;
    let large = Bytes::from(vec![b'x'; 2 * usize::try_from(DENIALS_BYTES).unwrap()]);
    append(log, Stream::Denials, vec![large.clone(), large.clone()]).await;
    let records = everything(log, Stream::Denials).await;
    assert_eq!(offsets(&records), [2]);
    assert_eq!(append(log, Stream::Denials, one("small")).await, 3);
    assert_eq!(offsets(&everything(log, Stream::Denials).await), [3]);
}

pub(crate) async fn a_dropped_append_is_whole_or_absent(log: &Log) {
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
    let stored = whole_batches(&records);
    assert!(
        (2..=76).contains(&stored),
        "{stored} batches: those never polled are absent, others may be there"
    );
}
