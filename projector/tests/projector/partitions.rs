//! Several partitions of `audit`: each boot has one, and writes to no other.

use std::sync::Arc;

use bytes::Bytes;
use onedoor_log::{AppendError, Bounds, EventLog, Partition, ReadError, Record, Stream};
use onedoor_model::{
    audit::{BootEnd, Outcome},
    ids::{BootId, Offset, ServerId},
};
use onedoor_projector::CallOutcome;
use uuid::Uuid;

use crate::{
    scene::all,
    support::{Engine, Projector, Room, Writer, memory, soon},
};

on_both! {
    each_partition_is_followed_on_its_own,
    who_closes_another_boot_has_no_boot_in_its_partition,
}

const PARTITIONS: u32 = 3;

/// One log whose `audit` has the partitions of several.
#[derive(Debug)]
struct Partitioned(Vec<Arc<dyn EventLog>>);

impl Partitioned {
    fn of(&self, partition: Partition) -> Result<&Arc<dyn EventLog>, ReadError> {
        self.0.get(partition.0 as usize).ok_or(ReadError::Closed)
    }
}

#[async_trait::async_trait]
impl EventLog for Partitioned {
    fn partitions(&self, stream: Stream) -> u32 {
        if stream == Stream::Audit { PARTITIONS } else { 1 }
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        self.0[partition.0 as usize]
            .append(stream, Partition(0), events)
            .await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.of(partition)?.read(stream, Partition(0), from, max).await
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.of(partition)?.bounds(stream, Partition(0)).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.of(partition)?.wait_for(stream, Partition(0), offset).await
    }

    async fn close(&self) {}
}

async fn each_partition_is_followed_on_its_own(engine: Engine) {
    let logs = [memory().await, memory().await, memory().await];
    let log: Arc<dyn EventLog> = Arc::new(Partitioned(logs.to_vec()));
    Writer::begin(&logs[0]).await;
    let mut writers: Vec<Writer> = logs.iter().map(|log| Writer::new(log, "replica-1")).collect();
    let server = ServerId(Uuid::now_v7());
    let mut calls = Vec::new();
    for (writer, ends) in writers.iter_mut().zip([1, 2, 3]) {
        writer.open().await;
        for round in 0..3 {
            let call = writer.call(server, "finance", "pay", "ada").await;
            calls.push(call);
            if round < ends {
                writer.complete(call, Outcome::Succeeded).await;
            }
        }
    }
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    let everything = async || {
        for (partition, part) in (0..).map(Partition).zip(&logs) {
            let end = part.bounds(Stream::Audit, Partition(0)).await.unwrap().end;
            soon(room.store.reached(Stream::Audit, partition, Offset(end.0 - 1))).await;
            assert_eq!(room.store.position(Stream::Audit, partition).await.unwrap(), end);
        }
    };
    everything().await;
    let open = room.store.open_boots(BootId(Uuid::now_v7())).await.unwrap();
    let found: Vec<_> = open.iter().map(|boot| (boot.boot, boot.partition)).collect();
    let expected: Vec<_> = writers
        .iter()
        .map(|writer| writer.boot)
        .zip((0..).map(Partition))
        .collect();
    assert_eq!(found, expected);

    // A boot is closed in its own partition; elsewhere that says nothing.
    let dead = writers[0].boot;
    writers[1].close(dead, BootEnd::Died).await;
    everything().await;
    assert_eq!(room.store.open_boots(writers[2].boot).await.unwrap().len(), 2);
    writers[0].close(dead, BootEnd::Died).await;
    everything().await;
    let open = room.store.open_boots(writers[2].boot).await.unwrap();
    assert_eq!(
        open.iter().map(|boot| boot.boot).collect::<Vec<_>>(),
        [writers[1].boot]
    );
    let rows = room.store.calls(&all()).await.unwrap().items;
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    assert_eq!(
        [CallOutcome::Succeeded, CallOutcome::Unknown, CallOutcome::Open].map(count),
        [6, 2, 1]
    );
    projector.stop().await.unwrap();
}

/// The end of a dead boot stands in that one's partition, but is an event of the boot that found it dead.
async fn who_closes_another_boot_has_no_boot_in_its_partition(engine: Engine) {
    let logs = [memory().await, memory().await, memory().await];
    let log: Arc<dyn EventLog> = Arc::new(Partitioned(logs.to_vec()));
    Writer::begin(&logs[0]).await;
    let mut dead = Writer::new(&logs[0], "replica-1");
    dead.open().await;
    let mut living = Writer::new(&logs[1], "replica-2");
    living.open().await;
    living.log = Arc::clone(&logs[0]);
    let closed = living.close(dead.boot, BootEnd::Died).await;
    living.log = Arc::clone(&logs[1]);
    let drained = living.close(living.boot, BootEnd::Drained).await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    soon(room.store.reached(Stream::Audit, Partition(0), closed)).await;
    soon(room.store.reached(Stream::Audit, Partition(1), drained)).await;
    assert_eq!(room.store.open_boots(BootId(Uuid::now_v7())).await.unwrap(), []);
    projector.stop().await.unwrap();
}
