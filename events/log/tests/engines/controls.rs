//! Whether the contract would notice: each of its tests must turn red over an engine with a fault made for it.

use std::{future::pending, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use onedoor_log::{AppendError, Bounds, EventLog, MemoryLog, Options, Partition, ReadError, Record, Stream};
use onedoor_model::ids::Offset;

use crate::contract::{self, Log, P0};

/// What an engine may get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AltersBytes,
    GivesFinerTime,
    TearsBatches,
    ReversesBatches,
    LeavesHoles,
    StoresTwice,
    AnswersWithTheLastOffset,
    DelaysSmallAppends,
    MixesStreams,
    AcknowledgesWhatItRefused,
    TakesAnyPartition,
    NeverRemoves,
    IgnoresMaxRecords,
    IgnoresMaxBytes,
    HidesErrors,
    SkipsRecords,
    NeverWakes,
    WakesEarly,
    StaysOpen,
    ForgetsWhoWaits,
}

/// A log in memory with a fault.
#[derive(Debug)]
struct Faulty {
    sound: MemoryLog,
    fault: Fault,
}

impl Faulty {
    fn log(fault: Fault) -> Log {
        let denials_bytes = if fault == Fault::NeverRemoves {
            u64::MAX
        } else {
            contract::DENIALS_BYTES
        };
        Arc::new(Self {
            sound: MemoryLog::new(Options {
                denials_bytes,
                ..Options::default()
            }),
            fault,
        })
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn place(&self, stream: Stream, partition: Partition) -> (Stream, Partition) {
        (
            if self.has(Fault::MixesStreams) {
                Stream::Audit
            } else {
                stream
            },
            if self.has(Fault::TakesAnyPartition) {
                P0
            } else {
                partition
            },
        )
    }
}

#[async_trait]
impl EventLog for Faulty {
    fn partitions(&self, stream: Stream) -> u32 {
        self.sound.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        mut events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        let (stream, partition) = self.place(stream, partition);
        if self.has(Fault::DelaysSmallAppends) && events.len() == 1 {
            tokio::task::yield_now().await;
        }
        if self.has(Fault::ReversesBatches) {
            events.reverse();
        }
        if self.has(Fault::TearsBatches) {
            let mut first = None;
            for event in events {
                let offset = self.sound.append(stream, partition, vec![event]).await?;
                first.get_or_insert(offset);
                tokio::task::yield_now().await;
            }
            return Ok(first.unwrap());
        }
        if self.has(Fault::LeavesHoles) && events.len() > 2 {
            events.remove(1);
        }
        if self.has(Fault::StoresTwice) {
            self.sound.append(stream, partition, events.clone()).await?;
        }
        let more = events.len().saturating_sub(1) as u64;
        match self.sound.append(stream, partition, events).await {
            Ok(first) if self.has(Fault::AnswersWithTheLastOffset) => Ok(Offset(first.0 + more)),
            Err(_) if self.has(Fault::AcknowledgesWhatItRefused) => Ok(Offset(0)),
            Err(_) if self.has(Fault::ForgetsWhoWaits) => pending().await,
            outcome => outcome,
        }
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let (stream, partition) = self.place(stream, partition);
        let max_records = if self.has(Fault::IgnoresMaxRecords) {
            usize::MAX
        } else {
            max_records
        };
        let mut records = match self.sound.read(stream, partition, from, max_records).await {
            Err(_) if self.has(Fault::HidesErrors) => return Ok(vec![]),
            read => read?,
        };
        if self.has(Fault::IgnoresMaxBytes)
            && let Some(last) = records.last()
        {
            records.extend(
                self.sound
                    .read(stream, partition, last.offset.next(), max_records)
                    .await?,
            );
        }
        if self.has(Fault::SkipsRecords) && records.len() > 1 {
            records.remove(0);
        }
        for record in &mut records {
            if self.has(Fault::AltersBytes) {
                record.bytes = record.bytes.to_ascii_uppercase().into();
            }
            if self.has(Fault::GivesFinerTime) {
                record.time += Duration::from_nanos(1);
            }
        }
        Ok(records)
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        let (stream, partition) = self.place(stream, partition);
        self.sound.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        let (stream, partition) = self.place(stream, partition);
        if self.has(Fault::NeverWakes) {
            return pending().await;
        }
        if self.has(Fault::WakesEarly) {
            return Ok(());
        }
        self.sound.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        if !self.has(Fault::StaysOpen) {
            self.sound.close().await;
        }
    }
}

/// A test of the contract turns red when it panics, or never ends.
async fn is_red(test: impl Future<Output = ()>) -> bool {
    !matches!(
        tokio::time::timeout(Duration::from_secs(1), AssertUnwindSafe(test).catch_unwind()).await,
        Ok(Ok(()))
    )
}

macro_rules! controls {
    ($($test:ident $($fault:ident)+;)+) => {$(
        #[tokio::test]
        async fn $test() {
            let sound: Log = Arc::new(MemoryLog::new(contract::options()));
            contract::in_time(contract::$test(&sound)).await;
            for fault in [$(Fault::$fault),+] {
                assert!(is_red(contract::$test(&Faulty::log(fault))).await, "{fault:?}");
            }
        }
    )+};
}

controls!(
    gives_back_exactly_the_bytes AltersBytes StoresTwice;
    gives_time_in_milliseconds_that_never_goes_back GivesFinerTime;
    offsets_are_gapless_and_events_in_order_under_concurrent_appends ReversesBatches LeavesHoles StoresTwice AnswersWithTheLastOffset;
    appends_keep_the_order_of_their_calls DelaysSmallAppends;
    waiting_appends_keep_the_order_of_their_calls DelaysSmallAppends;
    batches_are_whole_under_concurrent_appends TearsBatches;
    streams_are_apart MixesStreams;
    refuses_what_is_too_large_or_empty_and_goes_on AcknowledgesWhatItRefused;
    refuses_a_partition_that_is_not_there TakesAnyPartition;
    keeps_the_newest_denials_and_everything_else NeverRemoves;
    keeps_the_newest_denial_however_large NeverRemoves;
    a_dropped_append_is_whole_or_absent TearsBatches;
    of_a_dropped_append_a_prefix_is_stored_once ReversesBatches LeavesHoles StoresTwice;
    reads_are_bounded_by_records IgnoresMaxRecords;
    reads_are_bounded_by_bytes IgnoresMaxBytes;
    reads_outside_of_the_bounds_are_errors HidesErrors;
    a_tail_sees_everything_once_in_order SkipsRecords StoresTwice;
    a_waiting_tail_is_woken NeverWakes;
    a_dropped_step_of_a_tail_takes_nothing SkipsRecords;
    a_wait_ends_when_the_end_is_past_the_offset WakesEarly NeverWakes;
    a_closed_log_refuses_everything StaysOpen;
    closing_answers_every_append ForgetsWhoWaits;
    closing_ends_waits StaysOpen NeverWakes;
);
