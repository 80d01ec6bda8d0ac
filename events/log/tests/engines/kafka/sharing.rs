//! Many processes share a log in Kafka. Each has its own client here, as it would there.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use onedoor_log::{Options, Partition, Stream, Tail};

use super::{Topics, open};
use crate::contract::{Log, P0, append, at, batch, everything, in_time, one};

const WRITERS: usize = 3;
const EACH: usize = 10;
const OF: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_interleave_and_all_readers_see_the_same() {
    let topics = Topics::new();
    let logs: Vec<Log> = join_all((0..WRITERS).map(|_| open(&topics, Options::default()))).await;
    let readers: Vec<_> = logs
        .iter()
        .cloned()
        .map(|log| tokio::spawn(follow(log)))
        .collect();
    let writers = logs.iter().enumerate().map(|(writer, log)| write(log, writer));
    let acknowledged: Vec<_> = in_time(join_all(writers)).await.into_iter().flatten().collect();
    let seen: Vec<_> = in_time(join_all(readers))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(seen.iter().all(|others| *others == seen[0]));
    for (first, events) in acknowledged {
        assert!(seen[0][&first] == events[0], "at {first}");
        // Others' may stand between them.
        let of_it = seen[0].values().filter(|event| events.contains(event));
        assert!(of_it.eq(&events), "the events of {first} in their order");
    }
}

/// Each batch that was acknowledged, and the place of its first event.
async fn write(log: &Log, writer: usize) -> Vec<(u64, Vec<Bytes>)> {
    let mut acknowledged = Vec::new();
    for n in 0..EACH {
        // So large that they do not all fit into one request.
        let events = batch(writer * EACH + n, OF, 200_000);
        acknowledged.push((append(log, Stream::Audit, events.clone()).await, events));
    }
    acknowledged
}

async fn follow(log: Log) -> BTreeMap<u64, Bytes> {
    let mut tail = Tail::new(log, Stream::Audit, P0, at(0));
    let mut seen = BTreeMap::new();
    while seen.len() < WRITERS * EACH * OF {
        let records = tail.next().await.unwrap();
        seen.extend(records.into_iter().map(|record| (record.offset.0, record.bytes)));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_apart() {
    let topics = Topics::new();
    let log = open(&topics, Options::default()).await;
    let other = Partition(1);
    assert_eq!(append(&log, Stream::Audit, one("first")).await, 0);
    assert_eq!(
        log.append(Stream::Audit, other, one("second")).await.unwrap(),
        at(0)
    );
    assert_eq!(everything(&log, Stream::Audit).await[0].bytes, "first");
    let read = log.read(Stream::Audit, other, at(0), 10).await.unwrap();
    assert_eq!(read[0].bytes, "second");
}
